# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts of a rollout are lost: on their way with a run that does not have them any more."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.schema import tables
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import GOING

with suppress(ImportError):  # _ledger_errors.require() says so
    import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import ColumnElement

GRACE = 60
"""Seconds after the end of a claim in which a run that waits for the hosts takes them; until then nobody stops."""


def is_lost(now: int) -> ColumnElement[bool]:
    """Return the condition that a row of ``rollout_hosts`` is of a host that is lost ``now``."""
    hosts, claims = tables().rollout_hosts, tables().rollout_claims.c
    held = sa.select(claims.host).where(
        claims.host == hosts.c.host,
        claims.rollout == hosts.c.rollout,
        claims.run == hosts.c.run,
        claims.until > now,
    )
    return (hosts.c.state == GOING) & ~held.correlate(hosts).exists()
