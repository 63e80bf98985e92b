# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GRUB remembers between boots (grubenv), and what grub-mkconfig is told (/etc/default/grub)."""

from __future__ import annotations

import re
from typing import Dict, List, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

ENVIRONMENT_LIMIT = 1 << 16  # bytes; grub-editenv makes files of 1024
_SIGNATURE = "# GRUB Environment Block"
_ESCAPED = regex(r"\\(.)", re.DOTALL)

_ASSIGNMENT = regex(r"GRUB_DEFAULT=(?:\"([^\"$`\\]*)\"|'([^']*)'|([A-Za-z0-9_.,:+>/-]*))(?:\s+#.*|\s*)")
_MENTION = regex(r"\bGRUB_DEFAULT\b(?=[+:]?=)")
GRUB_DEFAULT_UNSET = "0"  # grub-mkconfig's own


def parse_environment(data: bytes) -> Dict[str, str]:
    """The variables of an environment block (grub-core/lib/envblk.c). Raises ValueError for anything else."""
    text = data.decode("utf-8")
    if not text.startswith(_SIGNATURE):
        raise ValueError("it is not an environment block of GRUB")
    # A backslash and the end of a line are written with a backslash before them.
    lines = re.findall(r"(?:\\.|[^\\\n])+", text, re.DOTALL)
    pairs = (line.split("=", 1) for line in lines if not line.startswith("#") and "=" in line)
    return {name: _ESCAPED.sub(r"\1", value) for name, value in pairs}


def parse_grub_default_option(texts: Sequence[str]) -> str:
    """The value of GRUB_DEFAULT after these shell scripts, which are not run; the last assignment counts.

    Raises ValueError for one that is no plain text, or that is inside of something else.
    """
    found: List[str] = [GRUB_DEFAULT_UNSET]
    for line in "\n".join(texts).split("\n"):
        if line.lstrip().startswith("#") or not _MENTION.search(line):
            continue
        if "\r" in line:
            raise ValueError("only a shell could tell what GRUB_DEFAULT is, as its line ends with a carriage return")
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            raise ValueError("only a shell could tell what GRUB_DEFAULT is")
        found.append(next((value for value in match.groups() if value is not None), ""))
    return found[-1] or GRUB_DEFAULT_UNSET
