# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that go on from snapshots are machines of their own, seen on three real ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import pytest

from lab.layout import RunFolder
from matrix.cells import PLAIN, Kernel
from matrix.guest import Guest

RUN = "snapshots"
NAMES = ("one", "two", "three")
LAB = [sys.executable, "-m", "lab"]


@dataclass(frozen=True)
class Identity:
    """What tells machines apart."""

    hostname: str
    machine_id: str
    boot_id: str
    host_key: str
    random: str


def _lab(*arguments: str) -> str:
    return subprocess.run([*LAB, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def _identity(guest: Guest) -> Identity:
    files = ["/etc/machine-id", "/proc/sys/kernel/random/boot_id", "/etc/ssh/ssh_host_ed25519_key.pub"]
    said = [guest.do("uname", "-n").stdout.strip()]
    said += [guest.do("cat", file).stdout.strip() for file in files]
    said += [guest.do("od", "-An", "-tx1", "-N16", "/dev/urandom").stdout.strip()]
    assert all(said), said
    return Identity(*said)


@pytest.fixture(scope="module")
def guests() -> Iterator[list[Guest]]:
    """Three guests that went on from snapshots."""
    try:
        _lab("up", "--run", RUN, *(f"--guest={name}:plain:new" for name in NAMES))
        made = [Guest(RUN, name, PLAIN) for name in NAMES]
        assert all(guest.has_snapshot for guest in made)
        yield made
    finally:
        _lab("down", "--run", RUN)


@pytest.fixture(scope="module")
def identities(guests: list[Guest]) -> list[Identity]:
    """Who they are when a test first sees them."""
    return [_identity(guest) for guest in guests]


def test_three_guests_have_nothing_in_common(identities: list[Identity]) -> None:
    for what in asdict(identities[0]):
        assert len({getattr(each, what) for each in identities}) == len(NAMES), (what, identities)
    assert tuple(each.hostname for each in identities) == NAMES


def test_their_keys_are_those_of_the_run(guests: list[Guest], identities: list[Identity]) -> None:
    for guest, identity in zip(guests, identities, strict=True):
        assert identity.host_key == guest.folder.public_host_key.read_text().strip()
    (accepted,) = {guest.do("cat", "/home/operator/.ssh/authorized_keys").stdout.strip() for guest in guests}
    assert accepted == RunFolder.of(RUN).key.with_suffix(".pub").read_text().strip()


def test_their_clock_is_right_and_their_packages_come_from_the_run(guests: list[Guest]) -> None:
    repository = json.loads(_lab("status", "--run", RUN, "--json"))[0]["repository"]
    for guest in guests:
        before = int(subprocess.run(["date", "+%s"], capture_output=True, text=True, check=True).stdout)
        assert abs(int(guest.do("date", "+%s").stdout) - before) < 60
        source = guest.do("cat", "/etc/apt/sources.list.d/lab.sources").stdout
        assert f":{repository.rstrip('/').rpartition(':')[2]}/" in source


def test_each_is_well_and_its_history_begins_with_the_boot_of_its_snapshot(guests: list[Guest]) -> None:
    for guest in guests:
        assert guest.do("systemctl", "is-system-running").stdout.strip() == "running"
        (boot,) = guest.boots()
        assert (boot.cause, boot.release) == ("power_on", guest.do("uname", "-r").stdout.strip())


def test_who_goes_back_gets_another_identity_and_loses_what_was_done(
    guests: list[Guest], identities: list[Identity]
) -> None:
    guest, before = guests[0], identities[0]
    assert guest.do("touch", "/var/lib/done").returncode == 0
    guest.go_back()
    assert guest.do("test", "-e", "/var/lib/done").returncode == 1
    after = _identity(guest)
    assert after.machine_id != before.machine_id
    assert after.random != before.random
    # In the run it is still who it was.
    assert (after.hostname, after.host_key) == (before.hostname, before.host_key)


def test_a_jump_changes_the_boot_id(guests: list[Guest], identities: list[Identity]) -> None:
    guest, before = guests[1], identities[1]
    guest.learn()
    kernels = json.loads(_lab("kernels", "--json", "new"))
    assert guest.load(Kernel("new"), kernels[0]["release"]) is None
    guest.jump()
    after = _identity(guest)
    assert after.boot_id != before.boot_id
    assert (after.hostname, after.machine_id, after.host_key) == (before.hostname, before.machine_id, before.host_key)
    assert [boot.cause for boot in guest.boots()] == ["power_on", "kexec"]
