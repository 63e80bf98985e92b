# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outcome import Results
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.recovery import KEEP, ROLL_BACK, Recovery

STAGED = {"plan": {"action": "handover"}}
REFUSED = {"plan": {"action": "refuse"}, "failed": True, "msg": "It was refused.", "code": "kexec_disabled"}
AWAY = {"rebooted": None, "failed": True, "msg": "Nobody answers."}
BACK = {"verdict": {"verdict": "cold_boot", "accepted": True}}


def jumped(word: str, accepted: bool = False, rebooted: bool = True) -> dict[str, Any]:
    verdict = {"verdict": word, "accepted": accepted}
    failed = {} if accepted else {"failed": True, "msg": f"It was {word}."}
    return {"rebooted": rebooted, "verdict": verdict, **failed}


def recovery(on_failure: str = ROLL_BACK, undo: Any = None, rollback: Any = None, **tasks: dict[str, Any]) -> Recovery:
    return Recovery(Results(**tasks), undo or {}, rollback or {}, on_failure, {"msg": "A hook failed."})


@pytest.mark.parametrize(
    ("tasks", "step", "runs_what_it_ran", "message"),
    [
        ({}, "nothing", True, "A hook failed."),
        ({"stage": {"failed": True, "code": "unreachable", "msg": "Lost."}}, "nothing", False, "Lost."),
        ({"stage": REFUSED}, "nothing", True, "It was refused."),
        ({"stage": STAGED}, "undo", True, "A hook failed. It is not known whether the target was unloaded."),
        (
            {"stage": STAGED, "undo": {"changed": True}},
            *("undo", True),
            "A hook failed. The target is unloaded, its guard is disarmed, and the host still runs the old kernel.",
        ),
        ({"stage": STAGED, "transition": AWAY}, "nothing", False, "Nobody answers."),
        (
            {"stage": STAGED, "transition": jumped("not_rebooted", rebooted=False), "undo": {"changed": False}},
            *("undo", True),
            "It was not_rebooted. The target is unloaded, its guard is disarmed, and the host still runs the old "
            "kernel.",
        ),
        ({"stage": STAGED, "transition": jumped("rolled_back")}, "undo", True, "It was rolled_back."),
        (
            {"stage": STAGED, "transition": {"rebooted": True, "failed": True, "msg": "No verdict."}},
            *("nothing", False, "No verdict."),
        ),
        (
            {"stage": STAGED, "transition": jumped("unhealthy")},
            *("roll_back", False),
            "It was unhealthy. Rolling back failed too, and the guard is left to bring the old kernel back.",
        ),
        (
            {"stage": STAGED, "transition": jumped("unhealthy"), "rollback": BACK},
            *("roll_back", True, "It was unhealthy. The host was rolled back."),
        ),
        (
            {"stage": STAGED, "transition": jumped("handover_verified", True)},
            *("roll_back", False),
            "A hook failed. Rolling back failed too, and so the host may still run the new kernel, until somebody "
            "power-cycles it.",
        ),
        (
            {"stage": STAGED, "transition": jumped("handover_verified", True), "commit": {"changed": True}},
            *("nothing", False, "A hook failed. The new kernel is verified and stays; what failed came after that."),
        ),
    ],
)
def test_hosts(tasks: dict[str, Any], step: str, runs_what_it_ran: bool, message: str) -> None:
    found = recovery(**tasks)
    assert (found.step, found.runs_what_it_ran, found.message) == (step, runs_what_it_ran, message)


def test_kernel_that_is_to_be_looked_at_stays() -> None:
    found = recovery(KEEP, stage=STAGED, transition=jumped("unhealthy"))
    assert (found.step, found.runs_what_it_ran) == ("undo", False)
    assert found.message == "It was unhealthy. The new kernel stays, because kexec_upgrade_on_failure is keep."


def test_undoing_that_fails_is_told() -> None:
    found = recovery(undo={"failed": True, "msg": "It is busy."}, stage=STAGED)
    assert found.message == "A hook failed. Undoing what was staged failed too: It is busy."
