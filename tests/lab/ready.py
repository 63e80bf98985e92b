# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until guests can be used: the SSH server's banner is read, then a real command runs."""

from __future__ import annotations

import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

from lab import identity, monitor, times
from lab.console import last_lines
from lab.errors import LabError
from lab.inventory import ADDRESS, Access
from lab.layout import RunFolder, SnapshotFolder
from lab.progress import say
from lab.report import boots_of
from lab.state import GuestState, RunState, read_state

# Every probe costs the guest an sshd, and an emulated guest is slow: ask seldom.
_ASK_EVERY = 2.0  # seconds
_SOON = 0.3  # seconds, for a guest that only has to go on
_TELL_EVERY = 10.0  # seconds
_LOOK_EVERY = 0.5  # seconds
_BANNER_WITHIN = 5.0  # seconds
_COMMAND_WITHIN = 60.0  # seconds
_SHOWN = 100  # characters of a console line


@dataclass
class Patience:
    """How long the waiting goes on: until `deadline` (time.monotonic()), or until somebody gives up."""

    deadline: float
    given_up: threading.Event

    def lasts(self, pause: float) -> bool:
        """Pause, and say whether to go on."""
        return not self.given_up.wait(pause) and time.monotonic() < self.deadline


@contextmanager
def patience(seconds: float) -> Iterator[Patience]:
    """Patience that ends with this block, also for the threads that were started in it."""
    given_up = threading.Event()
    try:
        yield Patience(time.monotonic() + seconds, given_up)
    finally:
        given_up.set()


def wait_for_ports(folder: RunFolder, patient: Patience) -> RunState:
    """The state in which every guest runs and has its SSH port.

    Raises:
        LabError: a guest's QEMU ended, or there was no time left.
    """
    while patient.lasts(0.1):
        state = _state(folder)
        if state is None:
            continue
        _refuse_ended(state)
        if all(guest.ssh_port is not None for guest in state.guests.values()):
            return state
    raise LabError(f"the supervisor of run {folder.name} did not start every guest in time; it said:\n{_said(folder)}")


def wait_for_ssh(folder: RunFolder, state: RunState, access: Access, patient: Patience) -> None:
    """Return when a command ran in every guest; tell meanwhile what each console shows.

    Raises:
        LabError: a guest's QEMU ended, or there was no time left.
    """
    began = time.monotonic()
    with ThreadPoolExecutor(len(state.guests)) as pool:
        waiting = {
            pool.submit(_come_up, folder, name, guest, access, patient): name for name, guest in state.guests.items()
        }
        try:
            while waiting:
                done, _others = wait(waiting, timeout=_TELL_EVERY, return_when=FIRST_COMPLETED)
                for future in done:
                    name = waiting.pop(future)
                    _tell_reached(name, state.guests[name], future, time.monotonic() - began)
                for name in waiting.values() if not done else ():
                    _tell_waiting(folder, name, time.monotonic() - began)
        finally:
            patient.given_up.set()


def wait_for_boot(folder: RunFolder, name: str, number: int, access: Access, patient: Patience) -> None:
    """Return when a command ran in the guest's boot of this number, counted from 0, or in a later one.

    Raises:
        LabError: the guest's QEMU ended, or there was no time left.
    """
    began = time.monotonic()
    while len(boots_of(folder.guest(name))) <= number:
        state = _state(folder)
        if state is not None:
            _refuse_ended(state)
        if not patient.lasts(_LOOK_EVERY):
            raise LabError(f"guest {name} did not get to boot {number} in time")
    _reach(folder, name, read_state(folder.state).guests[name], access, patient)
    kind = "jump" if boots_of(folder.guest(name))[-1].cause == "kexec" else "boot"
    times.record(kind, name, time.monotonic() - began)


def wait_for_snapshot(folder: RunFolder, name: str, access: Access, patient: Patience) -> None:
    """Have the guest go on from its snapshot once more, whatever it does, and return when a command ran in it.

    Raises:
        LabError: it was switched on and has none, its QEMU ended, or there was no time left.
    """
    guest = read_state(folder.state).guests[name]
    if guest.snapshot is None:
        raise LabError(f"guest {name} was switched on, and has no snapshot to go back to: leave --to-snapshot out")
    before = guest.restored
    began = time.monotonic()
    folder.guest(name).again.touch()
    try:
        monitor.end(folder.guest(name).control_socket)
    except LabError:
        # Nobody waits for it any more: a QEMU that ends later stays away.
        folder.guest(name).again.unlink(missing_ok=True)
        raise
    while (guest := read_state(folder.state).guests[name]).restored == before or guest.status != "running":
        _refuse_ended(read_state(folder.state))
        if not patient.lasts(_SOON):
            raise LabError(f"guest {name} did not go on from its snapshot in time")
    _come_up(folder, name, guest, access, patient)
    times.record("restore", name, time.monotonic() - began)


def _come_up(folder: RunFolder, name: str, guest: GuestState, access: Access, patient: Patience) -> None:
    """Return when a command ran in a guest that was started; one from a snapshot gets its identity first."""
    if guest.snapshot is None:
        return _reach(folder, name, guest, access, patient)
    assert guest.ssh_port is not None
    problem: str | None = "no SSH server has answered"
    while patient.lasts(_SOON):
        if has_ssh_banner(guest.ssh_port):
            problem = identity.settle(folder.guest(name), SnapshotFolder.of(guest.snapshot), guest.ssh_port)
            if problem is None:
                return _reach(folder, name, guest, access, patient, _SOON)
        _refuse_ended(read_state(folder.state))
    raise LabError(f"guest {name} could not be given the identity of its run: {problem}")


def _reach(
    folder: RunFolder, name: str, guest: GuestState, access: Access, patient: Patience, every: float = _ASK_EVERY
) -> None:
    assert guest.ssh_port is not None
    problem = "no SSH server has answered"
    while patient.lasts(every):
        state = _state(folder)
        if state is not None:
            _refuse_ended(state)
        if has_ssh_banner(guest.ssh_port):
            failure = command_failure(access, guest.ssh_port)
            if failure is None:
                return
            problem = f"an SSH server answers, but a command fails: {failure}"
    raise LabError(f"guest {name} could not be used in time: {problem}")


def has_ssh_banner(port: int) -> bool:
    """Whether an SSH server speaks on this port. QEMU accepts connections for a guest that does not listen."""
    try:
        with socket.create_connection((ADDRESS, port), timeout=_BANNER_WITHIN) as connection:
            connection.settimeout(_BANNER_WITHIN)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def command_failure(access: Access, port: int) -> str | None:
    """Run a command over SSH. None when it ran; its output has to be an unguessable word, so silence proves nothing."""
    word = secrets.token_hex(8)
    argv = access.ssh(port, ["echo", word], options=["-o", "BatchMode=yes", "-o", "ConnectTimeout=20"])
    try:
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_COMMAND_WITHIN,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_COMMAND_WITHIN:.0f} s"
    if done.returncode == 0 and done.stdout.strip() == word:
        return None
    return done.stderr.strip()[-500:] or f"ssh ended with status {done.returncode} and the output {done.stdout[:100]!r}"


def _state(folder: RunFolder) -> RunState | None:
    return read_state(folder.state) if folder.state.exists() else None


def _refuse_ended(state: RunState) -> None:
    if state.phase == "ended":
        raise LabError(f"run {state.name} ended while its guests booted: {state.ended_because}")
    for name, guest in state.guests.items():
        if guest.status == "ended":
            raise LabError(f"guest {name} ended: {guest.problem}")


def _tell_reached(name: str, guest: GuestState, future: Future[None], seconds: float) -> None:
    future.result()
    kind, how = ("boot", "switched on") if guest.snapshot is None else ("restore", "from a snapshot")
    say(f"{name}: up after {seconds:.0f} s, {how}")
    times.record(kind, name, seconds)


def _tell_waiting(folder: RunFolder, name: str, seconds: float) -> None:
    shown = last_lines(folder.guest(name).console, 1)
    say(f"{name}: {seconds:.0f} s, console: {shown[0][:_SHOWN] if shown else '(nothing yet)'}")


def _said(folder: RunFolder) -> str:
    return "\n".join(f"    {line}" for line in last_lines(folder.log, 20))
