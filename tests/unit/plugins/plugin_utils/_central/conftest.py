# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger in a file, and logs in a folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.plugin_utils.central import Crashes, Logs

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Give an open ledger."""
    with Ledger(place_of(f"sqlite:///{tmp_path}/ledger.db")) as opened:
        yield opened


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    """Return what writes logs of a kind, and says where they are."""

    def written(kind: str, name: str, lines: list[str]) -> list[dict[str, Any]]:
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return [{"kind": kind, "path": str(tmp_path / "logs")}]

    return written


@pytest.fixture
def crashes(tmp_path: Path) -> Crashes:
    """Return what tells the crashes of the ledger: host, boot, kind, whether it was fatal, source."""

    def held() -> list[Any]:
        with sqlite3.connect(tmp_path / "ledger.db") as connection:
            return connection.execute("SELECT host, boot_id, kind, fatal, source FROM crashes ORDER BY 1, 2").fetchall()

    return held
