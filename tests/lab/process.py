# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One guest's QEMU process, from its start to its end."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from qemu.qmp import QMPClient, QMPError

from lab import prepare
from lab.console import last_lines
from lab.errors import LabError
from lab.layout import GuestFolder, SnapshotFolder
from lab.monitor import EventRecorder, closed, connected, forwarded_ssh_port, memory_is_there
from lab.qemu import with_ssh_port
from lab.state import GuestPlan, GuestState

_CONTROL_WITHIN = 30.0  # seconds until QEMU answers on its control socket
_END_WITHIN = 5.0  # seconds that QEMU gets to end by itself

# A parent that was dead before setpriv asked for the signal would never cause it; so the shell looks once more.
_DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"')


async def live(plan: GuestPlan, state: GuestState, changed: Callable[[], None]) -> None:
    """Start the guest and stay until its QEMU ends; cancelling this ends QEMU.

    Keeps `state` true and calls `changed` after each change. A guest that ends although nobody asked has its
    `problem` there.
    """
    try:
        await _live_once(plan, state, changed)
        while plan.snapshot is not None and GuestFolder.of(plan.folder).again.exists():
            await _live_again(plan, plan.snapshot, state, changed)
    except (OSError, QMPError, LabError) as error:
        said = " / ".join(last_lines(GuestFolder.of(plan.folder).errors, 3))
        state.problem = f"{said} {error} ({type(error).__name__})".strip()
    finally:
        state.status = "ended"
        changed()


async def _live_once(plan: GuestPlan, state: GuestState, changed: Callable[[], None]) -> None:
    process = await _start(plan, state)
    state.pid = process.pid
    try:
        await _accompany(process, plan, state, changed)
        state.problem = f"QEMU ended with status {await process.wait()}"
    finally:
        await _end(process)


async def _live_again(plan: GuestPlan, snapshot: str, state: GuestState, changed: Callable[[], None]) -> None:
    """Go on from the snapshot once more, on the port that everybody knows."""
    folder = GuestFolder.of(plan.folder)
    state.status, state.problem = "starting", None
    changed()
    prepare.again(folder, SnapshotFolder.of(snapshot))
    folder.again.unlink()
    await _live_once(plan, state, changed)


async def _start(plan: GuestPlan, state: GuestState) -> asyncio.subprocess.Process:
    argv = plan.argv if state.ssh_port is None else with_ssh_port(plan.argv, state.ssh_port)
    folder = GuestFolder.of(plan.folder)
    with folder.errors.open("ab") as errors:
        return await asyncio.create_subprocess_exec(
            *_DIE_WITH_PARENT,
            str(os.getpid()),
            *argv,
            cwd=folder.path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        )


async def _accompany(
    process: asyncio.subprocess.Process, plan: GuestPlan, state: GuestState, changed: Callable[[], None]
) -> None:
    """Let the guest run, and record its events until its QEMU ends."""
    folder = GuestFolder.of(plan.folder)
    recorder = EventRecorder(folder.events, folder.console)
    deadline = time.monotonic() + _CONTROL_WITHIN

    def again() -> bool:
        return process.returncode is None and time.monotonic() < deadline

    async with connected(folder.supervisor_socket, recorder, again) as client:
        await _release(client, plan, state)
        changed()
        await closed(client)


async def _release(client: QMPClient, plan: GuestPlan, state: GuestState) -> None:
    """Let the guest's first instruction run, and take the names of files away that QEMU has open."""
    state.ssh_port = await forwarded_ssh_port(client)
    await memory_is_there(client)
    # Before the names go: only now QEMU opens the disks of a guest from a snapshot for writing.
    await client.execute("cont")
    for name in plan.forget:
        _remove(Path(plan.folder) / name)
    state.status = "running"
    if plan.snapshot is not None:
        state.restored += 1


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _END_WITHIN)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
