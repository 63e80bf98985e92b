# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole jumps, from leaving to the verdict, with everything that can go wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from unit.plugins.plugin_utils.scripted import NEW, OLD, PROMISE, ScriptedClock, ScriptedHost, judged

from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import AnswerInvalid
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import Departure, Port, departure_from
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.jump import Jump, View
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.outage import Look, Seen
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.wait_one import NoAnswer

PORT = Port("192.0.2.10", 22, 0.5)
LEAVES = {"boot_id": OLD, "promise": PROMISE, "already_left": False, "triggered": True}
JUMPS = [(0, "old"), (3, "gone"), (20, "new")]


def host_with(timetable: Sequence[tuple[float, str]]) -> ScriptedHost:
    return ScriptedHost(ScriptedClock(), timetable)


def jump(host: ScriptedHost, timeout: float = 60) -> dict[str, Any]:
    view = View(host.banner, rollback_timeout=100)
    return Jump(host, Deadline(host.clock, timeout), view, host.calls.append).run()


def test_proven_jump() -> None:
    host = host_with(JUMPS)
    result = jump(host)
    assert result["failed"] is False
    assert result["changed"] is True
    assert result["rebooted"] is True
    assert result["verdict"]["verdict"] == "handover_verified"
    assert result["promise"] == PROMISE
    assert (result["boot_id_before"], result["boot_id_after"]) == (OLD, NEW)
    assert 17 <= result["outage_seconds"] <= 17 + result["probe"]["resolution_seconds"]
    assert 20 < result["elapsed_seconds"] < 23
    assert result["probe"]["route"] == "banner"
    assert result["probe"]["seen_down"] is True
    assert "code" not in result


def test_where_the_time_of_both_parts_went() -> None:
    host = host_with(JUMPS)
    host.leaves = [{**LEAVES, "timings": {"total": 0.5}}]
    host.arrives = [{"verdict": jump(host_with(JUMPS))["verdict"], "timings": {"total": 1.5}}]
    assert jump(host)["timings"] == {"leave": {"total": 0.5}, "verify": {"total": 1.5}}
    assert jump(host_with(JUMPS))["timings"] == {}


def test_no_session_is_shared_over_the_jump_and_one_after_it() -> None:
    host = host_with(JUMPS)
    jump(host)
    assert host.calls == [
        "watchful",
        "read_boot_id",
        "leave",
        "alone",
        "read_boot_id and keep the connection",
        "together",
        "verify",
        "tidy_up",
        "as before",
    ]


def test_connection_to_an_old_boot_that_was_silent_is_not_kept() -> None:
    host = host_with([(0, "old"), (1, "gone"), (3, "old"), (9, "gone"), (20, "new")])
    assert jump(host)["failed"] is False
    asked = "read_boot_id and keep the connection"
    between = host.calls[host.calls.index("alone") + 1 : host.calls.index("together")]
    assert between == [*[asked, "reset"] * (len(between) // 2), asked]
    assert len(between) > 1


def test_host_that_never_leaves() -> None:
    result = jump(host_with([(0, "old")]))
    assert result["failed"] is True
    assert result["rebooted"] is False
    assert result["code"] == result["verdict"]["verdict"] == "not_rebooted"
    assert result["outage_seconds"] is None
    assert 60 <= result["elapsed_seconds"] < 61


def test_host_that_never_comes_back_has_failed() -> None:
    host = host_with([(0, "old"), (3, "gone")])
    result = jump(host)
    assert result["failed"] is True
    assert result["rebooted"] is None
    assert result["code"] == result["verdict"]["verdict"] == "unreachable"
    assert result["verdict"]["accepted"] is False
    assert result["verdict"]["promised"] == PROMISE
    assert "Connection timed out" in result["msg"]
    assert "unreachable" not in result
    assert host.calls[-1] == "as before"
    assert "verify" not in host.calls


def test_host_that_is_lost_before_the_jump_has_failed_and_nothing_was_done() -> None:
    host = host_with([(0, "gone")])
    result = jump(host)
    assert result["failed"] is True
    assert result["changed"] is False
    assert result["code"] == "unreachable"
    assert host.calls == ["watchful", "read_boot_id", "as before"]


def test_refusal_of_the_host_is_passed_on() -> None:
    host = host_with([(0, "old")])
    host.leaves = [{"failed": True, "code": "promise_missing", "msg": "Nothing was promised.", "_ansible_parsed": True}]
    result = jump(host)
    assert result["failed"] is True
    assert result["changed"] is False
    assert result["rebooted"] is False
    assert result["code"] == "promise_missing"
    assert result["verdict"] is None
    assert "_ansible_parsed" not in result
    assert "alone" not in host.calls


def test_lost_answer_of_the_old_kernel_is_no_failure() -> None:
    host = host_with(JUMPS)
    host.leaves = [NoAnswer("Timeout, server not responding")]
    result = jump(host)
    assert result["failed"] is False
    assert result["promise"] == PROMISE, "taken from the record on the host"
    assert "Timeout, server not responding" in result["warnings"][0]


GUARDED = {"promise": PROMISE, "already_left": False, "triggered": True, "guard": {"confirm_timeout": 300}}


def test_host_whose_guard_brings_it_back_is_waited_for() -> None:
    host = host_with([(0, "old"), (3, "gone"), (350, "new")])
    host.leaves = [GUARDED]
    host.arrives = [judged("rolled_back")]
    result = jump(host)
    assert result["code"] == "rolled_back"
    said = [call for call in host.calls if "waiting up to 400 s more" in call]
    assert len(said) == 1
    assert "no answer after 60 s" in said[0]
    assert result["outage_seconds"] > 340


def test_host_is_unreachable_only_after_the_guards_own_time() -> None:
    host = host_with([(0, "old"), (3, "gone")])
    host.leaves = [GUARDED]
    result = jump(host)
    assert result["code"] == "unreachable"
    assert 460 <= result["elapsed_seconds"] < 465
    assert "within 460 s" in result["msg"]


def test_host_that_never_left_is_not_waited_for_as_if_its_guard_would_bring_it_back() -> None:
    host = host_with([(0, "old"), (40, "starting"), (80, "old")])
    host.leaves = [GUARDED]
    result = jump(host)
    assert result["code"] == "not_rebooted"
    assert 80 <= result["elapsed_seconds"] < 120


def test_host_that_is_lost_while_it_is_looked_after_may_come_back() -> None:
    host = host_with(JUMPS)
    host.leaves = [GUARDED]
    host.arrives = [*[NoAnswer("refused")] * 30, judged("rolled_back")]
    result = jump(host)
    assert result["code"] == "rolled_back"
    assert result["elapsed_seconds"] > 60


def unwritable() -> dict[str, Any]:
    answer = judged("unhealthy")
    answer["verdict"]["evidence"] = {"boot_id_found": NEW, "notes": [{"code": "record_unwritable", "message": ""}]}
    return answer


def test_host_that_cannot_write_is_waited_for_until_its_guard_has_brought_it_back() -> None:
    host = host_with([*JUMPS, (300, "gone"), (330, "old")])
    host.leaves = [GUARDED]
    host.arrives = [unwritable(), judged("rolled_back")]
    result = jump(host)
    assert (result["code"], result["rebooted"]) == ("rolled_back", True)
    assert result["elapsed_seconds"] > 330


@pytest.mark.parametrize("leaves", [LEAVES, GUARDED])
def test_host_that_cannot_write_is_given_up_when_no_guard_comes(leaves: dict[str, Any]) -> None:
    host = host_with(JUMPS)
    host.leaves = [leaves]
    host.arrives = [unwritable()]
    result = jump(host)
    assert (result["code"], result["failed"]) == ("unhealthy", True)
    assert (result["elapsed_seconds"] > 400) == (leaves is GUARDED)


def test_time_that_others_were_waited_for_does_not_count() -> None:
    host = host_with([(0, "old"), (3, "gone"), (100, "new")])
    host.leaves = [{**LEAVES, "busy_seconds": 50.0}]
    assert jump(host)["failed"] is False


def test_old_kernel_that_never_heard_of_it_is_told_again() -> None:
    host = host_with([(0, "old"), (15, "gone"), (30, "new")])
    host.leaves = [NoAnswer("Timeout"), NoAnswer("Timeout"), GUARDED]
    result = jump(host)
    assert result["failed"] is False
    assert host.calls.count("leave again") == 2
    assert result["promise"] == PROMISE


def test_jump_of_an_earlier_run_is_only_judged() -> None:
    host = host_with([(0, "new")])
    host.leaves = [{"boot_id": NEW, "promise": PROMISE, "already_left": True, "triggered": False}]
    result = jump(host)
    assert result["failed"] is False
    assert result["rebooted"] is True
    assert (result["boot_id_before"], result["boot_id_after"]) == (OLD, NEW)
    assert result["outage_seconds"] is None
    assert "alone" not in host.calls


def test_verdict_is_asked_for_again_when_the_connection_breaks() -> None:
    host = host_with(JUMPS)
    host.arrives = [NoAnswer("refused"), NoAnswer("refused"), judged("handover_verified")]
    result = jump(host)
    assert result["failed"] is False
    assert host.calls.count("verify") == 3
    assert host.calls.count("reset") == 2


def test_host_that_is_lost_before_the_verdict() -> None:
    host = host_with(JUMPS)
    host.arrives = [NoAnswer("Connection refused")] * 20
    result = jump(host)
    assert result["failed"] is True
    assert result["code"] == "unreachable"
    assert result["boot_id_after"] == NEW
    assert "was lost again" in result["msg"]
    assert 60 <= result["elapsed_seconds"] < 61


@pytest.mark.parametrize("word", ["cold_boot", "kexec_without_handover", "rolled_back", "wrong_kernel"])
def test_verdict_that_is_not_accepted_fails_the_host(word: str) -> None:
    host = host_with(JUMPS)
    host.arrives = [judged(word)]
    result = jump(host)
    assert result["failed"] is True
    assert result["rebooted"] is True
    assert result["code"] == word
    assert result["msg"] == f"It is {word}. (docs/reference/codes.md#{word})"


def test_module_that_fails_after_the_jump_keeps_what_was_measured() -> None:
    host = host_with(JUMPS)
    host.arrives = [{"failed": True, "code": "record_unreadable", "msg": "It is no JSON.", "warnings": ["odd"]}]
    result = jump(host)
    assert result["failed"] is True
    assert result["changed"] is True
    assert result["code"] == "record_unreadable"
    assert result["rebooted"] is True
    assert result["outage_seconds"] > 17
    assert result["warnings"] == ["odd"]


def test_answer_without_a_verdict_is_a_failure() -> None:
    host = host_with(JUMPS)
    host.arrives = [{"changed": False}]
    result = jump(host)
    assert result["failed"] is True
    assert "no verdict" in result["msg"]


class TestInTwoTasks:
    """One has the host leave, another waits in between, and the second of the jump's own asks for the verdict."""

    def set_out(self, host: ScriptedHost) -> Departure:
        view = View(host.banner, rollback_timeout=100, port=PORT)
        result = Jump(host, Deadline(host.clock, 60), view, host.calls.append).set_out()
        assert result["verdict"] is None
        assert (result["changed"], result["rebooted"]) == (True, None)
        return departure_from(json.loads(json.dumps(result["left"])))

    def follow(self, host: ScriptedHost, left: Departure, seen: Sequence[Look] = ()) -> dict[str, Any]:
        deadline = Deadline(host.clock, 60, started=left.at)
        view = View(host.banner, rollback_timeout=100)
        return Jump(host, deadline, view, host.calls.append).follow(left, seen)

    def test_host_that_is_back_is_proven_with_what_was_seen(self) -> None:
        host = host_with(JUMPS)
        left = self.set_out(host)
        assert (left.boot_id, left.port, left.promise, left.answer_lost) == (OLD, PORT, PROMISE, False)
        began = host.began
        host.clock.time = began + 50
        seen = [
            Look(began + 4, Seen.SILENT),
            Look(began + 19, Seen.SILENT),
            Look(began + 21, Seen.ANSWER),
        ]
        result = self.follow(host, left, seen)
        assert result["verdict"]["verdict"] == "handover_verified"
        assert (result["boot_id_before"], result["boot_id_after"]) == (OLD, NEW)
        assert result["promise"] == PROMISE
        assert result["probe"]["seen_down"] is True
        assert 19 <= result["outage_seconds"] <= 21
        assert result["elapsed_seconds"] > 49
        assert "leave" not in host.calls[host.calls.index("as before") :]

    def test_host_that_is_late_is_waited_for(self) -> None:
        host = host_with(JUMPS)
        assert self.follow(host, self.set_out(host))["verdict"]["verdict"] == "handover_verified"

    def test_time_counts_from_when_it_left(self) -> None:
        host = host_with([(0, "old"), (3, "gone")])
        left = self.set_out(host)
        host.clock.time += 500
        result = self.follow(host, left)
        assert result["code"] == "unreachable"
        assert host.clock.now() - host.began < 520
        assert not any(" more, in which the guard" in call for call in host.calls)

    def test_guards_time_counts_from_when_it_left(self) -> None:
        host = host_with([(0, "old"), (3, "gone"), (200, "old")])
        host.leaves = [{**LEAVES, "guard": {"confirm_timeout": 100}}]
        host.arrives = [judged("rolled_back")]
        left = self.set_out(host)
        assert left.guarded_for == 100
        assert left.gives_up(60, 100) == left.at + 260
        host.clock.time += 210
        assert self.follow(host, left)["code"] == "rolled_back"

    def test_host_that_had_left_before_is_only_judged(self) -> None:
        host = host_with([(0, "new")])
        host.leaves = [{**LEAVES, "boot_id": NEW, "already_left": True}]
        host.arrives = [judged("handover_verified")]
        view = View(host.banner)
        told = Jump(host, Deadline(host.clock, 60), view, host.calls.append).set_out()
        assert (told["rebooted"], told["left"]["boot_id"]) == (True, None)
        result = self.follow(host, departure_from(told["left"]))
        assert result["failed"] is False
        assert (result["rebooted"], result["boot_id_before"]) == (True, OLD)

    def test_refusal_leaves_nothing_to_follow(self) -> None:
        host = host_with([(0, "old")])
        host.leaves = [{"failed": True, "code": "image_not_loaded", "msg": "No."}]
        result = Jump(host, Deadline(host.clock, 60), View(host.banner), host.calls.append).set_out()
        assert (result["failed"], result["code"], result["rebooted"]) == (True, "image_not_loaded", False)
        assert "left" not in result


def test_detour_is_reported() -> None:
    host = host_with(JUMPS)
    view = View(None, "ssh is configured with ProxyJump for this host")
    result = Jump(host, Deadline(host.clock, 60), view, print).run()
    assert result["failed"] is False
    assert result["probe"]["route"] == "ssh"
    assert result["probe"]["detour"] == "ssh is configured with ProxyJump for this host"


def test_answer_to_leaving_that_nobody_understands() -> None:
    host = host_with(JUMPS)
    host.leaves = [AnswerInvalid("it is odd.")]
    result = jump(host)
    assert (result["failed"], result["code"], result["changed"], result["rebooted"]) == (
        *(True, "answer_invalid", True, None),
    )
    assert "not known whether it leaves" in result["msg"]


def test_verdict_that_nobody_understands() -> None:
    host = host_with(JUMPS)
    host.arrives = [AnswerInvalid("it is odd.")]
    result = jump(host)
    assert (result["failed"], result["code"], result["verdict"]) == (True, "answer_invalid", None)
    assert (result["rebooted"], host.calls[-2]) == (True, "tidy_up")


def test_guard_is_not_waited_for_longer_than_it_may_be_set() -> None:
    host = host_with([(0, "old"), (3, "gone")])
    host.leaves = [{**LEAVES, "guard": {"confirm_timeout": 86400}}]
    view = View(host.banner, rollback_timeout=100, longest_guard=50)
    result = Jump(host, Deadline(host.clock, 60), view, host.calls.append).run()
    assert result["code"] == "unreachable"
    assert result["elapsed_seconds"] < 60 + 50 + 100 + 10


def test_failure_brings_nothing_of_its_own() -> None:
    host = host_with([(0, "old")])
    host.leaves = [{"failed": True, "msg": "No.", "code": "x", "left": {"port": 1}, "ansible_facts": {}, "guard": None}]
    result = jump(host)
    assert result["rebooted"] is False
    assert not {"left", "ansible_facts", "guard"} & result.keys()
