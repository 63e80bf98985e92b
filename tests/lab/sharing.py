# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the guests of a run share the processors of the machine that they run on."""

from __future__ import annotations

import math

MOST_GUESTS = 4
"""As many as tests ever run at once: the three of a rollout, and the one with an initramfs, which waits meanwhile."""


def processors(guests: int, here: int) -> int:
    """How many processors each of so many guests gets, where there are so many.

    Two, unless there are more guests than pairs of processors: one that waits for another, which does not run, wastes
    the time of both.
    """
    return max(1, min(2, here // max(1, guests)))


def at_once(here: int) -> int:
    """How many processors all guests of a test have together, at most."""
    return max(guests * processors(guests, here) for guests in range(1, MOST_GUESTS + 1))


def share(guests: int, here: int) -> int:
    """How many of the processors that are there these guests occupy, so that all that fit have no more than at once."""
    return min(here, math.ceil(guests * processors(guests, here) * here / at_once(here)))
