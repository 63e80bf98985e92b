# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that explains all codes."""

from __future__ import annotations

import re

from .tree import ROOT

PAGE = ROOT / "docs" / "reference" / "codes.md"
# "### `cold_boot`": a heading that is a code, and nothing more.
HEADING = re.compile(r"^#+ `([a-z][a-z0-9_]*)`$")


def lines() -> list[str]:
    """Return the lines of the page that are not empty."""
    return [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.strip()]


def headings() -> list[str]:
    """Return the codes that have a heading, in their order."""
    return [match.group(1) for match in map(HEADING.match, lines()) if match]
