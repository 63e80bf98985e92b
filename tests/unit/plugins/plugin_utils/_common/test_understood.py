# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._common import understood as tested
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import (
    OPTION_PREFIXES,
    AnswerInvalid,
    interpreter_facts,
    printed_answer,
    require_own_options,
    understood,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import PREFIXES

GUARD = {"changed": True, "armed": True, "notes": [], "ansible_facts": {"x": 1}, "unreachable": True}


def test_only_what_is_described_stays() -> None:
    assert understood("kexec_guard", GUARD) == {"changed": True, "armed": True, "notes": []}


@pytest.mark.parametrize(
    ("module", "answer", "why"),
    [
        ("kexec_guard", [], "of the type list"),
        ("kexec_guard", {"armed": "yes"}, "`armed` is not true or false"),
        ("kexec_plan_info", {}, "`plan` is missing"),
        ("kho_facts", {"ansible_facts": {"other": 1}}, "`ansible_facts.kho` is missing"),
        ("kexec_reboot", {"guard": {"confirm_timeout": 10**9}}, "`guard.confirm_timeout` is not between"),
        ("kexec_image", {"plan": {"action": "none", "reasons": [{"code": "x"}]}}, "`plan.reasons.\\[0\\].message`"),
    ],
)
def test_what_is_wrong_is_said(module: str, answer: Any, why: str) -> None:
    with pytest.raises(AnswerInvalid, match=why) as caught:
        understood(module, answer)
    assert caught.value.code == "answer_invalid"


def test_a_failure_need_not_have_what_a_success_must_have() -> None:
    assert understood("kexec_plan_info", {"failed": True}) == {
        "failed": True,
        "changed": False,
        "msg": "The module failed and did not say why.",
    }


def test_warnings_are_texts_of_any_ansible_core() -> None:
    packed = {"__ansible_type": "WarningSummary", "event": {"__ansible_type": "Event", "msg": "b\x1b"}}
    assert understood("kexec_guard", {"warnings": ["a", packed, 3, {}]})["warnings"] == ["a", "b?"]


@pytest.mark.parametrize("around", ["{}", "Welcome {{you}}\n{}", "{}\nBye", "{{ not it\n{}"])
def test_what_a_login_prints_does_not_matter(around: str) -> None:
    assert printed_answer(around.format(json.dumps(GUARD)), "") == GUARD


@pytest.mark.parametrize(
    ("stdout", "stderr", "said"),
    [
        ("", "", "nothing"),
        ("[1]", "", r"\[1\]"),
        ("{" * 5000, "", "not a JSON object"),
        ('{"a": ' * 100_000, "", "not a JSON object"),
        ('{"a": ' + "9" * 5000 + "}", "", "not a JSON object"),
        ("x", "python3: \x1b not found\n", r"python3: \? not found"),
    ],
)
def test_what_is_no_answer(stdout: str, stderr: str, said: str) -> None:
    with pytest.raises(AnswerInvalid, match=said):
        printed_answer(stdout, stderr)


def test_an_endless_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "LARGEST_ANSWER", 10)
    with pytest.raises(AnswerInvalid, match="more than"):
        printed_answer('{"changed": true}', "")


@pytest.mark.parametrize(
    ("interpreter", "is_kept"),
    [("/usr/bin/python3.11", True), ("python3", False), ("/usr/bin/{{ x }}", False), ("/a b", False), (None, False)],
)
def test_interpreter_is_a_path(interpreter: Any, is_kept: bool) -> None:
    key = "discovered_interpreter_python"
    assert interpreter_facts(key, interpreter) == ({key: interpreter} if is_kept else {})


def test_options_of_all_roles_and_plays_are_known() -> None:
    assert {f"{prefix}_" for prefix in PREFIXES} == set(OPTION_PREFIXES)


def test_options_come_from_the_controller() -> None:
    require_own_options({"ansible_facts": {"kho": {}, "distribution": "Debian"}})
    require_own_options({})
    with pytest.raises(KhoError, match="kexec_upgrade_x") as caught:
        require_own_options({"ansible_facts": {"kexec_upgrade_x": 1}})
    assert caught.value.code == "options_from_host"
