# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of kexec_soak: what it keeps, what it says is next, and what it refuses."""

from __future__ import annotations

import json
import time
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.kho.kexec.plugins.action import kexec_soak
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.lock import FILE as LOCK

HEALTHY = {"healthy": True, "troubles": []}
WARNS = {"healthy": False, "troubles": [{"code": "kernel_warning", "new": True}]}
PROVEN = {
    **{"accepted": True, "action": "handover", "from": "a", "to": "b", "verdict": "handover_verified"},
    **{"reported": {"kexec_count": 1}, "outage_seconds": 8.3},
}


@pytest.fixture
def run(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what runs one task on the results of web1, with the given variables of --extra-vars."""

    def once(state: str, check_mode: bool = False, extra: Any = None, facts: Any = None, **options: Any) -> Any:
        monkeypatch.setattr(kexec_soak, "load_extra_vars", lambda _loader: extra or {})
        arguments = {"state": state, "directory": str(tmp_path), **options}
        task = MagicMock(args=arguments, check_mode=check_mode, async_val=0, diff=False)
        plugin = kexec_soak.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        plugin._load_name = "kho.kexec.kexec_soak"
        return plugin.run(task_vars={"inventory_hostname": "web1", "ansible_facts": facts or {}})

    return once


def test_a_soak_from_its_beginning_to_its_end(run: Any, tmp_path: Any) -> None:
    begun = run("begun", jumps=2, targets=["a", "b", "a"])
    assert (begun["number"], begun["targets"]) == (1, ["a", "b"])
    assert run("next", running="b", began=begun["began"]) | {"changed": False} == {
        **{"go": True, "number": 1, "target": "a", "changed": False},
    }
    first = run("recorded", result=PROVEN, health=HEALTHY)
    assert (first["go"], first["row"]["well"]) == (True, True)
    assert (first["measures"]["boot_id"], first["measures"]["outage_seconds"]) == (None, 8.3)
    assert run("next", running="b")["target"] == "running"
    assert run("recorded", result=PROVEN, health=HEALTHY)["go"] is False
    ended = run("ended")
    assert ended["soak"]["accepted"] is True
    assert (tmp_path / "web1/soak.txt").read_text().count("handover_verified") == 2
    assert ended["trends"]["b"]["free_bytes"]["why"]["code"] == "soak_too_few"


def test_evidence_is_kept_of_a_jump_that_was_not_well(run: Any, tmp_path: Any) -> None:
    run("begun", jumps=3)
    told = run("recorded", result=PROVEN, health=WARNS, evidence={"health": WARNS, "log_new": "WARNING: x"})
    assert told["go"] is False
    assert {path.name for path in (tmp_path / "web1/jump-1").iterdir()} == {"health.json", "log_new.txt"}
    ended = run("ended")["soak"]
    assert (ended["accepted"], ended["failures"], ended["ended"]) == (False, 1, "not_well")


def test_it_keeps_going_when_it_is_told_to(run: Any) -> None:
    run("begun", jumps=3)
    assert run("recorded", result=PROVEN, health=WARNS, keep_going=True)["go"] is True


def test_no_jump_begins_after_the_time_limit_or_outside_of_the_window(run: Any) -> None:
    now = int(time.time())
    run("begun", jumps=3)
    assert run("next", began=now - 60, time_limit=3600)["go"] is True
    assert run("next", began=now - 3601, time_limit=3600)["go"] is False
    assert run("ended")["soak"]["accepted"] is False, "no jump was made"
    assert run("begun", jumps=3)["number"] == 1
    closed = time.strftime("%H:%M", time.gmtime(now + 7200)), time.strftime("%H:%M", time.gmtime(now + 7260))
    assert run("next", window=[{"from": closed[0], "to": closed[1]}])["go"] is False


def test_a_second_run_is_refused_while_the_first_one_works(run: Any, tmp_path: Any, monkeypatch: Any) -> None:
    run("begun", jumps=3)
    monkeypatch.setattr(kexec_soak, "run_identity", lambda: {"run": "elsewhere 1 1", "owner": "ben", "over": []})
    for state in ("begun", "next", "recorded", "ended"):
        assert run(state)["code"] == "soak_locked", state
    assert json.loads((tmp_path / "web1/soak.json").read_text())["rows"] == []


def test_the_lock_is_given_back_at_the_end(run: Any, tmp_path: Any) -> None:
    run("begun", jumps=1)
    assert (tmp_path / "web1" / LOCK).read_text() != ""
    run("recorded", result=PROVEN, health=HEALTHY)
    run("ended")
    assert (tmp_path / "web1" / LOCK).read_text() == ""


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"jumps": 0}, "soak_jumps_invalid"),
        ({"targets": []}, "soak_targets_empty"),
        ({"targets": ["latest"]}, "soak_target_unfit"),
        ({"extra": {"kexec_upgrade_target": "a"}}, "soak_target_given"),
        ({"facts": {"kexec_soak_jumps": 3}}, "options_from_host"),
    ],
)
def test_what_is_refused_writes_nothing(run: Any, tmp_path: Any, given: dict[str, Any], code: str) -> None:
    refused = run("begun", **given)
    assert (refused["failed"], refused["code"]) == (True, code)
    assert list(tmp_path.iterdir()) == []


def test_check_mode_writes_nothing(run: Any, tmp_path: Any) -> None:
    assert run("begun", check_mode=True, jumps=3)["number"] == 1
    assert list(tmp_path.iterdir()) == []


def test_steps_without_a_beginning(run: Any) -> None:
    assert run("next")["code"] == "soak_results_unreadable"
