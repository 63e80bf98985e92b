# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a host's results on the controller, and the files in it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.files import replace_file

SIZE_LIMIT = 1 << 22


def folder_of(directory: str, host: str) -> Path:
    """Return the folder of a host's results; no name of a host leads out of the directory, and no two share one."""
    plain = re.sub(r"[^A-Za-z0-9.-]", "_", host)[:100].lstrip(".") or "_"
    # Where characters were replaced, another host could have the same name.
    return Path(directory) / (plain if plain == host else f"{plain}-{hashlib.sha256(host.encode()).hexdigest()[:12]}")


def read_json(path: Path) -> Any:
    """Return what a file of results holds; None without one. Raises KhoError ``soak_results_unreadable``."""
    try:
        if os.path.getsize(path) > SIZE_LIMIT:
            raise unreadable(path, "it is larger than can be right")
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, str(error)) from error
    if found is None:
        raise unreadable(path, "it holds nothing")
    return found


def write_json(path: Path, tree: Any) -> None:
    """Store results. Raises KhoError ``soak_results_unwritable``."""
    write_text(path, json.dumps(tree, indent=1) + "\n")


def write_text(path: Path, content: str) -> None:
    """Write a file for the user who runs Ansible alone. Raises KhoError ``soak_results_unwritable``."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise unwritable(path, error) from error


def set_aside(folder: Path, path: Path, kind: str, began: int, *evidence: str) -> None:
    """Keep results that have ended, and evidence whose names match these globs, under their time.

    Raises KhoError ``soak_results_unwritable``.
    """
    try:
        for old in (path, *(one for glob in evidence for one in folder.glob(glob))):
            old.replace(folder / (f"{kind}-{began}" + (".json" if old == path else f"-{old.name}")))
    except OSError as error:
        raise unwritable(path, error) from error


def remove(path: Path) -> None:
    """Remove a file, if it is there. Raises KhoError ``soak_results_unwritable``."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unreadable(path: Path, why: str) -> KhoError:
    """Return the error of a file that holds no results."""
    return KhoError(
        "soak_results_unreadable",
        f"The results of this host, {printable(str(path))}, cannot be understood: {printable(why)}. They "
        "say where to go on, so nothing more was done. Move the file away to begin anew.",
    )


def unwritable(path: Path, error: OSError) -> KhoError:
    """Return the error of a file that cannot be written."""
    return KhoError(
        "soak_results_unwritable",
        f"The results of this host cannot be written to {printable(str(path))}: {error.strerror or error}. "
        "Without them nothing would be known of them later. Nothing more was done. Make kexec_soak_directory writable, "
        "and run this again; a jump that was made is then verified.",
    )
