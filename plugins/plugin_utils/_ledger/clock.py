# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger's database says of the time: where several controllers take part, only that counts."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

with suppress(ImportError):  # errors.require() says so
    import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import ColumnElement


def clock(dialect: str) -> ColumnElement[int]:
    """Return what the database says of the time, in seconds since 1970; not of when its transaction began."""
    if dialect == "sqlite":
        return sa.cast(sa.func.strftime("%s", "now"), sa.BigInteger)
    return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.BigInteger)
