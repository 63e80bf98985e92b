# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.kho.kexec.plugins.filter.upgrade_result import FilterModule

upgrade_result = FilterModule().filters()["upgrade_result"]


def test_results_of_tasks_may_be_missing_or_empty() -> None:
    stage = {"plan": {"action": "none"}, "running": {"release": "7.3.4-kho"}}
    result = upgrade_result("web1", stage=stage, transition={}, commit=None)
    assert (result["host"], result["from"], result["accepted"]) == ("web1", "7.3.4-kho", True)


def test_unknown_task_is_named() -> None:
    with pytest.raises(AnsibleFilterError, match=r"knows no jump; it knows stage, guard, default"):
        upgrade_result("web1", jump={})


def test_message_is_printable_and_none_when_there_is_none() -> None:
    assert upgrade_result("web1")["message"] is None
    assert upgrade_result("web1", message="An alert fires.\n{{ x }}")["message"] == "An alert fires.??{ x }}"
    assert len(upgrade_result("web1", message="x" * 10**6)["message"]) == 2000
