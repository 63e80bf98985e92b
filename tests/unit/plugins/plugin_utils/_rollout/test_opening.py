# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page says in words."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.opening import opening, planned, reason, troubles


def host(name: str, outcome: str = "done", **changes: Any) -> dict[str, Any]:
    usual = {"to": "7.3.4", "action": "handover", "code": None, "verdict": None, "accepted": True, "warnings": []}
    return {"name": name, "outcome": outcome, "wave": 1, "events": [], **usual, **changes}


def results(*hosts: dict[str, Any], **run: Any) -> dict[str, Any]:
    usual = {"state": "finished", "code": None, "message": None, "planned_only": False, "planned_waves": 3}
    return {"run": {**usual, **run}, "waves": [{"number": 1}], "hosts": list(hosts)}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (results(host("web1"), host("web2")), "All 2 hosts run 7.3.4, and there is nothing left to do."),
        (results(host("web1")), "The one host runs 7.3.4, and there is nothing left to do."),
        (
            results(host("web1"), host("web2", to="7.4")),
            "All 2 hosts run what was wanted, and there is nothing left to do.",
        ),
        (
            results(host("web1"), host("web2", "failed"), host("web3", "unknown"), state="stopped"),
            "The rollout was stopped in wave 1 of 3: 1 of 3 hosts runs 7.3.4; nobody knows what 1 runs (web3); "
            "1 failed (web2).",
        ),
        (
            results(*(host(f"web{number}", "failed") for number in range(5)), state="interrupted", planned_waves=None),
            "The rollout was interrupted in wave 1: 0 of 5 hosts run what was wanted; 5 failed (web0 web1 web2 and 2 "
            "more).",
        ),
        (
            results(host("web1", "in_flight"), host("web2", "untouched"), state="running"),
            "The rollout is in wave 1 of 3: 0 of 2 hosts run what was wanted; 1 is on its way; 1 was not touched.",
        ),
        (
            results(host("web1", "untouched"), host("web2", code="lockdown", action="refuse"), planned_only=True),
            "Nothing was changed: 1 of 2 hosts would change its kernel to 7.3.4; 1 would not (web2).",
        ),
    ],
)
def test_opening(told: dict[str, Any], words: str) -> None:
    assert opening(told) == words


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (results(host("web1")), ""),
        (results(state="stopped", code="rollout_stopped", message="Failed: 1; allowed: 0."), "Failed: 1; allowed: 0."),
        (
            results(state="stopped", code="ledger_away"),
            "What stopped it: ledger_away (docs/reference/codes.md#ledger_away).",
        ),
        (
            results(host("web1", "failed", code="lockdown"), state="stopped"),
            "Ansible ended after a wave in which hosts failed; what went wrong is below.",
        ),
        (
            results(host("web1"), state="stopped"),
            "A task that runs once for the whole wave failed. Its message is in the output of the run, not kept here.",
        ),
        (
            results(host("web1"), state="interrupted"),
            "Ansible was interrupted, or ended by an error of its own, before the rollout came to its end.",
        ),
    ],
)
def test_reason(told: dict[str, Any], words: str) -> None:
    assert reason(told) == words


def test_troubles_say_whom_they_met_the_most_frequent_first() -> None:
    hosts = [
        host("web1", "failed", code="lockdown"),
        host("web2", "rolled_back", verdict="unhealthy", accepted=False, code="failed"),
        host("web3", "rolled_back", verdict="unhealthy", accepted=False),
        host("web4"),
    ]
    assert troubles(hosts) == [
        "unhealthy on 2 hosts: web2 web3 (docs/reference/codes.md#unhealthy)",
        "lockdown on 1 host: web1 (docs/reference/codes.md#lockdown)",
    ]


def test_plan_says_actions_refusals_and_warnings() -> None:
    hosts = [
        host("web1", warnings=["downgrade"]),
        host("web2", action="none"),
        host("web3", action=None, code="unreachable"),
    ]
    assert planned(hosts) == [
        "1 host would be handed over: web1",
        "1 host would stay, being there already: web2",
        "1 host without a plan: web3",
        "Refused: unreachable on 1 host: web3 (docs/reference/codes.md#unreachable)",
        "Warning: downgrade on 1 host: web1 (docs/reference/codes.md#downgrade)",
    ]
