# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.kho.kexec.plugins.action import kexec_await
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import Departure, Port
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.outage import Look, Seen

AWAY = Departure("0a0a", 10.0, False, None, None, Port("192.0.2.1", 22, 0.5), None).as_dict()
RESULTS: dict[str, Any] = {
    "web1": {"left": AWAY},
    "web2": {"left": {**AWAY, "port": None, "detour": "behind a jump host"}},
    "web3": {"left": {**AWAY, "boot_id": None}},
    "web4": {"failed": True, "code": "image_not_loaded"},
    "web5": {"skipped": True},
    "web6": None,
    "web7": {"left": "{{ x }}"},
    "web8": {"left": {**AWAY, "guarded_for": 100}},
}


def variables(batch: list[str]) -> dict[str, Any]:
    hostvars = MagicMock()
    hostvars.raw_get.side_effect = lambda name: {"jump": RESULTS[name]}
    return {"ansible_play_batch": batch, "inventory_hostname": batch[0], "hostvars": hostvars}


def run(monkeypatch: pytest.MonkeyPatch, directory: Path, batch: list[str], wave_wait: Any) -> dict[str, Any]:
    monkeypatch.setattr(kexec_await, "WaveWait", wave_wait)
    monkeypatch.setattr(kexec_await, "looks_directory", lambda _tmp: directory)
    task = MagicMock(args={"registered": "jump"}, check_mode=False, async_val=0, diff=False)
    loader: Any = MagicMock()
    plugin = kexec_await.ActionModule(task, MagicMock(), MagicMock(), loader, MagicMock(), MagicMock())
    plugin._load_name = "kho.kexec.kexec_await"
    result: dict[str, Any] = plugin.run(task_vars=variables(batch))
    return result


def test_hosts_that_left_are_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wave_wait = MagicMock()
    wave_wait.return_value.wait.return_value = {"web1": [Look(1.0, Seen.SILENT)]}
    wave_wait.return_value.absent, wave_wait.return_value.unsure = ["web8"], ["web1"]
    result = run(monkeypatch, tmp_path / "seen", list(RESULTS), wave_wait)
    (awaited, _say), _keywords = wave_wait.call_args
    assert [one.name for one in awaited] == ["web1", "web8"]
    assert [one.until for one in awaited] == [10 + 600, 10 + 600 + 100 + 600]
    assert "failed" not in result
    assert result["hosts"] == 3
    assert result["not_back"] == {"web2": "absent", "web8": "absent", "web1": "unsure"}
    assert result["msg"] == "Back: 0 of 3 hosts."
    assert len(list((tmp_path / "seen").iterdir())) == 1


def test_nobody_has_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wave_wait = MagicMock()
    wave_wait.return_value.absent, wave_wait.return_value.unsure = [], []
    result = run(monkeypatch, tmp_path, ["web3", "web4"], wave_wait)
    assert (result["hosts"], result["not_back"], result["changed"]) == (0, {}, False)
    wave_wait.return_value.wait.assert_not_called()


def test_trouble_of_the_controller_fails_no_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wave_wait = MagicMock()
    wave_wait.return_value.wait.side_effect = OSError(24, "Too many open files")
    wave_wait.return_value.absent, wave_wait.return_value.unsure = ["web1"], []
    result = run(monkeypatch, tmp_path, ["web1"], wave_wait)
    assert "failed" not in result
    assert result["not_back"] == {"web1": "absent"}
    assert "Too many open files" in result["warnings"][0]
