# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of the report agree with those of another library."""

from __future__ import annotations

import warnings
from math import inf, sqrt

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.duration.survfunc import SurvfuncRight, survdiff
from statsmodels.stats.contingency_tables import Table as OtherTable
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import HostCount
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.evidence import weigh
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import Watched, crashes_of
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import (
    ALPHA,
    Table,
    adjust,
    rate_interval,
    risk_interval,
    trend_test,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.survival import Lives, kaplan_meier

DRAW = np.random.default_rng(7)
RATES = (0.001, 0.01, 0.1, 0.5)


def some_table() -> Table:
    boots, cold = (int(number) for number in DRAW.integers(1, 3000, 2))
    rate, cold_rate = DRAW.choice(RATES, 2)
    return Table(int(DRAW.binomial(boots, rate)), boots, int(DRAW.binomial(cold, cold_rate)), cold)


TABLES = [some_table() for _time in range(200)]


def test_relative_risk_and_its_interval() -> None:
    compared = 0
    for table in TABLES:
        low, high = risk_interval(table)
        if table.crashes and table.cold_crashes:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it looks for the ends where logarithms overflow
                expected = confint_proportions_2indep(
                    *(table.crashes, table.boots, table.cold_crashes, table.cold_boots),
                    compare="ratio",
                    method="score",
                    alpha=ALPHA,
                )
            assert (low, high) == pytest.approx(expected, rel=1e-4)
            compared += 1
        else:
            assert low == 0 or high == inf
    assert compared > 100


def test_interval_of_a_rate() -> None:
    for table in TABLES:
        expected = proportion_confint(table.crashes, table.boots, alpha=ALPHA, method="beta")
        assert rate_interval(table.crashes, table.boots) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("number", [1, 2, 10, 200])
def test_correction(number: int) -> None:
    p_values = list(DRAW.uniform(0, 1, number) ** 3)
    assert adjust(p_values) == pytest.approx(list(multipletests(p_values, ALPHA, "fdr_bh")[1]))


@pytest.mark.parametrize("slope", [0.0, 0.02, 0.05, -0.02])
def test_trend(slope: float) -> None:
    """With so many boots, the normal distribution that the other library uses is as good as drawing."""
    sizes = (900, 800, 700, 600)
    groups = [
        (count, boots, int(DRAW.binomial(boots, 0.1 + slope * count if slope >= 0 else 0.2 + slope * count)))
        for count, boots in enumerate(sizes, start=1)
    ]
    found = trend_test(groups)
    table = OtherTable(np.array([[boots - crashes, crashes] for _count, boots, crashes in groups]))
    other = table.test_ordinal_association(row_scores=np.arange(1, 5), col_scores=np.array([0, 1]))
    assert found is not None
    assert found.direction == np.sign(other.statistic - other.null_mean)
    assert found.p == pytest.approx(other.pvalue, rel=0.6, abs=5e-4)


@pytest.mark.parametrize("mixed", [True, False], ids=["hosts with both kinds", "hosts with one kind"])
@pytest.mark.parametrize("seed", range(5))
def test_what_boots_of_hosts_are_worth(seed: int, mixed: bool) -> None:
    """The rates are those of generalized estimating equations, and no surer than these say."""
    draw, hosts, boots = np.random.default_rng(seed), 200, 10
    kind = draw.integers(0, 2, size=(hosts, boots if mixed else 1)).repeat(1 if mixed else boots, axis=1)
    crashed = draw.random((hosts, boots)) < draw.beta(1, 9, size=(hosts, 1))
    columns = [(kind == 1).sum(1), ((kind == 1) & crashed).sum(1), (kind == 0).sum(1), ((kind == 0) & crashed).sum(1)]
    found = weigh([HostCount(*row) for row in np.stack(columns, axis=1).tolist()]).estimate
    rate, cold_rate = found.crashes / found.boots, found.cold_crashes / found.cold_boots
    variance = rate * (1 - rate) / found.boots + cold_rate * (1 - cold_rate) / found.cold_boots
    indicators = np.column_stack([kind.ravel() == 1, kind.ravel() == 0]).astype(float)
    groups = np.repeat(np.arange(hosts), boots)
    other = sm.GEE(crashed.ravel().astype(float), indicators, groups, cov_struct=sm.cov_struct.Exchangeable()).fit()
    assert (rate, cold_rate) == pytest.approx(tuple(other.params), rel=0.01)
    (own, common), (_common, others) = other.cov_naive
    assert 0.99 <= sqrt(variance / (own + others - 2 * common)) <= 1.2


def test_share_of_those_who_run_when_one_crashes() -> None:
    draw, jumped = np.random.default_rng(1), np.arange(300) < 100
    begin = np.where(jumped, draw.uniform(0, 5, 300), 0.0)
    life = draw.exponential(np.where(jumped, 10, 30))
    end, crashed = np.minimum(begin + life, 20), begin + life <= 20
    sides = [Watched(begin[side], end[side], crashed[side]) for side in (jumped, ~jumped)]
    crashes = crashes_of(*sides)
    share = crashes.running / (crashes.running + crashes.waiting)
    expected, _p = survdiff(end, crashed.astype(int), jumped.astype(int), entry=begin)
    assert (crashes.jumped.sum() - share.sum()) ** 2 / (share * (1 - share)).sum() == pytest.approx(expected)


@pytest.mark.parametrize("boots", [1, 10, 500])
def test_share_without_a_crash(boots: int) -> None:
    hours, crashed = DRAW.exponential(100.0, boots).round(), DRAW.random(boots) < 0.3
    weight = 1.0 / DRAW.integers(1, 9, boots)
    crashed[0] = True
    times, share = kaplan_meier(Lives(hours, crashed, weight))
    expected = SurvfuncRight(hours, crashed.astype(int), freq_weights=weight)
    assert list(times) == list(expected.surv_times)
    assert list(share) == pytest.approx(list(expected.surv_prob))
