# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps things: what can be built again in the cache, what belongs to one run in the state folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from lab.errors import LabError

LAB_DIR = Path(__file__).resolve().parent
_RUN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def cache_dir() -> Path:
    """The folder of everything that can be built again, shared by all runs of this user; made when it is not there."""
    return _made(_base("XDG_CACHE_HOME", ".cache") / "kho-kexec-lab")


def runs_dir() -> Path:
    """The folder that holds one folder for each run."""
    return _made(_base("XDG_STATE_HOME", ".local/state") / "kho-kexec-lab" / "runs")


def run_dir(name: str) -> Path:
    """The folder of the run ``name``; not made here, because its existence says that a run was started.

    Raises:
        LabError: the name could leave the folder of runs, or is too long for the socket paths below it.
    """
    if not _RUN_NAME.fullmatch(name):
        raise LabError(
            f"the run's name is {name!r}, but a name has 1 to 40 of the characters a-z 0-9 . _ -, "
            "because folders and sockets are named after it: choose another one with --run"
        )
    return runs_dir() / name


def _base(variable: str, default: str) -> Path:
    configured = os.environ.get(variable, "")
    return Path(configured) if os.path.isabs(configured) else Path.home() / default


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
