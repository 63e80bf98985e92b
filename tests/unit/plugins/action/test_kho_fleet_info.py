# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.errors import AnsibleActionFail

from ansible_collections.kho.kexec.plugins.action import kho_fleet_info
from ansible_collections.kho.kexec.plugins.modules import kho_fleet_info as module
from ansible_collections.kho.kexec.plugins.plugin_utils._common import display as display_module

FACTS = {"release": "7.3.4-kho", "boot": "handover", "previous_release": "7.2.13-kho", "kexec_count": 4, "notes": []}
GATHERED = {"ansible_facts": {"kho": {**FACTS, "image_loaded": False}}}


class HostVars:
    """Gives what is registered; to ask for anything templated is an error."""

    def __init__(self, variables: dict[str, dict[str, Any]]) -> None:
        self._variables = variables

    def raw_get(self, host: str) -> dict[str, Any]:
        return self._variables[host]

    def __getitem__(self, host: str) -> Any:
        raise AssertionError("what hosts report was templated")


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Any:
    shown = MagicMock()
    monkeypatch.setattr(display_module, "Display", lambda: shown)
    return shown.display


def run(check_mode: bool = False, **options: Any) -> dict[str, Any]:
    task = MagicMock(args={"registered": "found", **options}, check_mode=check_mode, async_val=0, diff=False)
    loader: Any = MagicMock()
    plugin = kho_fleet_info.ActionModule(task, MagicMock(), MagicMock(), loader, MagicMock(), MagicMock())
    plugin._load_name = "kho.kexec.kho_fleet_info"
    variables = {"web1": {"found": GATHERED}, "lost1": {"found": {"unreachable": True}}, "late1": {"other": GATHERED}}
    result: dict[str, Any] = plugin.run(
        task_vars={"hostvars": HostVars(variables), "ansible_play_hosts_all": list(variables)}
    )
    return result


@pytest.mark.parametrize("check_mode", [False, True])
def test_all_hosts_of_the_play_are_shown_and_returned(display: Any, check_mode: bool) -> None:
    result = run(check_mode)
    assert [row["host"] for row in result["rows"]] == ["lost1", "late1", "web1"]
    assert result["lost"] == ["lost1", "late1"]
    assert result["counts"]["hosts"] == 3
    assert result["changed"] is False
    (call,) = display.call_args_list
    assert [line.split()[0] for line in call.args[0].splitlines()[2:5]] == ["lost1", "late1", "web1"]
    assert call.kwargs == {"stderr": False}


def test_only_attention(display: Any) -> None:
    result = run(only_attention=True)
    assert len(result["rows"]) == 3
    assert "web1" not in display.call_args.args[0]


def test_long_chain(display: Any) -> None:
    assert run(long_chain=3)["rows"][-1]["attention"][0]["code"] == "long_chain"
    assert "long_chain" in display.call_args.args[0]


@pytest.mark.parametrize("options", [{"long_chain": "many"}, {"other": 1}])
@pytest.mark.usefixtures("display")
def test_arguments_are_validated(options: dict[str, Any]) -> None:
    with pytest.raises(AnsibleActionFail):
        run(**options)


@pytest.mark.usefixtures("display")
def test_all_that_is_returned_is_documented_and_the_other_way_round() -> None:
    documented = yaml.safe_load(module.RETURN)
    result = run()
    assert set(documented) == {"rows", "counts", "lost"}
    assert set(documented) <= set(result)
    assert set(documented["rows"]["contains"]) == set(result["rows"][0])
    assert set(documented["counts"]["contains"]) == set(result["counts"])
