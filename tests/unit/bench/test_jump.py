# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jump's bench: what is timed, what is counted, and how it is compared."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bench import by_hand
from bench.common import quartiles, turns
from bench.jump import (
    BARE_LIMIT,
    COUNTED_SSH,
    KEXEC_REBOOT,
    REBOOT,
    ROLE,
    WAYS,
    Sample,
    count_between,
    play,
    render,
    summarize,
)

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id"
LEFT, FOUND = "14279335-2684-452e-8909-1f3ab862a53b", "9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11"


def samples(way: str, *turns_of_it: tuple[float, float], ssh_calls: int = 5) -> list[Sample]:
    return [
        Sample(way, number, to, seconds, ssh_calls, {})
        for number, turn in enumerate(turns_of_it, start=1)
        for to, seconds in zip((NEW, OLD), turn, strict=True)
    ]


def test_each_direction_has_its_own_median() -> None:
    taken = [
        *samples(KEXEC_REBOOT, (10.0, 12.0), (10.0, 14.0), (10.0, 90.0), ssh_calls=6),
        *samples(BARE_LIMIT, (9.0, 11.0), (7.0, 11.0), (20.0, 30.0), ssh_calls=20),
        *samples(REBOOT, (15.0, 17.0), (17.0, 19.0), (19.0, 29.0), ssh_calls=9),
        *samples(ROLE, (15.0, 15.0), (15.0, 15.0), (14.0, 16.0), ssh_calls=8),
    ]
    found = summarize(taken)
    assert found["seconds"][KEXEC_REBOOT] == [11.5, 12.0, 31.0]
    assert found["ssh_calls"] == {KEXEC_REBOOT: 6, REBOOT: 9, BARE_LIMIT: 20, ROLE: 8}
    ratios = {(one["way"], one["other"]): (one["ratio"], one["undisturbed"]) for one in found["comparisons"]}
    assert ratios == {
        (KEXEC_REBOOT, BARE_LIMIT): (1.2, pytest.approx(11.5 / 9.5)),
        (REBOOT, KEXEC_REBOOT): (1.5, pytest.approx(17.0 / 11.5)),
        (ROLE, KEXEC_REBOOT): (1.25, pytest.approx(14.75 / 11.5)),
    }
    assert list(render(found)) == [
        "kho.kexec.kexec_reboot: 12.0 s (11.5 s), 6 calls of ssh",
        "ansible.builtin.reboot: 18.0 s (17.0 s), 9 calls of ssh",
        "the bare limit: 10.0 s (9.5 s), 20 calls of ssh",
        "kho.kexec.kexec_upgrade: 15.0 s (14.8 s), 8 calls of ssh",
        "kho.kexec.kexec_reboot takes 1.20 (1.21) x the time of the bare limit; aim: at most 1.10",
        "ansible.builtin.reboot takes 1.50 (1.48) x the time of kho.kexec.kexec_reboot; aim: at least 1.4",
        "kho.kexec.kexec_upgrade takes 1.25 (1.28) x the time of kho.kexec.kexec_reboot; aim: at most 1.25",
    ]


def test_a_part_of_the_ways_is_compared_as_far_as_it_goes() -> None:
    taken = [
        replace(sample, tasks=[{"task": "Load", "seconds": 4.0}, {"task": "Jump", "seconds": 8.0, "outage_seconds": 7}])
        for sample in samples(ROLE, (10.0, 12.0))
    ]
    assert list(render(summarize(taken))) == [
        "kho.kexec.kexec_upgrade: 11.0 s (11.0 s), 5 calls of ssh",
        "kho.kexec.kexec_upgrade takes 1.38 x the time of the task in it that jumps; aim: at most 1.25",
    ]


def test_one_round_is_enough_for_a_summary() -> None:
    assert quartiles([7.5]) == [7.5, 7.5, 7.5]
    found = summarize([sample for way in WAYS for sample in samples(way, (8.0, 12.0))])
    assert [one["ratio"] for one in found["comparisons"]] == [1.0, 1.0, 1.0]


def test_every_round_has_each_way_in_another_place() -> None:
    rounds = turns(WAYS, 5)
    assert all(sorted(ways) == sorted(WAYS) for ways in rounds)
    assert [ways[0] for ways in rounds] == [*WAYS, WAYS[0]]


@pytest.mark.parametrize("way", [KEXEC_REBOOT, REBOOT, ROLE])
def test_only_the_jump_is_timed(way: str) -> None:
    (one,) = play(way, NEW, Path("/answer"))
    stamped = [set(task.get("ansible.builtin.set_fact", {})) for task in one["tasks"]]
    began, ended = stamped.index({"began"}), stamped.index({"ended"})
    assert ended == began + 2
    jump = one["tasks"][began + 1]
    assert way in jump or jump["ansible.builtin.import_role"]["name"] == way
    assert jump["timeout"] == by_hand.GIVE_UP_AFTER
    # Everything that stages, and nothing else, comes before; the role stages by itself.
    assert [NEW in json.dumps(task) for task in one["tasks"][:began]] == ([] if way == ROLE else [True])
    assert "/answer" in json.dumps(one["tasks"][-1])


def test_only_calls_of_the_time_count() -> None:
    assert count_between("99.9\n100.0\n105.3\n110.0\n110.1\n", 100.0, 110.0) == 3
    assert count_between("", 100.0, 110.0) == 0


def test_calls_of_ssh_are_noted_unless_they_ask_nothing_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "ssh").chmod(0o755)
    calls = tmp_path / "calls"
    calls.touch()
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "BENCH_SSH_CALLS": str(calls)}

    def call(*words: str) -> str:
        done = subprocess.run([COUNTED_SSH, *words], env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert call("-o", "X=y", "host", "echo -O") == "-o X=y host echo -O"
    assert call("-G", "host") == "-G host"
    assert call("-o", "X=y", "-O", "stop", "host") == "-o X=y -O stop host"
    assert call("host", "true") == "host true"
    noted = [float(line) for line in calls.read_text().splitlines()]
    assert len(noted) == 2
    assert all(first <= second for first, second in pairwise(noted))


class Transcript:
    """Answers in turn, each after its time, or none when that is too long."""

    def __init__(self, *answers: tuple[float, str | None]) -> None:
        self._answers = iter(answers)
        self.time = 0.0
        self.asked: list[float] = []

    def ask(self, within: float) -> str | None:
        self.asked.append(self.time)
        seconds, answer = next(self._answers)
        self.time += min(seconds, within)
        return answer if seconds <= within else None

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def wait(transcript: Transcript) -> None:
    by_hand.wait_for_another(LEFT, transcript.ask, transcript.now, transcript.sleep)


def test_the_loop_asks_twice_a_second_until_another_boot_answers() -> None:
    transcript = Transcript((0.2, LEFT), (0.1, None), (0.5, FOUND))
    wait(transcript)
    assert transcript.asked == [0.0, 0.5, 1.0]
    assert transcript.time == 1.5


def test_the_loop_gives_slow_hosts_more_and_more_time() -> None:
    transcript = Transcript(*[(5.5, FOUND)] * 4)
    wait(transcript)
    assert transcript.asked == [0.0, 3.0, 7.0, 12.0]
    assert transcript.time == 17.5


@pytest.mark.parametrize("answer", [LEFT, None])
def test_the_loop_gives_up(answer: str | None) -> None:
    transcript = Transcript(*[(0.1, answer)] * 1000)
    with pytest.raises(by_hand.NotBack, match=LEFT):
        wait(transcript)
    assert transcript.time == pytest.approx(by_hand.GIVE_UP_AFTER, abs=1)


class Unreachable:
    """Access over a program that stands in ssh's place and is told nothing."""

    def ssh(self, port: int, command: list[str], options: list[str]) -> list[str]:
        assert (port, command, options) == (22, ["sudo", "cat", BOOT_ID_PATH], ["-o", "BatchMode=yes"])
        return ["ssh"]


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        (f"echo {FOUND}", FOUND),
        ("echo The system will kexec now; echo " + FOUND, None),
        ("exit 255", None),
        ("exec sleep 60", None),
    ],
)
def test_only_a_boot_id_in_time_is_an_answer(tmp_path: Path, said: str, understood: str | None) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{said}\n")
    program.chmod(0o755)
    shell = by_hand.Shell(Unreachable(), 22, str(program))  # type: ignore[arg-type]  # only that is asked of it
    assert shell.boot_id(within=2.0) == understood
