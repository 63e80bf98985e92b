# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of what is measured say the unit, and people see it in theirs."""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.plugin_utils._soak.measures import MEASURES, MIB
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.trend import Trend


def test_names_end_with_the_unit_of_the_value():
    units = {"s": "seconds", "MiB": "bytes"}
    assert all(name.endswith(f"_{units[one.unit]}") for name, one in MEASURES.items())


def test_words_of_a_trend_and_of_a_value():
    leak = Trend(-16.0 * MIB, -16.5 * MIB, -15.5 * MIB, True)
    assert MEASURES["free_bytes"].change(leak) == "by -16 MiB with each jump (95 % interval -16.5 to -15.5)"
    assert MEASURES["free_bytes"].shown(812.5 * MIB) == "812.5 MiB"
    assert MEASURES["boot_seconds"].shown(12.5) == "12.5 s"
