# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told by hosts and used on the controller; tests/contract/test_answers.py compares all of it with RETURN."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._common.answers import (
    ANSWERS,
    BOOTS_LIMIT,
    LONGEST_GUARD,
    NOTE,
    PLAN,
    VERDICT,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._common.shapes import NotUnderstood, Record


@pytest.mark.parametrize(
    ("shape", "value", "missing"),
    [
        (NOTE, {"code": "x"}, "message"),
        (PLAN, {"promise": None}, "action"),
        (VERDICT, {"verdict": "handover_verified"}, "accepted"),
        (VERDICT, {"accepted": True}, "verdict"),
    ],
)
def test_what_is_decided_by_must_be_there(shape: Record, value: dict[str, Any], missing: str) -> None:
    with pytest.raises(NotUnderstood, match="is missing") as caught:
        shape.build(value)
    assert caught.value.path == missing


def test_a_guard_does_not_wait_for_ever() -> None:
    jump = ANSWERS["kexec_reboot"]
    assert jump.build({"guard": {"confirm_timeout": LONGEST_GUARD}})["guard"]["confirm_timeout"] == LONGEST_GUARD
    with pytest.raises(NotUnderstood):
        jump.build({"guard": {"confirm_timeout": LONGEST_GUARD + 1}})


def test_a_history_has_an_end() -> None:
    history = ANSWERS["kexec_history_info"]
    with pytest.raises(NotUnderstood, match="more than"):
        history.build({"host_boots": [{}] * (BOOTS_LIMIT + 1), "crashes": []})
