# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a ledger, said without secrets."""

from __future__ import annotations

import importlib
import sqlite3
import sys

import pytest
from unit.plugins.plugin_utils.ledgers import refusal

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import require, understood
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import place_of


@pytest.mark.parametrize(
    "url",
    [
        *("", "ledger.db", "sqlite://", "sqlite:///relative.db", "mysql://root:s3cret@db/x", "oracle+x://s3cret"),
        *("postgresql+psycopg2://me:s3cret@db/x", "postgresql://me:s3cret@db:port/x", "sqlite:///:memory:"),
    ],
)
def test_addresses_that_are_not_understood(url: str) -> None:
    error = refusal(lambda: place_of(url))
    assert error.code == "ledger_url_invalid"
    assert "s3cret" not in error.message


def test_secret_of_the_query_is_one_too() -> None:
    place = place_of("postgresql://me@db/fleet?password=s3cret")
    assert "s3cret" not in place.words

    def raise_it() -> None:
        with understood(place.words, place.secret):
            raise sqlite3.OperationalError("failed with password=s3cret")

    assert "s3cret" not in refusal(raise_it).message


def test_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    error = refusal(lambda: require("scipy"))
    assert error.code == "ledger_library_missing"
    assert f"{sys.executable} -m pip install 'scipy>=" in error.message
    assert "no statistics" in error.message


@pytest.mark.parametrize(
    "said",
    [
        "failed to resolve host 'db.example.invalid': [Errno -2] Name or service not known",
        'could not translate host name "db.example.invalid" to address: Name or service not known',
    ],
)
def test_server_whose_name_is_not_known_is_away(said: str) -> None:
    def raise_it() -> None:
        with understood("here"):
            raise sqlite3.OperationalError(said)

    assert refusal(raise_it).code == "ledger_away"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        *(("08006", "ledger_away"), ("28P01", "ledger_away"), ("3D000", "ledger_away"), ("57P01", "ledger_away")),
        *(("25006", "ledger_read_only"), ("42501", "ledger_read_only"), ("55P03", "ledger_locked")),
        *(("40P01", "ledger_locked"), ("53300", "ledger_away"), ("42P01", "ledger_failed")),
    ],
)
def test_what_postgresql_says(state: str, code: str) -> None:
    class Answer(sqlite3.Error):
        sqlstate = state

    def raise_it() -> None:
        with understood("here"):
            raise Answer("...")

    assert refusal(raise_it).code == code
