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

from lab.console import last_lines
from lab.layout import GuestFolder
from lab.monitor import EventRecorder, closed, connected, forwarded_ssh_port
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
        process = await _start(plan)
        state.pid = process.pid
        try:
            await _accompany(process, plan, state, changed)
            state.problem = f"QEMU ended with status {await process.wait()}"
        finally:
            await _end(process)
    except (OSError, QMPError) as error:
        said = " / ".join(last_lines(GuestFolder.of(plan.folder).errors, 3))
        state.problem = f"{said or error} ({type(error).__name__})"
    finally:
        state.status = "ended"
        changed()


async def _start(plan: GuestPlan) -> asyncio.subprocess.Process:
    folder = GuestFolder.of(plan.folder)
    with folder.errors.open("ab") as errors:
        return await asyncio.create_subprocess_exec(
            *_DIE_WITH_PARENT,
            str(os.getpid()),
            *plan.argv,
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
    """QEMU has everything open: take the names of its files away, then let the guest's first instruction run."""
    state.ssh_port = await forwarded_ssh_port(client)
    for name in plan.forget:
        _remove(Path(plan.folder) / name)
    await client.execute("cont")
    state.status = "running"


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
