# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger in a file, and questions that go past it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.plugin_utils.ledgers import Ask

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, Place, place_of


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return where the ledger will be."""
    return place_of(f"sqlite:///{tmp_path}/folder/ledger.db")


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    """Give an open ledger."""
    with Ledger(place) as opened:
        yield opened


@pytest.fixture
def ask(place: Place) -> Ask:
    """Return what asks the file itself."""

    def rows(sql: str) -> list[Any]:
        with sqlite3.connect(str(place.file)) as connection:
            return connection.execute(sql).fetchall()

    return rows
