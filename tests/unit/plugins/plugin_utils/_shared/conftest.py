# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger in a file, whose clock can be put forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from ansible_collections.kho.kexec.plugins.plugin_utils._shared import info, store


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Give an open ledger."""
    with Ledger(place_of(f"sqlite:///{tmp_path}/ledger.db")) as opened:
        yield opened


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Put the database's clock forward, from 1000."""
    at = [1000]

    def forward(seconds: int) -> None:
        at[0] += seconds

    for module in (info, store):
        monkeypatch.setattr(module, "clock", lambda _dialect: sa.literal(at[0]))
    return forward
