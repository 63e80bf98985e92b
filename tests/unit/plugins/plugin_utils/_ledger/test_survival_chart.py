# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawing of boots without a crash."""

from __future__ import annotations

from unit.plugins.plugin_utils._ledger.test_survival import HANDOVER, some

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.survival import compared
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.survival_chart import drawing


def test_a_drawing_says_its_numbers_in_words() -> None:
    of = compared(HANDOVER, some(), some())
    said, svg = drawing("<a> -> b", of)
    assert "<a>" not in svg
    assert said.startswith("<a> -> b: 75 % of 4 boots") is (of.after.until < 3)
    assert svg.count("<path") == 3
    assert svg.count("stroke-dasharray") == 1
