# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums are those of all boots that are known, however often they are told."""

from __future__ import annotations

from unit.plugins.plugin_utils.histories import NOW, cold, ended, history
from unit.plugins.plugin_utils.ledgers import Ask

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger


def test_sums_grow_with_what_is_told(ledger: Ledger, ask: Ask) -> None:
    question = "SELECT boots, crashes, recovered FROM tallies JOIN ways USING (way) ORDER BY boot"
    ledger.import_history("web1", history(ended(3, ending="crash")), NOW)
    assert ask(question) == [(1, 1, 0)]
    for _again in range(2):
        ledger.import_history("web1", history(ended(3, ending="crash"), cold(2), ended(1)), NOW)
        assert ask(question) == [(1, 0, 1), (2, 1, 0)]
