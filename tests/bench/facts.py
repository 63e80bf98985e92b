# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kho_facts costs: side by side with ping and setup, on the same host, in turns, in one run.

Times of single tasks say little on a machine that does other things too, and nothing of other machines. So the results
are ratios: of the medians, and in brackets of the first quartiles.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from .common import HERE, RESULTS, guest, keep, quartiles, run_playbook, turns

KHO_FACTS, PING, SETUP = "kho.kexec.kho_facts", "ansible.builtin.ping", "ansible.builtin.setup"
TASKS: dict[str, dict[str, Any]] = {KHO_FACTS: {}, PING: {}, SETUP: {"gather_subset": ["!all", "min"]}}
WARM_UP = "warm up"


def play(rounds: int) -> list[dict[str, Any]]:
    """Return a playbook: each task once to warm up, then each once a round, every round in another order."""
    tasks = [{"name": WARM_UP, name: arguments} for name, arguments in TASKS.items()]
    tasks += [{"name": name, name: TASKS[name]} for turn in turns(list(TASKS), rounds) for name in turn]
    return [{"name": "Take turns", "hosts": "all", "gather_facts": False, "tasks": tasks}]


def summarize(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the quartiles of each task in seconds, and of what share of another's time kho_facts needs.

    ``samples`` are of the shape ``{task, seconds}``, at least one of each task. ``ratios`` are those of the medians,
    ``undisturbed`` those of the first quartiles, which suffer less from what else the machine does.
    """
    seconds = {name: quartiles([sample["seconds"] for sample in samples if sample["task"] == name]) for name in TASKS}
    return {
        "quartiles": seconds,
        "ratios": {other: seconds[KHO_FACTS][1] / seconds[other][1] for other in (PING, SETUP)},
        "undisturbed": {other: seconds[KHO_FACTS][0] / seconds[other][0] for other in (PING, SETUP)},
    }


def measure(inventory: str, rounds: int) -> list[dict[str, Any]]:
    """Run the rounds; return the samples without those of the warm-up."""
    samples, playbook = RESULTS / "samples.jsonl", RESULTS / "playbook.json"
    samples.write_text("")
    playbook.write_text(json.dumps(play(rounds)))
    stopwatch = {
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "stopwatch",
        "BENCH_SAMPLES": str(samples),
    }
    run_playbook(inventory, playbook, stopwatch)
    taken = [json.loads(line) for line in samples.read_text().splitlines()]
    return [sample for sample in taken if sample["task"] != WARM_UP]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="bench.facts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="how often each task runs, default %(default)s")
    parser.add_argument("--inventory", help="one host of yours instead of a guest")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, keep everything in build/bench/, print the ratios."""
    given = parse(argv)
    RESULTS.mkdir(parents=True, exist_ok=True)
    before = os.getloadavg()
    if given.inventory:
        samples = measure(given.inventory, given.rounds)
    else:
        with guest() as inventory:
            samples = measure(inventory, given.rounds)
    found = summarize(samples)
    path = keep("facts", {"rounds": given.rounds, **found, "samples": samples}, before)
    for other, ratio in found["ratios"].items():
        print(f"{KHO_FACTS} takes {ratio:.2f} ({found['undisturbed'][other]:.2f}) x the time of {other}")
    print(f"{given.rounds} rounds; raw data: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
