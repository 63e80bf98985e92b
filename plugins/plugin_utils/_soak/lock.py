# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time works on the results of a host: its jumps would be mixed with those of another."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import at
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.identity import has_ended
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.files import unwritable

FILE = "lock.json"
_SIZE_LIMIT = 1 << 12
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def hold(folder: Path, asker: Mapping[str, Any]) -> None:
    """Take the lock of a host's results, or keep it; ``asker`` says who asks, as `run_identity` does.

    The lock of a process of this machine that has ended is taken over. Of a run on another machine nobody knows that.
    Raises KhoError ``soak_locked`` or ``soak_results_unwritable``.
    """
    with _opened(folder) as descriptor:
        held = _holder(descriptor)
        run = at(held, "run")
        if isinstance(run, str) and run != asker["run"] and not has_ended(run):
            raise _locked(folder / FILE, at(held, "owner"))
        if run != asker["run"]:
            _write(descriptor, json.dumps({"run": asker["run"], "owner": asker["owner"]}) + "\n")


def release(folder: Path, asker: Mapping[str, Any]) -> None:
    """Give the lock back, where it is the asker's. Raises KhoError ``soak_results_unwritable``."""
    with _opened(folder) as descriptor:
        if at(_holder(descriptor), "run") == asker["run"]:
            _write(descriptor, "")


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """The file of the lock, which nobody else reads or writes meanwhile."""
    path = folder / FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> Any:
    """What the file says; None for what is no lock, such as one that was cut short by a full disk."""
    try:
        return json.loads(os.pread(descriptor, _SIZE_LIMIT, 0))
    except ValueError:
        return None


def _write(descriptor: int, content: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content.encode(), 0)


def _locked(path: Path, owner: Any) -> KhoError:
    return KhoError(
        "soak_locked",
        f"{printable(str(owner))} works with the results of this host ({printable(str(path))}). Two at once would mix "
        "their jumps. Nothing was done. Wait until it has ended, or end it. One that was killed on this machine is "
        "noticed; if it was on another and is certain to be dead, remove that file.",
    )
