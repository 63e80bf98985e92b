# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a run up and down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server

from lab import accel, credentials, image, kernels, prepare, repository
from lab.accel import Choice
from lab.errors import LabError
from lab.image import Image
from lab.inventory import ADDRESS, Access, Host, inventory, known_hosts
from lab.layout import RunFolder, check_guest_name
from lab.paths import LAB_DIR
from lab.progress import say
from lab.ready import patience, wait_for_ports, wait_for_ssh
from lab.report import tell_failure
from lab.state import RunPlan, RunState, read_state, write_plan
from lab.supervisor import READY

_END_WITHIN = 30.0  # seconds that a supervisor gets to end its guests
_LOOK_EVERY = 0.05  # seconds


@dataclass(frozen=True)
class Request:
    """A run to start: `guests` from name to kind; `kernels` are the names of those that the repository offers.

    `owner` is the number of the process that the run belongs to: the run ends when it does. `timeout` is how many
    seconds the guests have to boot.
    """

    name: str
    guests: Mapping[str, str]
    kernels: Sequence[str]
    owner: int
    timeout: float


def default_owner(environment: Mapping[str, str]) -> int:
    """The process that a run belongs to when nobody says: $KHO_LAB_OWNER, else the leader of this session.

    Raises:
        LabError: $KHO_LAB_OWNER is not a number, or the session's leader cannot be seen from here.
    """
    configured = environment.get("KHO_LAB_OWNER", "")
    if configured:
        if not configured.isdecimal():
            raise LabError(f"KHO_LAB_OWNER is {configured!r}, but it has to be the number of a process")
        return int(configured)
    leader = os.getsid(0)
    if leader == 0:
        raise LabError(
            "the leader of this session is outside of this container, so the run would have no owner to end with: "
            "name a process with --owner-pid or KHO_LAB_OWNER"
        )
    return leader


def processors(guests: int, here: int) -> int:
    """How many processors each of so many guests gets, where there are so many.

    Two, unless there are more guests than pairs of processors: one that waits for another, which does not run, wastes
    the time of both.
    """
    return max(1, min(2, here // max(1, guests)))


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
    with owner_descriptor(request.owner) as owner:
        choice = accel.choose()
        say(f"guests run with {choice}")
        images = image.ensure_all(request.guests.values())
        packages = sorted({deb for kernel in kernels.ensure(request.kernels) for deb in kernel.debs})
        with held(folder) as lock, create_server((ADDRESS, 0)) as listener:
            folder.clear()
            repository.compose(folder.repository, packages)
            write_plan(folder.plan, _plan(folder, request, images, choice, listener.getsockname()[1]))
            supervisor = start_supervisor(folder, lock=lock, owner=owner, repository=listener.fileno())
    with supervisor as declare_up:
        _wait(folder, request.timeout)
        declare_up()
    say(f"run {folder.name} is up: {folder.inventory}")
    return folder.inventory


def _plan(folder: RunFolder, request: Request, images: Mapping[str, Image], choice: Choice, port: int) -> RunPlan:
    client_key = credentials.make_key(folder.key).public
    hardware = prepare.Hardware(choice.accelerator, processors(len(request.guests), os.cpu_count() or 1))
    guests = [
        prepare.guest(folder, name, images[kind], hardware, client_key, port) for name, kind in request.guests.items()
    ]
    return RunPlan(folder.name, str(choice), f"http://{ADDRESS}:{port}/", guests)


def _wait(folder: RunFolder, timeout: float) -> None:
    """Wait for the guests; the inventory is written when all are up, and only then."""
    try:
        with patience(timeout) as patient:
            state = wait_for_ports(folder, patient)
            _write_known_hosts(folder, state)
            wait_for_ssh(folder, state, access(folder), patient)
    except LabError:
        tell_failure(folder)
        raise
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


def start_supervisor(folder: RunFolder, *, lock: int, owner: int, repository: int) -> StartedSupervisor:
    """Start the supervisor of the plan in `folder`, in a session of its own, with these descriptors."""
    reading, writing = os.pipe()
    descriptors = {"lock": lock, "owner": owner, "starter": reading, "repository": repository}
    argv = [sys.executable, "-m", "lab.supervisor", str(folder.path)]
    argv += [word for name, number in descriptors.items() for word in (f"--{name}", str(number))]
    search = os.pathsep.join(filter(None, [str(LAB_DIR.parent), os.environ.get("PYTHONPATH")]))
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            argv,
            pass_fds=tuple(descriptors.values()),
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
