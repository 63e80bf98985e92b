# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.kho.kexec.plugins.filter.recovery import FilterModule

recovery = FilterModule().filters()["recovery"]
STAGED = {"plan": {"action": "handover"}}


def test_results_that_are_missing_or_empty() -> None:
    told = {"step": "undo", "has_left": False, "runs_what_it_ran": True}
    message = "A task of the role failed. It is not known whether the target was unloaded."
    assert recovery(STAGED) == {**told, "message": message}
    assert recovery(STAGED, transition=None, commit={}, undo={}, rollback=None, failed={}) == recovery(STAGED)


def test_what_failed_is_told() -> None:
    assert recovery({}, failed={"msg": "The disk is full."})["message"] == "The disk is full."


@pytest.mark.parametrize(("option", "value"), [("on_failure", "rollback"), ("transitions", {})])
def test_what_is_not_known_is_refused(option: str, value: object) -> None:
    with pytest.raises(AnsibleFilterError, match=option):
        recovery(STAGED, **{option: value})
