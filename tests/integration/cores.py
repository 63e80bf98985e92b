# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ansible-cores that the integration tests run with."""

from __future__ import annotations

import os
from pathlib import Path

from tools import environments


def _bin_folders() -> dict[str, Path]:
    wanted = os.environ.get(environments.SOME_CORES, "").split() or list(environments.CORES)
    made = {core: environments.for_core(core).environment for core in wanted}
    return {core: environment.folder / "bin" for core, environment in made.items() if environment is not None}


CORES = _bin_folders()
"""The folders with the programs of each ansible-core, oldest first: of those that the step names, else of all."""
assert CORES, "this machine has no Python for any ansible-core"
