# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases that show once more what another case of the same test shows: only `make test-all` tries them."""

from __future__ import annotations

from typing import Any

import pytest


def more(*cases: Any) -> list[Any]:
    """Return parameters of a test, tuples where it has several, that only `make test-all` tries."""
    several = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*case, marks=pytest.mark.only_in_all) for case in several]


CHECK = [(), *more((("--check",),))]
"""How a playbook is run."""
