# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of kexec_soak_bisect: the log that it keeps, what it says is next, and what it refuses."""

from __future__ import annotations

import json
import time
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.kho.kexec.plugins.action import kexec_soak_bisect

ASKED = {"target": "t", "origins": ["a", "b", "c"], "running": "a"}
HEALTHY = {"healthy": True, "troubles": [], "boot_id": "x"}
WARNS = {"healthy": False, "troubles": [{"code": "kernel_warning", "new": True}], "boot_id": "x"}


def reached(origin: str) -> dict[str, Any]:
    return {"accepted": True, "verdict": "cold_boot", "reported": {"release": origin}}


def jumped(origin: str) -> dict[str, Any]:
    promised = {"release": "t", "previous_release": origin, "kexec_count": 1}
    return {"verdict": "handover_verified", "promised": promised, "reported": {**promised, "boot_id": "x"}}


@pytest.fixture
def run(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what runs one task on the log of web1, with the given variables of --extra-vars."""

    def once(state: str, check_mode: bool = False, extra: Any = None, facts: Any = None, **options: Any) -> Any:
        monkeypatch.setattr(kexec_soak_bisect, "load_extra_vars", lambda _loader: extra or {})
        arguments = {"state": state, "directory": str(tmp_path), **options}
        task = MagicMock(args=arguments, check_mode=check_mode, async_val=0, diff=False)
        plugin = kexec_soak_bisect.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        plugin._load_name = "kho.kexec.kexec_soak_bisect"
        return plugin.run(task_vars={"inventory_hostname": "web1", "ansible_facts": facts or {}})

    return once


def test_a_bisection_from_its_beginning_to_its_end(run: Any, tmp_path: Any) -> None:
    begun = run("begun", **ASKED)
    assert (begun["go"], begun["left"], begun["home"], begun["origins"]) == (True, 50, "a", ["a", "b", "c"])
    asked = []
    while True:
        step = run("next", running="b")
        if not step["go"]:
            break
        # What runs already is started anew.
        origin = "b" if step["origin"] == "running" else step["origin"]
        asked.append(step["origin"])
        health = HEALTHY if origin == "a" else WARNS
        told = run(
            "recorded", reached=reached(origin), result=jumped(origin), health=health, evidence={"health": health}
        )
        if not told["go"]:
            break
    assert asked == ["running", "running", "a", "a", "a"]
    ended = run("ended")["bisection"]
    found = [ended[name] for name in ("accepted", "first_bad", "last_good", "jumps", "ended", "code")]
    assert found == [True, "b", "a", 5, "found", None]
    assert {path.name for path in (tmp_path / "web1").glob("try-*")} == {"try-1", "try-2"}
    assert "t goes wrong from b on" in (tmp_path / "web1/bisect.txt").read_text()
    assert (tmp_path / "web1/lock.json").read_text() == ""


def test_a_try_is_counted_before_its_jump_and_one_without_an_answer_ends_the_run(run: Any, tmp_path: Any) -> None:
    run("begun", **ASKED)
    assert run("next")["number"] == 1
    assert json.loads((tmp_path / "web1/bisect.json").read_text())["tries"][0]["why"] == "interrupted"
    told = run("recorded", reached={}, result={}, health={})
    assert (told["go"], told["try"]["why"]) == (False, "origin_not_reached")
    ended = run("ended")["bisection"]
    assert (ended["accepted"], ended["code"]) == (False, "bisect_no_answer")
    assert run("begun", **ASKED)["left"] == 49
    assert run("next")["number"] == 2


def test_no_try_begins_after_the_time_limit_or_outside_of_the_window(run: Any) -> None:
    now = int(time.time())
    run("begun", **ASKED)
    assert run("next", began=now - 3601, time_limit=3600)["go"] is False
    assert run("ended")["bisection"]["code"] == "bisect_not_ended"
    run("begun", **ASKED)
    closed = [time.strftime("%H:%M", time.gmtime(now + later)) for later in (7200, 7260)]
    assert run("next", window=[{"from": closed[0], "to": closed[1]}])["go"] is False
    assert run("next", began=now - 60, time_limit=3600)["go"] is True


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"origins": ["a"]}, "bisect_origins_too_few"),
        ({"extra": {"kexec_upgrade_commit": "never"}}, "bisect_option_given"),
        ({"facts": {"kexec_soak_bisect_jumps": 3}}, "options_from_host"),
    ],
)
def test_what_is_refused_writes_nothing(run: Any, tmp_path: Any, given: dict[str, Any], code: str) -> None:
    refused = run("begun", **{**ASKED, **given})
    assert (refused["failed"], refused["code"]) == (True, code)
    assert list(tmp_path.iterdir()) == []


def test_options_of_an_upgrade_that_no_step_sets_may_be_given(run: Any) -> None:
    assert run("begun", extra={"kexec_upgrade_timeout": 5}, **ASKED)["go"] is True


@pytest.mark.parametrize(
    ("kernel", "code"),
    [
        ({"kho_built": False}, "bisect_origin_unfit"),
        ({"kho_built": True, "metadata": False}, "bisect_origin_unfit"),
        ({"kho_built": None, "metadata": None}, None),
        (None, None),
    ],
)
def test_an_origin_that_is_known_to_hand_nothing_over_is_refused(run: Any, kernel: Any, code: str | None) -> None:
    assert run("planned", plan={"target": {"release": "b", "kernel": kernel}}).get("code") == code


def test_a_second_run_is_refused_while_the_first_one_works(run: Any, monkeypatch: Any) -> None:
    run("begun", **ASKED)
    monkeypatch.setattr(kexec_soak_bisect, "run_identity", lambda: {"run": "elsewhere 1 1", "owner": "ben", "over": []})
    for state in ("next", "recorded", "ended"):
        assert run(state)["code"] == "soak_locked", state
    assert run("begun", **ASKED)["code"] == "soak_locked"


def test_check_mode_writes_nothing(run: Any, tmp_path: Any) -> None:
    assert run("begun", check_mode=True, **ASKED)["go"] is True
    assert list(tmp_path.iterdir()) == []
