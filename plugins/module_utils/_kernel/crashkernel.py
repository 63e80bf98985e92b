# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory ``crashkernel=`` asks for (Documentation/admin-guide/kdump/kdump.rst)."""

from __future__ import annotations

import re

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import last_value

_PLAIN = regex(r"([0-9]{1,15})([KMGT]?)(?:@[0-9a-fA-Fx]+[KMGT]?|,high)?", re.IGNORECASE)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def crashkernel_bytes(target: str, running: str, reserved: int | None) -> int | None:
    """The memory that the target's command line asks for; None when it asks for none, or nobody can tell.

    A size that depends on the machine's memory (``1G-4G:160M,...``) is what the running kernel has ``reserved``, when
    its command line asks for the same.
    """
    wanted = last_value(target, "crashkernel")
    if wanted is None:
        return None
    plain = _PLAIN.fullmatch(wanted)
    if plain:
        return int(plain.group(1)) << _UNITS[plain.group(2).upper()]
    return reserved or None if wanted == last_value(running, "crashkernel") else None
