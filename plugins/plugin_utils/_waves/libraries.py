# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller lacks is told before the fleet is read, not after."""

from __future__ import annotations

REPORT = "kexec_report"
"""The role, and the playbook, whose last step is the report."""


def require_library_of_reports() -> None:
    """Raise LedgerError ``ledger_library_missing`` unless statistics can be made here."""
    # Here, because the database's libraries take a while to load, and all others do without.
    from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import require

    require("scipy")
