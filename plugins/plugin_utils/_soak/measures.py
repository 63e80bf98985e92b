# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured of a boot: the names, which end with the unit of the value, and the words for people. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._soak.trend import Trend

MIB = 1 << 20
WEEK = 7 * 86400.0
PEBIBYTE = 2.0**50


class Measure(NamedTuple):
    """Words for it, the unit in which people see it, how much of the value's unit that is, and the largest value."""

    words: str
    unit: str
    by: int
    most: float

    def shown(self, value: float) -> str:
        """Return a value as people see it."""
        return f"{value / self.by:.4g} {self.unit}"

    def change(self, found: Trend) -> str:
        """Return how much it changes with each jump, in words; of a trend that is known."""
        slope, low, high = ((number or 0.0) / self.by for number in (found.slope, found.low, found.high))
        return f"by {slope:+.3g} {self.unit} with each jump (95 % interval {low:+.3g} to {high:+.3g})"


MEASURES = {
    "outage_seconds": Measure("the outage", "s", 1, WEEK),
    "boot_seconds": Measure("the boot time", "s", 1, WEEK),
    "free_bytes": Measure("free memory", "MiB", MIB, PEBIBYTE),
    "cma_free_bytes": Measure("free CMA", "MiB", MIB, PEBIBYTE),
    "slab_bytes": Measure("slab", "MiB", MIB, PEBIBYTE),
}
