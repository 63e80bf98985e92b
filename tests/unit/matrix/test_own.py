# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix of somebody's kernels: all pairs, and why each breaks that does."""

from __future__ import annotations

import pytest

from lab.errors import LabError
from matrix import own
from matrix.guest import GuestError
from matrix.pairs import Matrix, Place, Result

GOOD = Result("a", "b", "handover from a (2)", "handover from a (2)", None, None, 1.0)
LOST = Result(
    *("b", "c", "kexec", "kexec", None, None, 1.0),
    ["kho_abi_mismatch: b speaks kho-v4, and c kho-v9."],
    ["KHO: setup: handover FDT (0x1) is incompatible with 'kho-v9': 1"],
)
NOT_LOADED = Result("c", "a", "kexec", "not loaded", "kexec_file_load failed: No such file", None, 1.0)


def test_all_pairs_and_each_kernel_with_itself():
    assert [str(cell) for cell in own.cells(["a", "b"])] == ["a -> a", "a -> b", "b -> b", "b -> a"]


def test_what_breaks_is_told_with_its_reason():
    assert [own.breaks(one) for one in (GOOD, LOST, NOT_LOADED)] == [False, True, True]
    text = "\n".join(own.told([GOOD, LOST, NOT_LOADED]))
    assert "2 of 3 agree" in text
    assert "b -> c breaks: predicted kexec, seen kexec" in text
    assert "predicted, because kho_abi_mismatch: b speaks kho-v4, and c kho-v9." in text
    assert "c said: KHO: setup: handover FDT" in text
    assert "kexec said: kexec_file_load failed" in text
    assert "a -> b breaks" not in text


def test_a_handover_from_another_kernel_than_the_one_that_ran_is_none():
    assert own.breaks(Result("b", "c", "handover from a (1)", "handover from a (1)", None, None, 1.0))


@pytest.mark.parametrize(
    ("results", "strict", "status"),
    [([GOOD], True, 0), ([LOST], False, 0), ([LOST], True, 1), ([NOT_LOADED], False, 1)],
)
def test_the_status_is_about_predictions_and_when_strict_about_handovers(
    tmp_path, monkeypatch, results, strict, status
):
    monkeypatch.setattr(own, "RESULTS", tmp_path)
    monkeypatch.setattr(own.OwnMatrix, "run", lambda *_given: results)
    assert own.pairs([], "run", tmp_path / "inventory.yml", strict) == status


def test_without_kernels_it_says_how_they_are_given(monkeypatch, capsys):
    monkeypatch.delenv("KHO_LAB_DEBS", raising=False)
    assert own.main([]) == 2
    assert "set KHO_LAB_DEBS" in capsys.readouterr().err


class Dead:
    """A guest in which one kernel never comes up."""

    def __init__(self, folder):
        self.runs, self.asked = None, 0
        self.folder = type("Folder", (), {"console": folder / "console.log"})
        self.folder.console.write_bytes(b"Kernel panic: no root\n")

    def go(self, *_kernel_and_release):
        self.asked += 1
        raise LabError("guest own did not get to boot 1 in time")


def test_a_kernel_that_never_came_up_is_waited_for_once(tmp_path):
    guest, matrix = Dead(tmp_path), own.OwnMatrix(Place("run", tmp_path, tmp_path), {"a": "a", "b": "b"})
    for cell in own.cells(["a"]) * 2:
        with pytest.raises(GuestError, match="Kernel panic: no root"):
            matrix.go(guest, cell)
    assert guest.asked == 1


def test_a_target_that_hangs_is_what_was_seen(tmp_path, monkeypatch):
    guest, matrix = Dead(tmp_path), own.OwnMatrix(Place("run", tmp_path, tmp_path), {"a": "a"})
    guest.go_back = lambda: setattr(guest, "runs", "back")
    monkeypatch.setattr(Matrix, "do", lambda _self, guest, cell: guest.go(cell.target, ""))
    found, said, heard = matrix.do(guest, own.cells(["a"])[0])
    assert (found, said, heard[-1]) == ("not reached", None, "Kernel panic: no root")
    assert guest.runs == "back"
