# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against a transition: a note, which ways to the target it concerns, and how much it weighs."""

from __future__ import annotations

from typing import FrozenSet, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.words import COLD_BOOT, HANDOVER, KEXEC

Ways = FrozenSet[str]
ONLY_HANDOVER: Ways = frozenset({HANDOVER})
ANY_KEXEC: Ways = frozenset({HANDOVER, KEXEC})
ANY_WAY: Ways = frozenset({HANDOVER, KEXEC, COLD_BOOT})

# Forbids the ways that it concerns, unless its code is accepted.
OBSTACLE = "obstacle"
# There will be no handover, whether or not that is accepted.
LOSS = "loss"
# Something cannot be known; the policy says whether that forbids.
DOUBT = "doubt"
# Forbids nothing.
ADVICE = "advice"


class FailedCheck(NamedTuple):
    """One thing that speaks against going to the target by one of the ways that it ``concerns``."""

    note: Note
    concerns: Ways
    weight: str
