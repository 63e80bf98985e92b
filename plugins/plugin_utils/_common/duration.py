# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long something may take, as an operator writes it: seconds, or with units."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
EXAMPLES = "600, 10m, 2h or 1h30m"
LONGEST = 366 * 86400
_NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)
_UNITS = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)


def seconds(value: Any) -> int:
    """Return the seconds of a whole number, or of text such as ``600``, ``10m``, ``2h`` and ``1h30m``.

    Units are days, hours, minutes and seconds, in this order. Raises ValueError with a sentence about the value.
    """
    found = _seconds(value)
    if found is None or found > LONGEST:
        most = "" if found is None else f", a year ({LONGEST // UNITS['d']}d) at most"
        raise ValueError(f"{printable(ascii(value), 60)} is not a number of seconds; write {EXAMPLES}{most}")
    return found


def _seconds(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    text = value.strip() if isinstance(value, str) else ""
    if _NUMBER.fullmatch(text):
        return int(text)
    found = _UNITS.fullmatch(text) if text else None
    if found is None:
        return None
    return sum(int(number or 0) * unit for number, unit in zip(found.groups(), UNITS.values(), strict=True))
