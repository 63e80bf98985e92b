# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was known of a boot is completed, and never forgotten."""

from __future__ import annotations

from unit.plugins.plugin_utils.histories import END, NOW, boot, history
from unit.plugins.plugin_utils.ledgers import Ask

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger


def test_a_boot_is_completed(ledger: Ledger, ask: Ask) -> None:
    ledger.import_history("web1", history(boot(release=None)), NOW)
    ledger.import_history("web1", history(boot(ending="clean", end=END)), NOW)
    ledger.import_history("web1", history(boot(release=None, ending="unknown", kexec_count=None)), NOW)
    assert ask("SELECT release, kexec_count, ending FROM boots") == [("7.3.4-kho", 1, "clean")]
