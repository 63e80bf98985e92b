# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import ControllerAction


class Doubling(ControllerAction):
    SPEC = {"number": {"type": "int", "required": True}}

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        if options["number"] < 0:
            raise KhoError("number_negative", "It is below 0.")
        return {"number": 2 * options["number"], "known": sorted(task_vars)}


def done(number: Any) -> dict[str, Any]:
    task = SimpleNamespace(args={"number": number}, async_val=0, check_mode=False, diff=False, delegate_to=None)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    plugin = Doubling(task, connection, SimpleNamespace(), None, None, None)
    return plugin.run(task_vars={"inventory_hostname": "web1"})


def test_it_runs_once_and_needs_no_connection() -> None:
    assert (Doubling.BYPASS_HOST_LOOP, Doubling._requires_connection) == (True, False)


def test_options_are_checked_and_nothing_is_changed() -> None:
    result = done("21")
    assert (result["number"], result["changed"], result["known"]) == (42, False, ["inventory_hostname"])
    with pytest.raises(AnsibleError):
        done("many")


def test_an_error_is_a_failure_with_its_code() -> None:
    result = done(-1)
    assert (result["failed"], result["changed"], result["code"]) == (True, False, "number_negative")
    assert result["msg"].startswith("It is below 0.")
