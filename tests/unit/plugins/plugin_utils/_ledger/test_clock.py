# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger's database says of the time."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.clock import clock
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger


def test_sqlite_says_it_in_whole_seconds_since_1970(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    earliest = int(time.time())
    monkeypatch.setattr(time, "time", lambda: 0.0)
    now = ledger.now()
    monkeypatch.undo()
    assert isinstance(now, int)
    assert earliest <= now <= time.time()


def test_postgresql_says_it_of_now_and_not_of_when_the_transaction_began() -> None:
    asked = str(sa.select(clock("postgresql")).compile(dialect=postgresql.dialect()))
    assert "EXTRACT(epoch FROM clock_timestamp())" in asked
