# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import Attempt
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outcome import Results, upgrade_result

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
PROMISE = {"how": "handover", "release": NEW, "previous_release": OLD, "kexec_count": 1}
BACK = {"how": "cold_boot", "release": OLD}
REPORTED = {"release": NEW, "boot_id": "0b0b"}
NOTHING: dict[str, Any] = {"changed": False}


def staged(action: str = "handover") -> dict[str, Any]:
    plan = {"action": action, "promise": PROMISE}
    return {"running": {"release": OLD}, "target": {"release": NEW}, "plan": plan}


def jumped(word: str = "handover_verified", accepted: bool = True, **changes: Any) -> dict[str, Any]:
    verdict = {"verdict": word, "accepted": accepted, "reported": {**REPORTED, **changes}}
    return {"promise": PROMISE, "boot_id_before": "0a0a", "outage_seconds": 8.5, "verdict": verdict}


def told(check_mode: bool = False, rollback: dict[str, Any] | None = None, **tasks: Any) -> dict[str, Any]:
    return upgrade_result("web1", Results(**tasks, only_planned=check_mode), rollback or NOTHING)


def test_host_that_went_well() -> None:
    assert told(stage=staged(), guard=NOTHING, transition=jumped(), commit={"changed": True}) == {
        "host": "web1",
        "from": OLD,
        "to": NEW,
        "action": "handover",
        "promised": PROMISE,
        "reported": REPORTED,
        "verdict": "handover_verified",
        "accepted": True,
        "committed": True,
        "rolled_back_to": None,
        "code": None,
        "boot_id_left": "0a0a",
        "message": None,
        "outage_seconds": 8.5,
    }


@pytest.mark.parametrize(
    ("commit", "committed", "code"),
    [
        ({"changed": True}, True, None),
        ({"failed": True, "code": "boot_loader_unknown"}, False, "boot_loader_unknown"),
        ({"failed": True, "code": "target_not_reached"}, True, "target_not_reached"),
    ],
)
def test_commit_that_the_jump_made_is_as_good(commit: dict[str, Any], committed: bool, code: str | None) -> None:
    of_its_own = told(stage=staged(), transition=jumped(), commit=commit)
    within = told(stage=staged(), transition={**jumped(), "commit": commit})
    assert within == of_its_own
    assert (within["accepted"], within["committed"], within["code"]) == (True, committed, code)


def test_commit_that_is_none() -> None:
    result = told(stage=staged(), transition={**jumped(), "commit": "yes"})
    assert (result["accepted"], result["committed"]) == (False, False)


def test_host_of_which_nothing_is_known() -> None:
    result = told()
    assert (result["accepted"], result["committed"], result["code"]) == (False, False, "task_failed")
    assert {result[key] for key in ("from", "to", "action", "promised", "reported", "verdict", "boot_id_left")} == {
        None
    }


@pytest.mark.parametrize(
    ("tasks", "code"),
    [
        ({"stage": {**staged("refuse"), "failed": True, "code": "kexec_disabled"}}, "kexec_disabled"),
        ({"stage": staged(), "guard": {"failed": True, "code": "guard_unavailable"}}, "guard_unavailable"),
        ({"stage": staged(), "transition": {"failed": True, "code": "image_not_loaded"}}, "image_not_loaded"),
        ({"stage": staged(), "transition": {**jumped("wrong_kernel", False), "code": "wrong_kernel"}}, "wrong_kernel"),
        # Of several that failed, the first; commits are not tried then.
        ({"stage": {"code": None}, "default": {"code": "first"}, "transition": {"code": "second"}}, "first"),
    ],
)
def test_what_failed_is_named(tasks: dict[str, Any], code: str) -> None:
    result = told(**tasks)
    assert (result["accepted"], result["committed"], result["code"]) == (False, False, code)


def test_verdict_that_the_operator_did_not_accept_is_unhealthy() -> None:
    result = told(stage=staged(), transition=jumped())
    assert (result["verdict"], result["accepted"], result["code"]) == ("unhealthy", False, "task_failed")


def test_host_that_was_rolled_back() -> None:
    back = {"verdict": {"accepted": True, "promised": BACK}}
    result = told(stage=staged(), transition=jumped("unhealthy", False), rollback=back)
    assert (result["verdict"], result["accepted"], result["rolled_back_to"]) == ("unhealthy", False, OLD)
    lost = {"verdict": {"accepted": False, "promised": BACK}}
    assert told(stage=staged(), transition=jumped("unhealthy", False), rollback=lost)["rolled_back_to"] is None


@pytest.mark.parametrize(
    ("commit", "committed"),
    [
        ({"changed": True}, True),
        ({"changed": False}, True),
        ({"skipped": True}, False),
        ({"failed": True, "code": "boot_default_not_set"}, False),
        # What runs is kept, whatever was wanted.
        ({"failed": True, "code": "target_not_reached"}, True),
    ],
)
def test_what_was_kept(commit: dict[str, Any], committed: bool) -> None:
    result = told(stage=staged(), transition=jumped(), commit=commit)
    assert (result["committed"], result["code"]) == (committed, commit.get("code"))


def test_host_that_is_there_already() -> None:
    result = told(stage=staged("none"), commit=NOTHING)
    assert (result["accepted"], result["verdict"], result["code"]) == (True, None, None)


@pytest.mark.parametrize(("release", "accepted"), [(NEW, True), (OLD, False)])
def test_jump_of_an_earlier_run_counts_when_it_reached_this_target(release: str, accepted: bool) -> None:
    commit = NOTHING if accepted else {"failed": True, "code": "target_not_reached"}
    result = told(stage=staged("verify"), transition=jumped(release=release), commit=commit)
    assert (result["accepted"], result["committed"]) == (accepted, True)


@pytest.mark.parametrize("how", ["handover", "kexec", "cold_boot"])
def test_resumed_run_names_the_release_that_was_left(how: str) -> None:
    """The kernel that it found running is the one that an earlier run has reached."""
    promise = {**PROMISE, "how": how, "previous_release": OLD if how == "handover" else None}
    stage = {**staged("verify"), "running": {"release": NEW}, "plan": {"action": "verify", "promise": promise}}
    transition = {**jumped(), "promise": promise}
    transition["verdict"]["evidence"] = {"release_left": OLD}
    assert told(stage=stage, transition=transition, commit=NOTHING)["from"] == OLD
    attempt = Attempt(stage=stage, transition=transition, commit=NOTHING)
    assert attempt.cells("")[:2] == (OLD, NEW)
    lost = told(stage=stage, transition={"failed": True, "code": "unreachable"})
    assert lost["from"] == promise["previous_release"]


@pytest.mark.parametrize("action", ["handover", "refuse"])
def test_in_check_mode_nothing_is_accepted_and_nothing_has_failed(action: str) -> None:
    transition = {"changed": True, "promise": PROMISE}
    result = told(True, stage=staged(action), transition=transition, commit={"skipped": True})
    assert (result["accepted"], result["committed"], result["code"]) == (False, False, None)
    assert result["promised"] == PROMISE


def test_what_hosts_return_need_not_have_the_type_that_it_should() -> None:
    result = told(
        stage={"running": None, "target": [], "plan": "x"}, transition={"verdict": 7}, rollback={"verdict": []}
    )
    assert (result["from"], result["verdict"], result["accepted"]) == (None, None, False)


def test_refusal_is_the_message_unless_more_is_to_be_said() -> None:
    refused = {"failed": True, "code": "kexec_disabled", "msg": "It is off. Switch it on."}
    assert told(stage=refused)["message"] == refused["msg"]
    assert upgrade_result("web1", Results(stage=refused), NOTHING, "It was undone.")["message"] == "It was undone."
    assert told(stage={**staged(), "msg": "It is loaded."})["message"] is None
