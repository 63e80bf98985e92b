# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.rollout import (
    HEADER,
    PREVIEW_HEADER,
    TIME_COLUMNS,
    Rollout,
)

PROMISE = {"release": "7.3.4-kho", "previous_release": "7.2.13-kho", "kexec_count": 1}
STAGED = {
    "running": {"release": "7.2.13-kho"},
    "target": {"release": "7.3.4-kho"},
    "plan": {"action": "handover", "promise": PROMISE},
}
THERE = {"running": {"release": "7.3.4-kho"}, "target": {"release": "7.3.4-kho"}, "plan": {"action": "none"}}
PROVEN = {
    "promise": PROMISE,
    "outage_seconds": 8.349,
    "verdict": {"verdict": "handover_verified", "accepted": True, "reported": {**PROMISE, "boot": "handover"}},
}


def row_of(*results: tuple[str, Any]) -> tuple[str, ...]:
    rollout = Rollout()
    for module, result in results:
        rollout.note_result("web1", module, result)
    (row,) = rollout.rows(["web1"], {})
    assert len(row) == len(HEADER)
    return row


def test_proven_host() -> None:
    assert row_of(("kexec_image", STAGED), ("kexec_reboot", PROVEN)) == (
        *("web1", "7.2.13-kho", "7.3.4-kho", "7.2.13-kho (1)", "7.2.13-kho (1)", "handover_verified", "8.3", "-"),
    )
    assert [HEADER[at] for at in sorted(TIME_COLUMNS)] == ["outage (s)", "total (s)"]


@pytest.mark.parametrize(("accepted", "word"), [(True, "cold_boot (promised)"), (False, "cold_boot")])
def test_what_was_promised_is_told_from_what_was_not(accepted: bool, word: str) -> None:
    assert row_of(("kexec_reboot", {"verdict": {"verdict": "cold_boot", "accepted": accepted}}))[5] == word


@pytest.mark.parametrize("back", [False, True])
def test_host_whose_options_cannot_be_has_failed(back: bool) -> None:
    rollout = Rollout()
    rollout.note_result("web1", "kexec_options", {"failed": True, "code": "options_invalid"}, back=back)
    assert rollout.counts() == [("options_invalid", 1)]
    assert rollout.hosts["web1"].outcome(over=True) == "failed"


def test_lost_host_shows_what_was_promised() -> None:
    lost = {"failed": True, "code": "unreachable", "promise": PROMISE, "verdict": {"verdict": "unreachable"}}
    assert row_of(("kexec_image", STAGED), ("kexec_reboot", lost))[3:] == (
        "7.2.13-kho (1)",
        "-",
        "unreachable",
        "-",
        "-",
    )


@pytest.mark.parametrize(
    ("results", "word"),
    [
        ([("kexec_image", THERE)], "already there"),
        ([("kexec_image", STAGED)], "staged"),
        ([("kexec_image", {**STAGED, "plan": {"action": "cold_boot"}})], "staged"),
        ([("kexec_image", STAGED), ("kexec_reboot", {"changed": True, "verdict": None})], "planned"),
        ([("kexec_image", {"failed": True, "code": "kexec_disabled"})], "kexec_disabled"),
        ([("kexec_image", {"failed": True})], "failed"),
        ([("kexec_image", STAGED), ("kexec_reboot", {"failed": True, "code": "connection_local"})], "connection_local"),
    ],
)
def test_word_for_hosts_without_a_verdict(results: list[tuple[str, Any]], word: str) -> None:
    assert row_of(*results)[5] == word


def test_host_that_ansible_itself_could_not_reach() -> None:
    rollout = Rollout()
    rollout.note_lost("web1")
    assert rollout.rows(["web1"], {}) == [("web1", "-", "-", "-", "-", "unreachable", "-", "-")]


@pytest.mark.parametrize("junk", [None, 3, "text", [], {"release": {"a": 1}, "previous_release": 7}])
def test_results_of_any_shape(junk: Any) -> None:
    image = {"running": junk, "target": junk, "plan": junk}
    row_of(("kexec_image", image), ("kexec_reboot", {"promise": junk, "verdict": junk, "outage_seconds": junk}))


def test_what_hosts_report_is_reduced_to_printable_ascii() -> None:
    row = row_of(("kexec_image", {**STAGED, "running": {"release": "\x1b[2J主"}, "plan": {}}))
    assert row[1] == "?[2J?"


def test_counts_by_word() -> None:
    rollout = Rollout()
    for host in ("a", "b"):
        rollout.note_result(host, "kexec_image", THERE)
    rollout.note_lost("c")
    assert rollout.counts() == [("already there", 2), ("unreachable", 1)]


WARNED = {**STAGED, "plan": {**STAGED["plan"], "warnings": [{"code": "kho_abi_unknown"}, {"code": "downgrade"}]}}
NOT_DONE = {"action": "refuse", "promise": None, "reasons": [{"code": "kexec_disabled", "message": "Off. Do this."}]}
REFUSED = {"running": {"release": "7.2.13-kho"}, "target": None, "plan": NOT_DONE, "failed": True, "code": "x"}


def preview_of(*results: tuple[str, Any]) -> Rollout:
    rollout = Rollout()
    for number, (module, result) in enumerate(results, start=1):
        rollout.note_result(f"web{number}", module, result, check_mode=True)
    return rollout


def test_preview() -> None:
    rollout = preview_of(("kexec_image", WARNED), ("kexec_image", THERE), ("kexec_image", REFUSED))
    rollout.note_lost("web4")
    rows = rollout.preview_rows(rollout.hosts)
    assert rows == [
        ("web1", "7.2.13-kho", "7.3.4-kho", "handover", "7.2.13-kho (1)", "kho_abi_unknown downgrade", "-"),
        ("web2", "7.3.4-kho", "7.3.4-kho", "none", "-", "-", "-"),
        ("web3", "7.2.13-kho", "-", "refuse", "-", "-", "kexec_disabled"),
        ("web4", "-", "-", "unreachable", "-", "-", "-"),
    ]
    assert {len(row) for row in rows} == {len(PREVIEW_HEADER)}
    assert rollout.preview_counts() == [("handover", 1), ("none", 1), ("refuse", 1), ("unreachable", 1)]


def test_one_remedy_for_each_code() -> None:
    broken = {"failed": True, "msg": "It broke."}
    rollout = preview_of(("kexec_image", REFUSED), ("kexec_image", broken), ("kexec_image", REFUSED))
    assert rollout.remedies() == [
        "kexec_disabled (web1 and 1 more): Off. Do this. (docs/reference/codes.md#kexec_disabled)",
        "failed (web2): It broke.",
    ]
    assert rollout.preview_rows(rollout.hosts)[1][3:] == ("failed", "-", "-", "failed")


@pytest.mark.parametrize(
    ("results", "preview"),
    [
        ([], False),
        ([("kexec_plan_info", False)], True),
        ([("kexec_image", True), ("kexec_reboot", True)], True),
        ([("kexec_plan_info", False), ("kexec_image", False)], False),
    ],
)
def test_what_is_only_a_preview(results: list[tuple[str, bool]], preview: bool) -> None:
    rollout = Rollout()
    for module, check_mode in results:
        rollout.note_result("web1", module, {}, check_mode)
    assert rollout.is_preview is preview


@pytest.mark.parametrize(
    "junk", [None, 3, "text", [], {"reasons": 3, "warnings": "x"}, {"action": "refuse", "reasons": [3]}]
)
def test_plans_of_any_shape(junk: Any) -> None:
    rollout = preview_of(("kexec_image", {"running": junk, "target": junk, "plan": junk, "failed": True}))
    assert len(rollout.preview_rows(rollout.hosts)[0]) == len(PREVIEW_HEADER)
    assert rollout.remedies()


LEFT_AGAIN = {"release": "7.2.13-kho", "previous_release": "7.3.4-kho", "kexec_count": 2}
STAGED_BACK = {
    "running": {"release": "7.3.4-kho"},
    "target": {"release": "7.2.13-kho"},
    "plan": {"action": "handover", "promise": LEFT_AGAIN},
}
BACK = {
    "promise": LEFT_AGAIN,
    "outage_seconds": 9.0,
    "verdict": {"verdict": "handover_verified", "accepted": True, "reported": LEFT_AGAIN},
}
UNHEALTHY = {**PROVEN, "failed": True, "verdict": {**PROVEN["verdict"], "verdict": "unhealthy", "accepted": False}}
LOST = {"failed": True, "promise": LEFT_AGAIN, "verdict": {"verdict": "unreachable", "accepted": False}}
KEPT = {"changed": True}
BROKEN = {"failed": True, "code": "boot_loader_unknown"}
UPGRADE = [("kexec_image", STAGED), ("kexec_reboot", UNHEALTHY)]


def story_of(*told: tuple[str, Any]) -> tuple[str, ...]:
    """Return the row of a host. ``back``: the image of a rollback, ``failure``: another task's, ``lost``: any one's."""
    rollout = Rollout()
    for what, result in told:
        if what == "failure":
            rollout.note_failure("web1", result)
        elif what == "lost":
            rollout.note_lost("web1", back=result)
        elif what == "back":
            rollout.note_result("web1", "kexec_image", result, back=True)
        else:
            rollout.note_result("web1", what, result)
    (row,) = rollout.rows(["web1"], {"web1": 21.04})
    assert rollout.counts() == [(row[5], 1)]
    return row


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ([("back", STAGED_BACK), ("kexec_reboot", BACK), ("kexec_commit", KEPT)], "unhealthy, rolled back"),
        (
            [("back", STAGED_BACK), ("kexec_reboot", BACK), ("kexec_commit", BROKEN)],
            "unhealthy, rolled back, not committed",
        ),
        ([("back", STAGED_BACK), ("kexec_reboot", LOST)], "unhealthy, rollback: unreachable"),
        ([("back", {"failed": True, "code": "previous_unknown"})], "unhealthy, rollback: previous_unknown"),
        ([("back", STAGED_BACK), ("failure", BROKEN)], "unhealthy, rollback: boot_loader_unknown"),
        ([("lost", True), ("failure", {})], "unhealthy, rollback: unreachable"),
    ],
)
def test_row_of_an_upgrade_that_was_rolled_back(told: list[tuple[str, Any]], word: str) -> None:
    row = story_of(*UPGRADE, *told, ("failure", {"failed": True, "msg": "What went wrong first."}))
    assert row == ("web1", "7.2.13-kho", "7.3.4-kho", "7.2.13-kho (1)", "7.2.13-kho (1)", word, "8.3", "21.0")


def test_row_of_a_rollback_alone() -> None:
    assert story_of(("back", STAGED_BACK), ("kexec_reboot", BACK), ("kexec_commit", KEPT)) == (
        *("web1", "7.3.4-kho", "7.2.13-kho", "7.3.4-kho (2)", "7.3.4-kho (2)", "handover_verified", "9.0", "21.0"),
    )


def test_rollback_that_cannot_even_begin() -> None:
    assert story_of(("lost", True))[5] == "unreachable"


def test_upgrade_after_a_rollback_is_another_story() -> None:
    told = [("back", STAGED_BACK), ("kexec_reboot", BACK), ("kexec_image", STAGED), ("kexec_reboot", PROVEN)]
    assert story_of(*told)[2:6:3] == ("7.3.4-kho", "handover_verified")


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ([("kexec_reboot", PROVEN), ("failure", {"msg": "The test of the operator's."})], "unhealthy"),
        ([("kexec_reboot", PROVEN), ("lost", False)], "unreachable"),
        ([("kexec_reboot", PROVEN), ("kexec_commit", BROKEN)], "handover_verified, not committed"),
        ([("kexec_reboot", PROVEN), ("kexec_commit", KEPT), ("failure", BROKEN)], "handover_verified"),
        ([("kexec_reboot", PROVEN), ("kexec_commit", KEPT), ("lost", False)], "handover_verified"),
        ([("failure", {"code": "guard_not_persistent"}), ("failure", {})], "guard_not_persistent"),
        ([("failure", {})], "failed"),
    ],
)
def test_what_fails_before_the_commit_counts(told: list[tuple[str, Any]], word: str) -> None:
    assert story_of(("kexec_image", STAGED), *told)[5] == word


def test_cold_boot_that_was_promised_is_not_shown_as_such_when_a_check_failed() -> None:
    cold = {"verdict": {"verdict": "cold_boot", "accepted": True}}
    assert story_of(("kexec_image", STAGED), ("kexec_reboot", cold), ("failure", {}))[5] == "unhealthy"


def test_other_failures_and_commits_make_no_rows() -> None:
    rollout = Rollout()
    rollout.note_failure("web1", BROKEN)
    rollout.note_result("web1", "kexec_commit", {})
    assert not rollout.hosts
