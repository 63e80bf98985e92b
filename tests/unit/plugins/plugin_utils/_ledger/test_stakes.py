# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bet of a gate: what is on which way in which a jump may do harm."""

from __future__ import annotations

import pytest
from unit.plugins.plugin_utils._ledger.test_exposure import HOUR, KNOWN, WAITING
from unit.plugins.plugin_utils._ledger.test_sequential import watched

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.exposure import DOUBT, Past
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import LIMIT
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.stakes import (
    KEPT,
    ON_ANY_TIME,
    ON_DEATHS,
    ON_SOON,
    ON_SYMPTOMS,
    evidence,
)


def test_parts_of_the_stake_are_the_whole() -> None:
    parts = ON_DEATHS + ON_SOON + ON_ANY_TIME
    assert parts == pytest.approx(1)
    # Its error and the doubt are what may go wrong.
    error = KEPT / LIMIT
    assert error == pytest.approx(1 / LIMIT - DOUBT)


def test_one_death_among_the_first_hosts_is_enough_where_hosts_rarely_crash() -> None:
    jumped = watched((4 * HOUR, 4 * HOUR + 30, True), *[(4 * HOUR, 5 * HOUR, False)] * 155)
    assert evidence(jumped, WAITING, KNOWN) >= LIMIT
    assert evidence(jumped, WAITING, Past(1_000_000.0, 50_000)) < LIMIT


def test_crashes_and_symptoms_share_one_stake() -> None:
    nothing, quiet = watched(), Past()
    assert evidence(nothing, nothing, quiet, 1.0) == pytest.approx(evidence(nothing, nothing, quiet))
    assert evidence(nothing, nothing, quiet, 0.0) == pytest.approx(KEPT * (1 - ON_SYMPTOMS))
    assert evidence(nothing, nothing, quiet, 101.0) == pytest.approx(KEPT * (1 + 100 * ON_SYMPTOMS))


def test_one_death_among_many_is_not() -> None:
    jumped = watched((4 * HOUR, 4 * HOUR + 30, True), *[(4 * HOUR, 5 * HOUR, False)] * 3000)
    assert evidence(jumped, WAITING, KNOWN) < LIMIT
