# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking things out of results that come from hosts, where nothing need have the type that it should have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

UNKNOWN = "-"
"""What a table shows for what there is not, or is not known."""

LARGEST = 2**63


def at(tree: Any, *path: str) -> Any:
    """Return what is in nested mappings at ``path``, or None."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def text(value: Any, limit: int = 200) -> str:
    """Return ``value`` as printable ASCII of at most ``limit`` characters; `UNKNOWN` for None."""
    return UNKNOWN if value is None else printable(str(value), limit)


def text_or_none(value: Any) -> str | None:
    """Return a string as printable ASCII; None for what is no string."""
    return printable(value) if isinstance(value, str) else None


def whole_or_none(value: Any) -> int | None:
    """Return a whole number of at most 64 bits; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST else None


def seconds_or_none(value: Any) -> float | None:
    """Return a duration in seconds, in thousandths; None for what is none."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return round(float(value), 3) if is_number and 0 <= value < LARGEST else None
