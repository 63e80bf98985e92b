# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of guests that have firmware and an empty disk: nothing outlives its run, no matter what is killed."""

from __future__ import annotations

import dataclasses
import os
import select
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from socket import create_server

import pytest

from lab import events, prepare, ready, report, run
from lab.accel import choose
from lab.credentials import make_key
from lab.errors import LabError
from lab.image import Image
from lab.layout import RunFolder
from lab.monitor import power_cycle
from lab.state import RunPlan, RunState, read_state, write_plan

_OVMF = Path("/usr/share/OVMF")
_PATIENCE = 20.0  # seconds


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than a socket's path may be: the lab has to work below any home directory.
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ("long" * 25)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def image(tmp_path: Path) -> Image:
    disk = tmp_path / "disk.raw"
    with disk.open("wb") as file:
        file.truncate(1 << 20)
    return Image(disk, "raw", "plain", "none", _OVMF / "OVMF_CODE_4M.fd", _OVMF / "OVMF_VARS_4M.fd")


class Lab:
    """Starts runs whose owner is a process of its own, and ends what is left of them."""

    def __init__(self, image: Image, stack: ExitStack) -> None:
        self._image = image
        self._stack = stack

    def start(self, name: str, *guests: str, without_firmware: tuple[str, ...] = ()) -> StartedRun:
        owner = self._stack.enter_context(subprocess.Popen(["sleep", "600"]))
        self._stack.callback(owner.kill)
        folder = RunFolder.of(name)
        with (
            run.owner_descriptor(owner.pid) as descriptor,
            run.held(folder) as lock,
            create_server(("127.0.0.1", 0)) as listener,
        ):
            folder.clear()
            folder.repository.mkdir()
            (folder.repository / "Packages").write_text("Package: something\n")
            write_plan(folder.plan, self._plan(folder, guests, without_firmware, listener.getsockname()[1], owner.pid))
            supervisor = run.start_supervisor(folder, lock=lock, owner=descriptor, repository=listener.fileno())
        self._stack.callback(run.down, name)
        return StartedRun(folder, owner, supervisor)

    def _plan(self, folder: RunFolder, guests: Sequence[str], broken: Sequence[str], port: int, owner: int) -> RunPlan:
        choice = choose()
        key = make_key(folder.key).public
        no_firmware = dataclasses.replace(self._image, ovmf_code=Path("/missing.fd"))
        images = {name: no_firmware if name in broken else self._image for name in guests}
        plans = [
            prepare.guest(folder, name, images[name], prepare.Hardware(choice.accelerator), key, port)
            for name in guests
        ]
        return RunPlan(folder.name, str(choice), f"http://127.0.0.1:{port}/", plans, owner)


class StartedRun:
    def __init__(self, folder: RunFolder, owner: subprocess.Popen[bytes], supervisor: run.StartedSupervisor) -> None:
        self.folder = folder
        self.owner = owner
        self.supervisor = supervisor

    @property
    def state(self) -> RunState:
        return read_state(self.folder.state)

    def is_running(self) -> bool:
        return self.folder.state.exists() and all(guest.status == "running" for guest in self.state.guests.values())

    def wait_until_running(self) -> None:
        eventually(self.is_running)

    def processes(self) -> list[int]:
        """Descriptors of the guests' QEMU processes."""
        return [os.pidfd_open(guest.pid) for guest in self.state.guests.values() if guest.pid is not None]


@pytest.fixture
def lab(image: Image) -> Iterator[Lab]:
    with ExitStack() as stack:
        yield Lab(image, stack)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "this did not become true in time"
        time.sleep(0.05)


def all_end(processes: list[int]) -> bool:
    """Whether every process of these descriptors ends within some seconds."""
    assert processes
    deadline = time.monotonic() + _PATIENCE
    return all(select.select([process], [], [], max(0.0, deadline - time.monotonic()))[0] for process in processes)


def test_guests_end_when_their_owner_is_killed(lab: Lab) -> None:
    started = lab.start("owned", "one", "two")
    with started.supervisor as declare_up:
        started.wait_until_running()
        started.folder.inventory.write_text("---\n")
        declare_up()
    status = report.status(started.folder)
    assert (status.up, status.owner_pid, status.owner_name) == (True, started.owner.pid, "sleep")
    processes = started.processes()
    assert len(processes) == 2
    started.owner.kill()
    assert all_end(processes)
    eventually(lambda: not started.folder.is_held())
    status = report.status(started.folder)
    why = f"the process that the run belongs to has ended: {started.owner.pid} (sleep)"
    assert (status.phase, status.ended_because) == ("ended", why)
    assert not started.folder.inventory.exists()
    assert not started.folder.key.exists()


def test_guests_end_when_their_supervisor_is_killed(lab: Lab) -> None:
    started = lab.start("orphaned", "one", "two")
    with started.supervisor as declare_up:
        started.wait_until_running()
        declare_up()
    processes = started.processes()
    os.kill(started.state.supervisor_pid, signal.SIGKILL)
    assert all_end(processes)
    # Its guests are told of its end before its files are closed.
    eventually(lambda: not started.folder.is_held())
    status = report.status(started.folder)
    assert (status.up, status.phase, status.ended_because) == (False, "ended", "the supervisor was killed")


def test_guests_end_when_the_starter_ends_too_early(lab: Lab) -> None:
    started = lab.start("abandoned", "one")
    with started.supervisor:
        started.wait_until_running()
        processes = started.processes()
    assert all_end(processes)
    assert started.state.ended_because == "the command that started the run ended before the guests were up"


def test_two_runs_do_not_meet_and_one_ends_alone(lab: Lab) -> None:
    first, second = lab.start("first", "one"), lab.start("second", "one")
    with first.supervisor as first_is_up, second.supervisor as second_is_up:
        first.wait_until_running()
        second.wait_until_running()
        first_is_up()
        second_is_up()
    assert first.state.guests["one"].ssh_port != second.state.guests["one"].ssh_port
    processes = first.processes()
    run.down("first")
    assert all_end(processes)
    assert second.is_running()
    status = report.status(second.folder)
    assert status.up
    assert f"  belongs to: process {second.owner.pid} (sleep), and ends with it" in status.lines()


def test_a_run_that_is_up_cannot_be_started_again(lab: Lab) -> None:
    started = lab.start("taken", "one")
    with started.supervisor as declare_up:
        started.wait_until_running()
        declare_up()
    with pytest.raises(LabError, match=r"run taken is up already.*lab down --run taken"):
        lab.start("taken", "one")
    assert started.is_running()


def test_a_reset_is_recorded_with_its_place_in_the_console(lab: Lab) -> None:
    started = lab.start("reset", "one")
    guest = started.folder.guest("one")
    with started.supervisor as declare_up:
        started.wait_until_running()
        eventually(lambda: guest.console.stat().st_size > 0)
        declare_up()
    power_cycle(guest.control_socket)
    eventually(lambda: any(event.event == "RESET" for event in events.read(guest.events)))
    recorded = events.read(guest.events)
    assert recorded[0].event == "RESUME"
    (reset,) = (event for event in recorded if event.event == "RESET")
    assert reset.data == {"guest": False, "reason": "host-qmp-system-reset"}
    assert 0 < reset.console_offset <= guest.console.stat().st_size
    assert [(boot.cause, boot.reason) for boot in report.boots_of(guest)] == [
        ("power_on", None),
        ("reset", "host-qmp-system-reset"),
    ]


def test_nothing_of_a_running_guest_can_be_left_behind(lab: Lab) -> None:
    started = lab.start("nameless", "one")
    with started.supervisor as declare_up:
        started.wait_until_running()
        declare_up()
    left = {entry.name for entry in started.folder.guest("one").path.iterdir()}
    assert left <= {
        "console.log", "control.qmp", "events.jsonl", "qemu.log", "ssh_host_ed25519_key.pub", "supervisor.qmp",
    }  # fmt: skip


def test_the_repository_is_served(lab: Lab) -> None:
    started = lab.start("repository", "one")
    with started.supervisor as declare_up:
        started.wait_until_running()
        declare_up()
    with urllib.request.urlopen(f"{started.state.repository_url}Packages", timeout=5) as answer:
        assert answer.read() == b"Package: something\n"


def test_a_guest_that_cannot_start_says_why_and_the_others_go_on(lab: Lab) -> None:
    started = lab.start("broken", "good", "bad", without_firmware=("bad",))
    with started.supervisor:
        eventually(lambda: started.folder.state.exists() and started.state.guests["bad"].status == "ended")
        eventually(lambda: started.state.guests["good"].status == "running")
        assert "missing.fd" in (started.state.guests["bad"].problem or "")
        with pytest.raises(LabError, match=r"guest bad ended: .*missing\.fd"), ready.patience(_PATIENCE) as patient:
            ready.wait_for_ports(started.folder, patient)
