# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan has to know of the ledger: the transitions that crash, and up to which chain they do not. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import inf, isinf
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import GROWS, Correlation, TransitionRisk
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import CRASHES_MORE, Risk, Sum, part_of
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.statistics import ODDS_TO_FIND
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.words import sentence


class LongChains(NamedTuple):
    """Up to ``harmless`` handovers in a row nothing was found; ``risk`` is that of boots after more."""

    harmless: int
    risk: Risk


def crash_risks(fleet: Correlation) -> list[dict[str, Any]]:
    """Return the transitions that crash more often than cold boots, the worst first, as the option ``crash_risks``."""
    return [risk for one in fleet.transitions for risk in _risks(one)]


def _risks(one: TransitionRisk) -> Iterator[dict[str, Any]]:
    chains = long_chains(one)
    if chains is not None:
        beyond = f"after more than {chains.harmless} handovers in a row"
        yield _as_dict(replace(one, risk=chains.risk), chains.harmless, beyond)
    elif one.risk.finding == CRASHES_MORE:
        yield _as_dict(one, None, "")


def long_chains(one: TransitionRisk) -> LongChains | None:
    """Return where a risk that grows with the count begins; None where the numbers do not say.

    They do when the trend is a finding, a count is one, and boots with fewer handovers are enough to rule out that they
    crash ``ODDS_TO_FIND`` times as often as cold boots.
    """
    numbered = [(count, risk) for count, risk in one.by_count if count is not None]
    first = next((at for at, (_count, risk) in enumerate(numbered) if risk.finding == CRASHES_MORE), 0)
    if one.risk.alone or one.trend is None or one.trend.finding != GROWS or not first:
        return None
    below = part_of(_total(numbered[:first]), one.risk)
    beyond = part_of(_total(numbered[first:]), one.risk)
    # The split goes by two findings, so it is as uncertain as the weaker one.
    beyond = replace(beyond, q=max(one.trend.q or 0.0, numbered[first][1].q or 0.0))
    if not _is_harmless(below) or beyond.finding != CRASHES_MORE:
        return None
    return LongChains(numbered[first - 1][0], beyond)


def _total(numbered: list[tuple[int, Risk]]) -> Sum:
    return Sum(*(sum(column) for column in zip(*(risk.seen for _count, risk in numbered), strict=True)))


def _is_harmless(risk: Risk) -> bool:
    """Whether it may be that of cold boots, and is none that should be found."""
    low, high = risk.interval or (0.0, inf)
    return low <= 1 and high < ODDS_TO_FIND


def _as_dict(one: TransitionRisk, longest_chain: int | None, when: str) -> dict[str, Any]:
    risk = one.risk
    low, high = risk.interval or (0.0, None)
    return {
        **one.way._asdict(),
        "longest_chain": longest_chain,
        "boots": risk.seen.boots,
        "crashes": risk.seen.crashes,
        "relative_risk": None if risk.relative_risk is None or isinf(risk.relative_risk) else risk.relative_risk,
        "relative_risk_low": low,
        "relative_risk_high": None if high is None or isinf(high) else high,
        "q": risk.q,
        "bug": one.bugs[0].bug if one.bugs else None,
        "sentence": sentence(one, when),
        "cautions": [{"code": note.code, "sentence": note.message} for note in one.cautions],
    }
