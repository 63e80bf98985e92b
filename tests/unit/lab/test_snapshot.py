# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which snapshot a guest goes on from, and what is told to it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lab import identity, snapshot
from lab.image import Image
from lab.kernels import Kernel
from lab.prepare import Hardware
from lab.qemu import Accelerator, with_ssh_port


@pytest.fixture
def wish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> snapshot.Wish:
    """A plain guest with one kernel, of files that are there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("qemu", "code.fd", "vars.fd"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(snapshot.shutil, "which", lambda _name: str(tmp_path / "qemu"))
    image = Image(Path("/images/plain-1/disk.raw"), "raw", "plain", "7.2", tmp_path / "code.fd", tmp_path / "vars.fd")
    kernel = Kernel("new", "7.3", "linux-image-7.3", (Path("/kernels/new-1/linux-image-7.3.deb"),))
    return snapshot.Wish(image, (kernel,), Hardware(Accelerator.TCG, 1))


def _taken(wish: snapshot.Wish) -> snapshot.Seat:
    seat = snapshot.take(wish)
    assert seat is not None
    return seat


def test_guests_of_a_run_have_slots_of_their_own_until_there_is_none(wish: snapshot.Wish) -> None:
    seats = [_taken(wish) for _slot in range(snapshot.SLOTS)]
    assert len({seat.folder.path for seat in seats}) == snapshot.SLOTS
    assert snapshot.take(wish) is None
    os.close(seats[1].lock)
    again = _taken(wish)
    assert again.folder == seats[1].folder
    for seat in (seats[0], again, seats[2]):
        os.close(seat.lock)


def test_what_a_snapshot_is_made_from_decides_which_it_is(wish: snapshot.Wish, tmp_path: Path) -> None:
    def place(of: snapshot.Wish) -> Path:
        seat = _taken(of)
        os.close(seat.lock)
        return seat.folder.path

    first = place(wish)
    assert place(wish) == first
    others = {
        place(replace(wish, kernels=())),
        place(replace(wish, hardware=Hardware(Accelerator.TCG, 2))),
        place(replace(wish, image=replace(wish.image, path=Path("/images/plain-2/disk.raw")))),
    }
    (tmp_path / "qemu").write_text("another version of it")
    others.add(place(wish))
    (tmp_path / "vars.fd").write_text("other firmware")
    others.add(place(wish))
    assert len(others | {first}) == 6


def test_snapshots_are_for_this_user_alone(wish: snapshot.Wish) -> None:
    seat = _taken(wish)
    assert seat.folder.path.parent.stat().st_mode & 0o077 == 0
    os.close(seat.lock)


def test_no_two_guests_are_told_the_same() -> None:
    first, second = (identity.script("web1", "f+~ /x 0600 root root - eA==\n", 1.5) for _guest in range(2))
    assert first != second
    said = re.compile(r"^echo ([0-9a-f]{32}) >/etc/machine-id$", re.MULTILINE)
    machine_ids = [said.findall(text) for text in (first, second)]
    assert len(machine_ids[0]) == len(machine_ids[1]) == 1
    assert machine_ids[0] != machine_ids[1]
    assert "date --set=@1.500" in first
    assert "\nf+~ /x 0600 root root - eA==\nFILES\n" in first


def test_a_guest_that_goes_back_keeps_its_port() -> None:
    argv = ["qemu", "-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:0-:22"]
    assert with_ssh_port(argv, 4711) == ["qemu", "-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:4711-:22"]
