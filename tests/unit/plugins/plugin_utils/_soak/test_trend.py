# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trends over the number of handovers: what drifts is found, and what is not known is said to be unknown."""

from __future__ import annotations

import random
import sys

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._soak.trend import FEWEST, trend

COUNTS = list(range(1, 21))


def test_a_leak_is_found_in_noise_and_despite_one_value_that_is_far_off():
    noise = random.Random(1)
    values = [1000 - 5 * count + noise.gauss(0, 6) for count in COUNTS]
    values[3] = 0
    found = trend(COUNTS, values)
    assert found.drifts
    assert found.low < -5 < found.high
    assert found.low <= found.slope <= found.high < 0


def test_noise_alone_drifts_in_few_cases():
    noise = random.Random(2)
    drifting = sum(trend(COUNTS, [noise.gauss(0, 1) for _count in COUNTS]).drifts for _try in range(400))
    assert drifting <= 40  # 5 % are 20


def test_values_that_stay_the_same_do_not_drift():
    assert trend(COUNTS, [7.0] * 20).as_dict() == {
        **{"slope": 0.0, "low": 0.0, "high": 0.0, "drifts": False},
        "why": None,
    }


@pytest.mark.parametrize("known", [0, FEWEST - 1])
def test_too_few_values_are_no_trend(known):
    found = trend(COUNTS, [float(count) if count <= known else None for count in COUNTS])
    assert (found.slope, found.drifts, found.why.code) == (None, None, "soak_too_few")
    assert str(known) in found.why.message


def test_many_values_of_one_count_are_no_trend():
    assert trend([1] * 20, [float(count) for count in COUNTS]).why.code == "soak_too_few"


def test_without_scipy_it_is_not_known(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    assert trend(COUNTS, [float(count) for count in COUNTS]).why.code == "soak_without_scipy"
