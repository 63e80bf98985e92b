# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a run up and down."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server

from lab import accel, credentials, image, install, kernels, prepare, repository, snapshot
from lab.errors import LabError
from lab.inventory import ADDRESS, Access, Host, inventory, known_hosts
from lab.layout import RunFolder, check_guest_name
from lab.paths import LAB_DIR
from lab.progress import say
from lab.ready import patience, wait_for_ports, wait_for_ssh
from lab.report import tell_failure
from lab.sharing import processors
from lab.snapshot import Seat, Wish
from lab.state import RunPlan, RunState, read_state, write_plan
from lab.supervisor import READY

COLD = "KHO_LAB_COLD"
_END_WITHIN = 30.0  # seconds that a supervisor gets to end its guests
_LOOK_EVERY = 0.05  # seconds


@dataclass(frozen=True)
class Request:
    """A run to start: `guests` from name to kind; `kernels` are the names of those that the repository offers.

    `installed` has, for each guest that wants any, the kernels that are installed in it. Guests go on from snapshots,
    which are made when they are not there; when `cold`, they are switched on.

    `owner` is the number of the process that the run belongs to: the run ends when it does. `timeout` is how many
    seconds the guests have to boot.
    """

    name: str
    guests: Mapping[str, str]
    kernels: Sequence[str]
    owner: int
    timeout: float
    installed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    cold: bool = False


def is_cold(environment: Mapping[str, str]) -> bool:
    """Whether guests are switched on in place of going on from snapshots, by $KHO_LAB_COLD.

    Raises:
        LabError: it is neither 1 nor 0.
    """
    given = environment.get(COLD, "")
    if given not in ("", "0", "1"):
        raise LabError(f"{COLD} is {given!r}, but it is 1 to have guests switched on, and 0 or nothing for snapshots")
    return given == "1"


def access(folder: RunFolder) -> Access:
    """How the run's guests are reached."""
    return Access(folder.key, folder.known_hosts)


def up(request: Request) -> Path:
    """Start the guests, wait until each can be used over SSH, and return the inventory's path.

    Raises:
        LabError: the run is up already, or could not be brought up; then nothing of it is left running.
    """
    folder = RunFolder.of(request.name)
    for name in request.guests:
        check_guest_name(name)
    _refuse_held(folder)
    with owner_descriptor(request.owner) as owner, ExitStack() as stack:
        choice = accel.choose()
        hardware = prepare.Hardware(choice.accelerator, processors(len(request.guests), os.cpu_count() or 1))
        say(f"{len(request.guests)} guests of {hardware.processors} processors run with {choice}")
        wishes = _wishes(request, hardware)
        seats = {} if request.cold else _seats(request, wishes, stack)
        _start(request, owner, str(choice), wishes, seats)
    say(f"run {folder.name} is up: {folder.inventory}")
    return folder.inventory


def _wishes(request: Request, hardware: prepare.Hardware) -> dict[str, Wish]:
    """What each guest is to be; its image and its kernels are built when they are not there."""
    images = image.ensure_all(request.guests.values())
    names = sorted({*request.kernels, *(name for names in request.installed.values() for name in names)})
    built = {kernel.name: kernel for kernel in kernels.ensure(names)}
    return {
        name: Wish(images[kind], tuple(built[kernel] for kernel in sorted(request.installed.get(name, ()))), hardware)
        for name, kind in request.guests.items()
    }


def _seats(request: Request, wishes: Mapping[str, Wish], stack: ExitStack) -> dict[str, Seat]:
    """The snapshots that the guests go on from, held until `stack` ends; those that are not there are made."""
    seats: dict[str, Seat] = {}
    for name, wish in wishes.items():
        seat = snapshot.take(wish)
        if seat is None:
            say(f"{name}: all {snapshot.SLOTS} snapshots of {wish.label} are in use, so it is switched on")
            continue
        stack.callback(os.close, seat.lock)
        seats[name] = seat
    missing = [seat for seat in seats.values() if not seat.is_made]
    at_once = max(1, (os.cpu_count() or 1) // max([1, *(seat.wish.hardware.processors for seat in missing)]))
    for first in range(0, len(missing), at_once):
        _make(missing[first : first + at_once], request.timeout)
    return seats


def _make(seats: Sequence[Seat], timeout: float) -> None:
    """Make snapshots: switch such guests on, have their kernels installed, save them."""
    say(f"making snapshots (once): {', '.join(seat.wish.label for seat in seats)}")
    names = {f"snapshot-{number}": seat for number, seat in enumerate(seats, start=1)}
    name = f"making-snapshots-{os.getpid()}"
    folder = RunFolder.of(name)
    wishes = {guest: seat.wish for guest, seat in names.items()}
    made = Request(
        name,
        {guest: wish.image.kind for guest, wish in wishes.items()},
        ["old"],
        os.getpid(),
        timeout,
        {guest: [kernel.name for kernel in wish.kernels] for guest, wish in wishes.items()},
        cold=True,
    )
    try:
        with owner_descriptor(made.owner) as owner:
            _start(made, owner, seats[0].wish.hardware.accelerator.value, wishes, {}, to_be_saved=True)
        for guest, seat in names.items():
            snapshot.save(folder, guest, seat)
    finally:
        down(name)
        shutil.rmtree(folder.path, ignore_errors=True)


def _start(
    request: Request,
    owner: int,
    accelerator: str,
    wishes: Mapping[str, Wish],
    seats: Mapping[str, Seat],
    to_be_saved: bool = False,
) -> None:
    """Start the guests and wait until each can be used and has its kernels; `owner` is a pidfd."""
    folder = RunFolder.of(request.name)
    offered = {kernel.name: kernel for wish in wishes.values() for kernel in wish.kernels}
    offered |= {kernel.name: kernel for kernel in kernels.ensure(request.kernels)}
    packages = sorted({deb for kernel in offered.values() for deb in kernel.debs})
    with held(folder) as lock, create_server((ADDRESS, 0)) as listener:
        folder.clear()
        repository.compose(folder.repository, packages)
        port = listener.getsockname()[1]
        client_key = credentials.make_key(folder.key).public
        guests = [
            prepare.guest(
                folder,
                name,
                wish.image,
                wish.hardware,
                client_key,
                port,
                seats[name].folder if name in seats else None,
                to_be_saved,
            )
            for name, wish in wishes.items()
        ]
        write_plan(folder.plan, RunPlan(folder.name, accelerator, f"http://{ADDRESS}:{port}/", guests, request.owner))
        taken = [seat.lock for seat in seats.values()]
        supervisor = start_supervisor(folder, lock=lock, owner=owner, repository=listener.fileno(), seats=taken)
    with supervisor as declare_up:
        state = _wait(folder, request.timeout)
        install.everywhere(folder, {name: wish.kernels for name, wish in wishes.items() if name not in seats})
        _write_inventory(folder, state)
        declare_up()


def _wait(folder: RunFolder, timeout: float) -> RunState:
    """Wait until all guests can be reached."""
    try:
        with patience(timeout) as patient:
            state = wait_for_ports(folder, patient)
            _write_known_hosts(folder, state)
            wait_for_ssh(folder, state, access(folder), patient)
    except LabError:
        tell_failure(folder)
        raise
    return state


def _write_inventory(folder: RunFolder, state: RunState) -> None:
    """Write the inventory: all guests are up and have their kernels."""
    hosts = {name: Host(guest.kind, _port(guest.ssh_port)) for name, guest in state.guests.items()}
    folder.inventory.write_text(inventory(folder.name, hosts, access(folder)))


def _write_known_hosts(folder: RunFolder, state: RunState) -> None:
    keys = {
        _port(guest.ssh_port): folder.guest(name).public_host_key.read_text().strip()
        for name, guest in state.guests.items()
    }
    folder.known_hosts.write_text(known_hosts(keys))


def _port(port: int | None) -> int:
    if port is None:
        raise LabError("a guest has no SSH port")
    return port


def _refuse_held(folder: RunFolder) -> None:
    if folder.is_held():
        raise LabError(
            f"run {folder.name} is up already, and starting it twice would give two sets of guests one name: "
            f"use it, end it with `lab down --run {folder.name}`, or start another one with --run"
        )


@contextmanager
def held(folder: RunFolder) -> Iterator[int]:
    """Hold the run; yields the descriptor that a supervisor can inherit.

    Raises:
        LabError: somebody else holds it.
    """
    lock = folder.take()
    if lock is None:
        _refuse_held(folder)
        raise LabError(f"another command has just ended run {folder.name}: try again")
    try:
        yield lock
    finally:
        os.close(lock)


@contextmanager
def owner_descriptor(owner: int) -> Iterator[int]:
    """A pidfd of the process that the run belongs to.

    Raises:
        LabError: there is no such process.
    """
    try:
        descriptor = os.pidfd_open(owner)
    except OSError as error:
        raise LabError(
            f"the run would belong to process {owner}, which cannot be watched ({error.strerror}): "
            "name one that lives as long as the run shall, with --owner-pid or KHO_LAB_OWNER"
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class StartedSupervisor:
    """The supervisor that this process has started; as a context it ends the run, unless the run was declared up."""

    def __init__(self, folder: RunFolder, process: subprocess.Popen[bytes], starter: int) -> None:
        self._folder = folder
        self._process = process
        self._starter = starter
        self._declared = False

    def __enter__(self) -> Callable[[], None]:
        return self._declare_up

    def __exit__(self, *_problem: object) -> None:
        os.close(self._starter)
        if not self._declared:
            _wait_until_free(self._folder, _END_WITHIN)

    def _declare_up(self) -> None:
        os.write(self._starter, READY)
        while read_state(self._folder.state).phase == "starting":
            if self._process.poll() is not None:
                raise LabError(f"the supervisor has ended; see {self._folder.log}")
            time.sleep(_LOOK_EVERY)
        self._declared = True


def start_supervisor(
    folder: RunFolder, *, lock: int, owner: int, repository: int, seats: Sequence[int] = ()
) -> StartedSupervisor:
    """Start the supervisor of the plan in `folder`, in a session of its own, with these descriptors."""
    reading, writing = os.pipe()
    descriptors = {"lock": lock, "owner": owner, "starter": reading, "repository": repository}
    argv = [sys.executable, "-m", "lab.supervisor", str(folder.path)]
    argv += [word for name, number in descriptors.items() for word in (f"--{name}", str(number))]
    argv += [word for number in seats for word in ("--seat", str(number))]
    search = os.pathsep.join(filter(None, [str(LAB_DIR.parent), os.environ.get("PYTHONPATH")]))
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            argv,
            pass_fds=(*descriptors.values(), *seats),
            start_new_session=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": search},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(reading)
    return StartedSupervisor(folder, process, writing)


def down(name: str) -> None:
    """End the run; what its guests said is kept until the next one of this name. A run that is not up is no error.

    Raises:
        LabError: the run is only being started by another command, or its supervisor does not end.
    """
    folder = RunFolder.of(name)
    if not folder.is_held():
        say(f"run {name} is not up")
        return
    supervisor = _supervisor_descriptor(folder)
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(supervisor, number)
            if _wait_until_free(folder, _END_WITHIN):
                say(f"run {name} has ended")
                return
            say(f"the supervisor of run {name} does not end within {_END_WITHIN:.0f} s")
    finally:
        os.close(supervisor)
    raise LabError(f"run {name} cannot be ended: see {folder.log}")


def _supervisor_descriptor(folder: RunFolder) -> int:
    """A pidfd of the living supervisor; checked, because the state may be of a run before and its number used again."""
    try:
        number = read_state(folder.state).supervisor_pid
        descriptor = os.pidfd_open(number)
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        if {b"lab.supervisor", os.fsencode(folder.path)} <= set(words):
            return descriptor
        os.close(descriptor)
    except (OSError, LabError) as error:
        problem = f": {error}"
    else:
        problem = ""
    raise LabError(f"run {folder.name} is being started by another command, end that one{problem}")


def _wait_until_free(folder: RunFolder, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while folder.is_held():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_EVERY)
    return True
