# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing and removing the fact script, which root is going to execute with each ``setup``."""

from __future__ import annotations

import hashlib
import posixpath
import re
from typing import Any, Dict, Optional

from ansible_collections.kho.kexec.plugins.module_utils._fact_script.archive import (
    FLAGS,
    fact_script,
    interpreter_of,
    is_fact_script,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.access import is_root
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.ownership import writable_by_others
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex

FILE_NAME = "kho.fact"
FILE_MODE = 0o755
FILE_LIMIT = 4 << 20
DIRECTORY_MODE = 0o755
MINIMUM_PYTHON = (3, 8)

# The kernel takes 127 characters of the first line before Linux 5.1, and ends the program's name at white space.
_INTERPRETER = regex(r"/[!-~]{1,100}")
_VERSION_PROGRAM = "import sys; print(*sys.version_info[:2])"
_VERSION_TIMEOUT = 20.0


def install(host: Host, directory: str, interpreter: str, check_mode: bool) -> Dict[str, Any]:
    """Write ``kho.fact`` unless it is there as it should be; returns the module's result.

    Raises Refusal (``not_root``, ``path_not_absolute``, ``interpreter_unusable``, ``interpreter_too_old``,
    ``fact_script_unsafe``, ``fact_script_foreign``) before anything is changed, and HostError.
    """
    path = _checked_path(host, directory)
    _require_safety(host, directory, interpreter)
    _require_python(host, interpreter)
    before = _existing(host, path)
    wanted = fact_script(interpreter)
    changed = before != wanted or not _is_executable_of_root(host, path)
    if changed and not check_mode:
        host.make_directories(directory, DIRECTORY_MODE)
        host.write_atomically(path, wanted, FILE_MODE)
    return _result(path, before, wanted, changed)


def remove(host: Host, directory: str, check_mode: bool) -> Dict[str, Any]:
    """Remove ``kho.fact`` if it is there; returns the module's result.

    Raises Refusal (``not_root``, ``path_not_absolute``, ``fact_script_foreign``), and HostError.
    """
    path = _checked_path(host, directory)
    before = _existing(host, path)
    if before is not None and not check_mode:
        host.remove(path)
    return _result(path, before, None, before is not None)


def _checked_path(host: Host, directory: str) -> str:
    if not is_root(host):
        raise Refusal(
            "not_root",
            "This does not run as root. Root executes the fact script, so only root may write it. Use become.",
        )
    if not posixpath.isabs(directory):
        raise Refusal(
            "path_not_absolute",
            f"The directory {printable(directory)} is not absolute, so it is not certain which one is meant. "
            "Give the whole path.",
        )
    return posixpath.join(directory, FILE_NAME)


def _require_safety(host: Host, directory: str, interpreter: str) -> None:
    """Refuse what users other than root may write, before it is run or written to."""
    if not _INTERPRETER.fullmatch(interpreter) or not host.exists(interpreter):
        raise _unusable(interpreter, "It is not the absolute path of a file, without spaces and up to 100 characters.")
    existing = directory
    while not host.exists(existing):
        existing = posixpath.dirname(existing)
    unsafe = writable_by_others(host, existing, interpreter)
    if unsafe:
        raise Refusal(
            "fact_script_unsafe",
            f"Users other than root can write {printable(', '.join(sorted(unsafe)), 1000)}. Root executes the fact "
            "script there with this interpreter, so anyone who can write one of them could become root. Give them to "
            "root (chown root:root, chmod go-w), or choose other paths.",
        )


def _require_python(host: Host, interpreter: str) -> None:
    try:
        done = host.run([interpreter, FLAGS, "-c", _VERSION_PROGRAM], timeout=_VERSION_TIMEOUT)
    except HostError as error:
        raise _unusable(interpreter, error.message) from error
    match = re.fullmatch(r"(\d{1,4}) (\d{1,4})\n", done.stdout)
    if done.rc != 0 or match is None:
        raise _unusable(interpreter, f"It {done.ending()}.")
    if (int(match.group(1)), int(match.group(2))) < MINIMUM_PYTHON:
        raise Refusal(
            "interpreter_too_old",
            f"The interpreter {interpreter} is Python {match.group(1)}.{match.group(2)}, and the fact script needs "
            f"{'.'.join(map(str, MINIMUM_PYTHON))} or newer. Name a newer one.",
        )


def _unusable(interpreter: str, problem: str) -> Refusal:
    return Refusal(
        "interpreter_unusable",
        f"The interpreter {printable(interpreter)} cannot be used: {problem} The fact script would not run. Name the "
        "path of a Python 3.",
    )


def _existing(host: Host, path: str) -> Optional[bytes]:
    """Return the script that is there; None when there is no file."""
    try:
        data = host.read_bytes(path, FILE_LIMIT)
    except HostError as error:
        if error.reason == "absent":
            return None
        if error.reason != "too_large":
            raise
        data = b""
    if not is_fact_script(data):
        raise Refusal(
            "fact_script_foreign",
            f"The file {path} is not the fact script of this collection: somebody else put it there. It is left "
            "alone. Move it away, or choose another directory.",
        )
    return data


def _is_executable_of_root(host: Host, path: str) -> bool:
    owner = host.owner_and_mode(path)
    return owner.uid == 0 and owner.mode == FILE_MODE


def _result(path: str, before: Optional[bytes], after: Optional[bytes], changed: bool) -> Dict[str, Any]:
    return {
        "changed": changed,
        "path": path,
        "sha256": hashlib.sha256(after).hexdigest() if after is not None else None,
        "size": len(after) if after is not None else None,
        "diff": {"before": _shown(path, before), "after": _shown(path, after)},
    }


def _shown(path: str, script: Optional[bytes]) -> Dict[str, Any]:
    """A script as a diff shows it: nobody wants to see its bytes."""
    if script is None:
        return {"path": path, "state": "absent"}
    return {
        "path": path,
        "state": "present",
        "interpreter": interpreter_of(script),
        "sha256": hashlib.sha256(script).hexdigest(),
    }
