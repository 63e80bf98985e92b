# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.action import kexec_gate
from ansible_collections.kho.kexec.plugins.modules import kexec_gate as module
from ansible_collections.kho.kexec.plugins.plugin_utils._common import display as display_module

HOSTS = ["web1", "web2", "web3"]
PROVEN = {"accepted": True, "action": "handover"}
CLOSED_AT_NOON = {"from": "01:00", "to": "05:00"}


class HostVars:
    """Gives what is registered; to ask for anything templated is an error."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.asked: list[str] = []
        self._found = found

    def raw_get(self, host: str) -> dict[str, Any]:
        self.asked.append(host)
        return {"result": self._found[host]} if host in self._found else {}

    def __getitem__(self, host: str) -> Any:
        raise AssertionError("what hosts report was templated")


class Clock:
    """Counts the seconds that were slept, and does what happens meanwhile."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.events: dict[float, Any] = {}

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.events.get(self.slept, lambda: None)()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(kexec_gate, "time", made)
    monkeypatch.setattr(kexec_gate, "now", lambda: datetime(2026, 11, 23, 12, tzinfo=timezone.utc))
    return made


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Any:
    shown = MagicMock()
    monkeypatch.setattr(display_module, "Display", lambda: shown)
    return shown.display


def run(
    found: dict[str, Any] | None = None, there: list[str] | None = None, check_mode: bool = False, **options: Any
) -> dict[str, Any]:
    task = MagicMock(args={"sizes": 2, **options}, check_mode=check_mode, async_val=0, diff=False)
    loader: Any = MagicMock()
    plugin = kexec_gate.ActionModule(task, MagicMock(), MagicMock(), loader, MagicMock(), MagicMock())
    plugin._load_name = "kho.kexec.kexec_gate"
    remaining = HOSTS if there is None else there
    variables = {
        "hostvars": HostVars(found or {}),
        "groups": {"all": HOSTS},
        "ansible_play_hosts_all": HOSTS,
        "ansible_play_hosts": remaining,
        "ansible_play_batch": [host for host in HOSTS[:2] if host in remaining],
        "inventory_hostname": HOSTS[1],
    }
    result: dict[str, Any] = plugin.run(task_vars=variables)
    if options.get("result"):
        assert set(variables["hostvars"].asked) <= set(HOSTS[:2]), "only the wave is looked at"
    return result


def test_wave_that_is_proven_passes_and_is_left_to_soak(clock: Clock, display: Any) -> None:
    result = run(dict.fromkeys(HOSTS[:2], PROVEN), at="end", result="result")
    assert result["changed"] is False
    assert "failed" not in result
    assert (result["wave"], result["waves"], result["proven"], result["untouched"]) == (1, 2, 2, 1)
    assert clock.slept == 0
    assert "failed" not in run(dict.fromkeys(HOSTS[:2], PROVEN), at="soak", result="result", soak=600)
    assert clock.slept == 600
    (call,) = display.call_args_list
    assert call.args[0].startswith("Wave 1 of 2 soaks for 600 seconds, until ")


def test_nothing_is_waited_for_when_the_rollout_stops(clock: Clock, display: Any) -> None:
    result = run({"web1": PROVEN}, at="end", result="result")
    assert (result["failed"], result["code"]) == (True, "rollout_stopped")
    assert "Not proven: web2. Untouched: web3." in result["msg"]
    assert "failed" not in run({"web1": PROVEN}, at="soak", result="result", soak=600)
    assert clock.slept == 0
    assert not display.called


def test_nothing_is_waited_for_when_no_kernel_changed(clock: Clock, display: Any) -> None:
    result = run(dict.fromkeys(HOSTS[:2], {"accepted": True, "action": "none"}), at="soak", result="result", soak=600)
    assert "failed" not in result
    assert clock.slept == 0
    assert not display.called


@pytest.mark.usefixtures("clock", "display")
def test_who_comes_through_is_proven_where_there_are_no_results() -> None:
    assert "failed" not in run(at="end")
    assert run(there=["web2", "web3"], at="end")["code"] == "rollout_stopped"
    assert "failed" not in run(there=["web2", "web3"], at="end", max_failed_percentage=50)


def test_wave_waits_until_the_pause_file_is_removed(clock: Clock, display: Any, tmp_path: Path) -> None:
    pause = tmp_path / "pause"
    pause.touch()
    clock.events[150] = pause.unlink
    assert "failed" not in run(at="begin", pause_file=str(pause))
    assert clock.slept == 150
    lines = [call.args[0] for call in display.call_args_list]
    assert len(lines) == 3
    assert lines[0].startswith(f"The pause file {pause} is there, so wave 1 of 2 waits. To go on, remove it;")


@pytest.mark.usefixtures("clock", "display")
def test_wave_does_not_begin_when_the_window_is_closed() -> None:
    result = run(at="begin", window=CLOSED_AT_NOON)
    assert (result["failed"], result["code"], result["untouched"]) == (True, "window_closed", 3)
    assert "failed" not in run(at="begin", window=[CLOSED_AT_NOON, {"from": "11:00", "to": "13:00"}])
    assert "failed" not in run(at="end", window=CLOSED_AT_NOON)


@pytest.mark.parametrize("at", ["begin", "end"])
def test_check_mode_says_what_the_waves_would_be(clock: Clock, display: Any, tmp_path: Path, at: str) -> None:
    result = run(check_mode=True, at=at, window=CLOSED_AT_NOON, pause_file=str(tmp_path), soak=600, result="result")
    assert result["waves"] == 2
    assert result["msg"].startswith("3 hosts would go in 2 waves: 1. 2 (web1 web2), 2. 1 (web3). The window is closed")
    assert "failed" not in result
    assert clock.slept == 0
    assert [call.args[0] for call in display.call_args_list] == ([result["msg"]] if at == "begin" else [])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"sizes": 0}, "waves_invalid"),
        ({"limits": {"zone": 1}}, "group_limit_unmatched"),
        ({"window": {}}, "window_invalid"),
        ({"max_failed": -1}, "gate_budget_invalid"),
        ({"sizes": 1}, "wave_unknown"),
    ],
)
@pytest.mark.usefixtures("clock", "display")
def test_what_cannot_be_held_is_a_failure(options: dict[str, Any], code: str) -> None:
    result = run(at="begin", **options)
    assert (result["failed"], result["code"], result["changed"]) == (True, code, False)
    assert result["msg"]


def test_what_is_documented_is_returned(clock: Clock, display: Any) -> None:
    del clock, display
    documented = set(yaml.safe_load(module.RETURN))
    returned = {*run(at="begin"), *run(at="end"), *run(at="begin", window=CLOSED_AT_NOON)} - {"changed", "failed"}
    assert returned == documented


@pytest.mark.usefixtures("clock", "display")
@pytest.mark.parametrize(
    ("of_wave", "code"),
    [
        ({"wave": 1, "msg": "After wave 1 of 2"}, None),
        *((found, "wave_not_judged") for found in (None, "wave", {"wave": 0}, {"wave": 1, "code": "rollout_stopped"})),
    ],
)
def test_wave_begins_once_the_one_before_has_passed_its_gate(of_wave: Any, code: str | None) -> None:
    first, second = HOSTS[:2], HOSTS[2:]
    assert "failed" not in run(at="begin", passed="passed"), "there is none before the first"
    task = MagicMock(args={"sizes": 2, "at": "begin", "passed": "result"}, check_mode=False, async_val=0, diff=False)
    plugin = kexec_gate.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    plugin._load_name = "kho.kexec.kexec_gate"
    variables = {
        **{"hostvars": HostVars({first[1]: of_wave}), "groups": {"all": HOSTS}, "ansible_play_hosts_all": HOSTS},
        **{"ansible_play_hosts": HOSTS, "ansible_play_batch": second, "inventory_hostname": second[0]},
    }
    result = plugin.run(task_vars=variables)
    assert result.get("code") == code
    if code:
        assert "wave 2 of 2 does not begin" in result["msg"]
        assert "Untouched: web3." in result["msg"]
