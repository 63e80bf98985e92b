# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found about drifts, in sentences and as JSON can express it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.drifts import (
    FALLS,
    FINDINGS,
    NO_DRIFT,
    RISES,
    SOME_HOSTS,
    Drift,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import ONE_HOST, TOO_FEW
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.measures import MEASURES
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.trend import FEWEST, Trend

TOLD = 100
"""So many measures of releases are told in reports: the findings come first."""


def drift_sentence(one: Drift) -> str:
    """Return all that matters of how a measure of a release drifts, in a sentence."""
    return f"{one.what.release}: {MEASURES[one.what.measure].words} {_MEANS[one.finding](one)}.{_cold(one)}"


def drift_lines(drifts: Sequence[Drift]) -> list[str]:
    """Return the sentences of the drifts that are told."""
    return [drift_sentence(one) for one in drifts[:TOLD]]


def drift_summary(drifts: Sequence[Drift], not_joined: int, not_read: int = 0) -> list[str]:
    """Return what is to be said of all drifts; nothing where nothing was measured."""
    said = []
    if drifts:
        found = sum(one.finding in FINDINGS for one in drifts)
        alone = sum(one.finding in (ONE_HOST, SOME_HOSTS) for one in drifts)
        said.append(
            f"{counted(found, 'measure')} of kernels {'drifts' if found == 1 else 'drift'} with the kexec count, "
            f"{alone} on one host or some hosts only, of {len(drifts)} that soaks have brought."
        )
    if not_joined:
        said.append(f"{counted(not_joined, 'measured value')} of boots that the ledger does not know, not looked at.")
    if not_read:
        said.append(f"{counted(not_read, 'measured value')} too many to look at, of the hosts that are last by name.")
    return said


def drift_as_dict(one: Drift) -> dict[str, Any]:
    """Return a drift as JSON can express it; the numbers are in the unit that ends the measure's name."""
    found = one.trend
    return {
        **one.what._asdict(),
        "finding": one.finding,
        "hosts": one.hosts,
        "jumps": one.jumps,
        "slope": found.slope if found else None,
        "slope_interval": [found.low, found.high] if found else [None, None],
        "p": one.p,
        "q": one.q,
        "p_beyond_one_host": one.p_beyond,
        "q_beyond_one_host": one.q_beyond,
        "host": one.host or None,
        "cold": None if one.cold is None else one.cold._asdict(),
        "sentence": drift_sentence(one),
    }


def _cold(one: Drift) -> str:
    if one.cold is None:
        return ""
    value, boots, hosts = MEASURES[one.what.measure].shown(one.cold.value), one.cold.boots, one.cold.hosts
    return f" After cold boots it is {value} ({counted(boots, 'boot')} on {counted(hosts, 'host')})."


def _change(one: Drift) -> str:
    change = MEASURES[one.what.measure].change(one.trend or Trend(None, None, None, None))
    return f"{change}, in {counted(one.jumps, 'jump')} on {counted(one.hosts, 'host')}"


def _q(q: float | None) -> str:
    return "" if q is None else f", q = {q:.2g}"


def _drifts(one: Drift) -> str:
    return f"{one.finding} with the count, {_change(one)}{_q(one.q_beyond)}"


def _some(one: Drift) -> str:
    return (
        f"drifts with the count on some hosts, the most on {one.host}, and not on the middle one: {_change(one)}"
        f"{_q(one.q_beyond)}"
    )


def _alone(one: Drift) -> str:
    if one.hosts == 1:
        return (
            f"drifts with the count on {one.host}, {_change(one)}{_q(one.q)}; no other host was soaked for long "
            "enough, so it may be that host"
        )
    return (
        f"drifts with the count on {one.host}, and not surely on any other host, which says nothing of the kernel: "
        f"{_change(one)}{_q(one.q)}"
    )


def _none(one: Drift) -> str:
    return f"is not seen to drift with the count: {_change(one)}"


def _few(_one: Drift) -> str:
    return f"has too few jumps to tell: a chain takes {FEWEST}"


_MEANS = {
    RISES: _drifts,
    FALLS: _drifts,
    SOME_HOSTS: _some,
    ONE_HOST: _alone,
    NO_DRIFT: _none,
    TOO_FEW: _few,
}
