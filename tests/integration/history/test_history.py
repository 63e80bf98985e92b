# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of made-up hosts, told by a real journalctl from real journal files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.read import Request, read_history
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from bench.journal import EPOCH, MadeBoot, write_journal

START = "Linux version 7.3.4-kho (lab@lab) (gcc) #2 SMP"
EXEC = "KHO: exec from: 7.2.13-kho (count {})"
CRASHES = Path(__file__).parents[2] / "unit" / "golden" / "crashes"


def golden(name: str) -> list[str]:
    """The lines of a crash, without their times."""
    lines = (CRASHES / f"{name}.txt").read_text().splitlines()
    messages = [line.split("] ", 1)[1] for line in lines if "] " in line]
    return messages[next(n for n, message in enumerate(messages) if message.startswith("lkdtm")) :]


def boot(number: int, *early: str, **given) -> MadeBoot:
    """A boot of an hour; a minute is between two."""
    return MadeBoot(number, EPOCH + number * 3660.0, [START, *early], noise=50, kernel_noise=10, **given)


BOOTS = [
    boot(0, target="reboot.target"),
    boot(1, target="kexec.target"),
    boot(2, EXEC.format(1), target="kexec.target", late=golden("x86-bug")),
    boot(3, EXEC.format(2), late=golden("x86-null-pointer-panic")),
    boot(4, forged=[EXEC.format(9), "Kernel panic - not syncing: forged"]),
    boot(5, target="poweroff.target"),
]


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    directory = tmp_path_factory.mktemp("journal")
    write_journal(directory, BOOTS)
    return directory


def read(directory, cursor=None, time_limit=60.0):
    return read_history(LocalHost(), Request(cursor, str(directory), (), time_limit))


def told(history):
    return [
        (boot["boot"], boot["previous_release"], boot["kexec_count"], boot["ending"]) for boot in history["host_boots"]
    ]


ENDS = [
    ("unknown", None, 0, "clean"),
    ("cold", None, 0, "kexec"),
    ("handover", "7.2.13-kho", 1, "kexec"),
    ("handover", "7.2.13-kho", 2, "crash"),
    ("cold", None, 0, "unknown"),
    ("unknown", None, 0, "clean"),
]


def test_boots_and_crashes(journal):
    history = read(journal)
    assert told(history) == ENDS
    assert {boot["release"] for boot in history["host_boots"]} == {"7.3.4-kho"}
    assert [
        (crash["kind"], crash["fatal"], crash["frames"][0], crash["kexec_count"]) for crash in history["crashes"]
    ] == [
        ("bug", False, "lkdtm_BUG", 1),
        ("oops", True, "lkdtm_EXCEPTION", 2),
    ]
    assert history["notes"] == []


def test_a_second_run_goes_on_where_the_first_one_ended(journal, tmp_path):
    write_journal(tmp_path, BOOTS[:4])
    first = read(tmp_path)
    assert told(first)[:3] == ENDS[:3]
    second = read(journal, first["cursor"])
    assert [boot["boot_id"] for boot in second["host_boots"]] == [
        boot["boot_id"] for boot in read(journal)["host_boots"][3:]
    ]
    assert told(second) == ENDS[3:]


def test_a_cursor_that_is_forgotten(journal, tmp_path):
    first = read(journal)
    write_journal(tmp_path, [boot(7), boot(8)])
    assert len(read(tmp_path, first["cursor"])["host_boots"]) == 2


def test_without_time(journal):
    history = read(journal, time_limit=0.0)
    assert (history["host_boots"], [note["code"] for note in history["notes"]]) == ([], ["history_incomplete"])


def test_a_directory_that_is_not_there(tmp_path):
    history = read(tmp_path / "nothing")
    assert [note["code"] for note in history["notes"]] == ["journal_unreadable"]


def test_a_journal_that_is_damaged(journal, tmp_path):
    shutil.copytree(journal, tmp_path / "copy")
    (path,) = (tmp_path / "copy").glob("*.journal")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    history = read(tmp_path / "copy")
    assert len(history["host_boots"]) <= len(BOOTS)
