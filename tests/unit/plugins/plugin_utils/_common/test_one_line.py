# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.kho.kexec.plugins.plugin_utils._common import one_line
from ansible_collections.kho.kexec.plugins.plugin_utils._common.one_line import Stop, in_one_line

REFUSED = {"changed": False, "failed": True, "code": "kexec_disabled", "msg": "It is off."}


def task(**how: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"until": [], "retries": None, "failed_when": [], **how})


def test_a_failure_is_raised_with_all_that_is_known_and_without_an_account_of_the_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # ansible-core before 2.19 has no such thing.
    monkeypatch.setattr(AnsibleActionFail, one_line.SHOWS_THE_TASK, False, raising=False)
    with pytest.raises(Stop) as raised:
        in_one_line(task(), dict(REFUSED))
    assert raised.value.omit_exception_key
    assert raised.value.message == "It is off."
    assert raised.value.result["code"] == "kexec_disabled"


def test_what_is_well_is_returned() -> None:
    assert in_one_line(task(), {"changed": True}) == {"changed": True}


@pytest.mark.parametrize("how", [{"until": ["it is success"]}, {"retries": 3}, {"failed_when": ["it.changed"]}])
def test_a_task_that_judges_the_answer_itself_gets_it(how: dict[str, Any]) -> None:
    assert in_one_line(task(**how), dict(REFUSED)) == REFUSED


def test_an_ansible_core_that_shows_one_line_anyway_gets_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_line, "SHOWS_THE_TASK", "not_there_yet")
    assert in_one_line(task(), dict(REFUSED)) == REFUSED
