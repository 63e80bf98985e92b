# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a jump takes until it is known to have come about, in four ways on the same guest, in turns, in one run.

In each turn, one way goes from the older kernel to the newer and back, so each has as many jumps of both directions.
Results are ratios: of the medians, and in brackets of the first quartiles.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

from lab import kernels
from lab.layout import RunFolder
from lab.report import boots_of
from lab.run import access
from lab.state import read_state

from . import by_hand, native
from .common import GUEST, HERE, RESULTS, RUN, guest, keep, quartiles, run_playbook, turns
from .shares import medians, page

KEXEC_REBOOT, REBOOT, ROLE = "kho.kexec.kexec_reboot", "ansible.builtin.reboot", "kho.kexec.kexec_upgrade"
BARE_LIMIT = "the bare limit"
WAYS = (KEXEC_REBOOT, REBOOT, BARE_LIMIT, ROLE)
COUNTED_SSH = HERE / "counted-ssh"
# What `play` adds: the two readings of the clock, and what is done after them.
OWN_TASKS = ("ansible.builtin.set_fact", "ansible.builtin.copy", "ansible.builtin.meta", "set_fact", "copy", "meta")
_UPTIME = Path("/proc/uptime")


@dataclass(frozen=True)
class Comparison:
    """One way's time as a multiple of another's, and what it shall be."""

    way: str
    other: str
    aim: str | None


COMPARISONS = (
    Comparison(KEXEC_REBOOT, BARE_LIMIT, "at most 1.10"),
    Comparison(REBOOT, KEXEC_REBOOT, "at least 1.4"),
    Comparison(ROLE, KEXEC_REBOOT, "at most 1.25"),
)


@dataclass(frozen=True)
class Sample:
    """One jump to the kernel ``to``: its seconds, how often ssh was called meanwhile, and what the task returned.

    ``tasks`` is what the stopwatch wrote of each task.
    """

    way: str
    round: int
    to: str
    seconds: float
    ssh_calls: int
    returned: dict[str, Any]
    tasks: list[dict[str, Any]] = field(default_factory=list)


class NoKexec(Exception):
    """What a way did was not a kexec into the kernel that it was to go to, seen from outside."""


# --- one jump, written as a playbook ------------------------------------------------------------------------------


def play(way: str, release: str, answer: Path) -> list[dict[str, Any]]:
    """Return a playbook that goes to ``release``. In ``answer``: when the jump began and ended, and what it returned.

    Only the jump lies between the two times; staging does too for the role, which is measured as a whole.
    """
    stage: list[dict[str, Any]] = []
    if way == KEXEC_REBOOT:
        stage = [{"kho.kexec.kexec_image": {"release": release, "allow_downgrade": True}}]
        jump: dict[str, Any] = {way: {}, "register": "returned"}
    elif way == REBOOT:
        load = ["kexec", "-s", "-l", f"/boot/vmlinuz-{release}", "--reuse-cmdline"]
        stage = [{"ansible.builtin.command": {"argv": load}}]
        jump = {way: {"reboot_command": "systemctl kexec"}, "register": "returned"}
    else:
        jump = {"ansible.builtin.import_role": {"name": way}}
    tasks = [*stage, _remember("began"), {**jump, "timeout": int(by_hand.GIVE_UP_AFTER)}, _remember("ended")]
    # The next way may jump while this connection is still shared, and its users would then wait forever.
    tasks += [{"ansible.builtin.meta": "reset_connection"}, _write(answer)]
    return [
        {
            "name": f"Go to {release} by {way}",
            "hosts": "all",
            "gather_facts": False,
            "vars": {"kexec_upgrade_target": release, "kexec_upgrade_allow_downgrade": True},
            "tasks": tasks,
        }
    ]


def _remember(name: str) -> dict[str, Any]:
    """Return a task that keeps the seconds of a clock that nobody sets; costs the controller a few milliseconds."""
    clock = f"{{{{ (lookup('ansible.builtin.file', '{_UPTIME}') | split)[0] | float }}}}"
    return {"ansible.builtin.set_fact": {name: clock}}


def _write(answer: Path) -> dict[str, Any]:
    """Return a task that writes down what was found, on the controller."""
    return {
        "ansible.builtin.copy": {
            "content": "{{ {'began': began, 'ended': ended, 'returned': returned | default({})} | to_json }}",
            "dest": str(answer),
            "mode": "0644",
        },
        "delegate_to": "localhost",
        "vars": {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        },
    }


# --- one jump, done and checked -----------------------------------------------------------------------------------


class Bench:
    """The jumps on one guest."""

    def __init__(self, inventory: str, releases: Sequence[str]) -> None:
        """``releases`` are those of the newer and of the older kernel, in this order; the older one runs."""
        folder = RunFolder.of(RUN)
        port = read_state(folder.state).guests[GUEST].ssh_port
        assert port is not None
        self._inventory = inventory
        self._releases = releases
        self._folder = folder.guest(GUEST)
        self._shell = by_hand.Shell(access(folder), port)
        self._limit = by_hand.Shell(access(folder), port, str(COUNTED_SSH))
        self._calls = RESULTS / "ssh-calls"

    def measure(self, chosen: Sequence[str], rounds: int) -> Iterator[Sample]:
        """Yield a sample of each jump of the chosen ways."""
        os.environ["BENCH_SSH_CALLS"] = str(self._calls)
        for number, ways in enumerate(turns(chosen, rounds), start=1):
            for way in ways:
                for release in self._releases:
                    sample = self._jump(way, number, release)
                    print(f"round {number}: {way} to {release}: {sample.seconds:.1f} s", file=sys.stderr, flush=True)
                    yield sample

    def _jump(self, way: str, number: int, release: str) -> Sample:
        # The boot before may still be going on, and would make this way seem slow.
        self._shell.run("systemctl", "is-system-running", "--wait")
        before = len(boots_of(self._folder))
        self._calls.write_text("")
        found = self._go_by_hand(release) if way == BARE_LIMIT else self._go_by_playbook(way, release)
        began, ended = found["began"], found["ended"]
        self._require_kexec(way, before, release)
        calls = count_between(self._calls.read_text(), began, ended)
        return Sample(way, number, release, round(ended - began, 2), calls, found["returned"], found.get("tasks", []))

    def _go_by_hand(self, release: str) -> dict[str, Any]:
        by_hand.load(self._shell, release)
        left = self._shell.boot_id()
        assert left is not None
        began = _uptime()
        by_hand.jump(self._limit, left)
        return {"began": began, "ended": _uptime(), "returned": {}}

    def _go_by_playbook(self, way: str, release: str) -> dict[str, Any]:
        answer, playbook = RESULTS / "answer.json", RESULTS / "playbook.json"
        answer.unlink(missing_ok=True)
        playbook.write_text(json.dumps(play(way, release, answer)))
        tasks = RESULTS / "tasks.jsonl"
        tasks.write_text("")
        run_playbook(
            self._inventory,
            playbook,
            {
                "ANSIBLE_SSH_EXECUTABLE": str(COUNTED_SSH),
                "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
                "ANSIBLE_CALLBACKS_ENABLED": "stopwatch",
                "BENCH_SAMPLES": str(tasks),
            },
        )
        found: dict[str, Any] = json.loads(answer.read_text())
        of_the_jump = [json.loads(line) for line in tasks.read_text().splitlines()]
        return {**found, "tasks": [one for one in of_the_jump if one["task"] not in OWN_TASKS]}

    def _require_kexec(self, way: str, before: int, release: str) -> None:
        boots = boots_of(self._folder)[before:]
        if [(boot.cause, boot.release) for boot in boots] != [("kexec", release)]:
            raise NoKexec(f"{way} was to go to {release} by one kexec; seen: {', '.join(map(str, boots)) or 'no boot'}")


def _uptime() -> float:
    return float(_UPTIME.read_text().split()[0])


def count_between(calls: str, began: float, ended: float) -> int:
    """Return how many of the calls that counted-ssh noted, a time a line, are of that time."""
    return sum(began <= float(line) <= ended for line in calls.splitlines())


# --- all jumps, compared ------------------------------------------------------------------------------------------


def summarize(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return what each way that was gone took for a jump, and the comparisons of these.

    The directions differ, and a median over both would lie anywhere between them: each has its own, and what counts is
    the mean of the two. ``seconds`` are quartiles; ``ssh_calls`` a median; ``ratios`` those of the medians,
    ``undisturbed`` those of the first quartiles.
    """
    gone = [way for way in WAYS if any(sample.way == way for sample in samples)]
    seconds = {way: _quartiles(samples, way, "seconds") for way in gone}
    return {
        "seconds": seconds,
        "ssh_calls": {way: _quartiles(samples, way, "ssh_calls")[1] for way in gone},
        "own_jump": own_jump(samples),
        "comparisons": [
            {
                **asdict(compared),
                "ratio": seconds[compared.way][1] / seconds[compared.other][1],
                "undisturbed": seconds[compared.way][0] / seconds[compared.other][0],
            }
            for compared in COMPARISONS
            if {compared.way, compared.other} <= {*gone}
        ],
    }


def own_jump(samples: Sequence[Sample]) -> float | None:
    """Return the role's time as a multiple of the jumping task in it, a median; None when no role was timed."""
    ratios = [
        sample.seconds / jump
        for sample in samples
        if (jump := sum(task["seconds"] for task in sample.tasks if "outage_seconds" in task))
    ]
    return median(ratios) if ratios else None


def _quartiles(samples: Sequence[Sample], way: str, what: str) -> list[float]:
    """Return the quartiles of a way, means of those there and of those back."""
    chosen = [sample for sample in samples if sample.way == way]
    directions = [
        quartiles([getattr(sample, what) for sample in chosen if sample.to == release])
        for release in sorted({sample.to for sample in chosen})
    ]
    return [mean(both) for both in zip(*directions, strict=True)]


def render(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that are shown of a summary."""
    for way, (first, middle, *_rest) in found["seconds"].items():
        yield f"{way}: {middle:.1f} s ({first:.1f} s), {found['ssh_calls'][way]:g} calls of ssh"
    for compared in found["comparisons"]:
        what = f"{compared['way']} takes {compared['ratio']:.2f} ({compared['undisturbed']:.2f})"
        aim = f"; aim: {compared['aim']}" if compared["aim"] else ""
        yield f"{what} x the time of {compared['other']}{aim}"
    if found["own_jump"]:
        yield f"{ROLE} takes {found['own_jump']:.2f} x the time of the task in it that jumps; aim: at most 1.25"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="bench.jump", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often each way goes and returns, default %(default)s"
    )
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, metavar="WAY", help="default: all four")
    parser.add_argument("--native", action="store_true", help="at the speed of real hosts, without a guest (native.py)")
    parser.add_argument(
        "--outages", nargs="*", type=float, default=native.OUTAGES, help="with --native: seconds, default %(default)s"
    )
    parser.add_argument(
        "--each", type=int, default=native.EACH, help="with --native: hosts of each way, default %(default)s"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, keep everything in build/bench/, print the ratios."""
    given = parse(argv)
    if given.native:
        return native.main(given.outages, given.each)
    RESULTS.mkdir(parents=True, exist_ok=True)
    before = os.getloadavg()
    newer, older = (kernel.release for kernel in kernels.ensure(["new", "old"]))
    with guest("new") as inventory:
        samples = list(Bench(inventory, [newer, older]).measure(given.ways, given.rounds))
    found = summarize(samples)
    path = keep("jump", {"rounds": given.rounds, **found, "samples": [asdict(sample) for sample in samples]}, before)
    print("\n".join(render(found)))
    if ROLE in given.ways:
        shown = RESULTS / "upgrade.md"
        shown.write_text("\n".join(page(medians([sample.tasks for sample in samples if sample.way == ROLE]))) + "\n")
        print(shown.read_text())
    print(f"{given.rounds} rounds; raw data: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
