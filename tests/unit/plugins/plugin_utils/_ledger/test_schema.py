# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the newest version."""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables


def test_a_new_ledger_has_them_all(ledger: Ledger) -> None:
    with ledger.snapshot() as connection:
        for table in tables():
            assert connection.execute(table.select()).all() == ([(9,)] if table.name == "schema_version" else [])
