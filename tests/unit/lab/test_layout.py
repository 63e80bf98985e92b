# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of runs and guests, and who holds a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.layout import RunFolder, all_runs, check_guest_name


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.mark.parametrize("name", ["web1", "a", "db-primary"])
def test_host_names_are_good(name: str) -> None:
    check_guest_name(name)


@pytest.mark.parametrize(
    "name", ["", "Web", "1web", "a_b", "a.b", "../x", "x" * 32, "localhost", "all", "ungrouped", "lab"]
)
def test_what_ansible_or_hosts_would_mistake_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="a guest is called"):
        check_guest_name(name)


def test_a_run_is_held_by_one(tmp_path: Path) -> None:
    run = RunFolder.of("default")
    lock = run.take()
    assert lock is not None
    assert run.is_held()
    assert run.take() is None
    os.close(lock)
    assert not run.is_held()
    assert not run.path.exists()
    assert tmp_path in run.path.parents


def test_a_copy_of_the_lock_holds_the_run_too() -> None:
    run = RunFolder.of("default")
    lock = run.take()
    assert lock is not None
    copy = os.dup(lock)
    os.close(lock)
    assert run.is_held()
    os.close(copy)
    assert not run.is_held()


def test_clearing_removes_what_a_run_before_left() -> None:
    run = RunFolder.of("default")
    run.clear()
    run.inventory.write_text("---\n")
    run.clear()
    assert not run.inventory.exists()
    assert run.guests.is_dir()
    assert run.path.stat().st_mode & 0o777 == 0o700


def test_locks_are_no_runs() -> None:
    run = RunFolder.of("default")
    run.clear()
    assert not run.is_held()
    assert all_runs() == [run]
