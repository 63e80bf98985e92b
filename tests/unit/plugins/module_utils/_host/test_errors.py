# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import (
    KhoError,
    Note,
    Refusal,
    failed_with,
    with_reference,
)


def test_note_is_what_modules_return():
    assert Note("kho_off", "It is off.").as_dict() == {"code": "kho_off", "message": "It is off."}


@pytest.mark.parametrize("kind", [KhoError, Refusal])
def test_error_carries_a_code_and_what_was_found(kind):
    findings = {"running": 1}
    with pytest.raises(KhoError, match="It is locked") as caught:
        raise kind("lockdown", "It is locked.", findings)
    findings.clear()
    assert (caught.value.code, caught.value.message, caught.value.findings) == (
        "lockdown",
        "It is locked.",
        {"running": 1},
    )
    assert caught.value.as_note() == Note("lockdown", "It is locked.")


def test_without_findings():
    assert KhoError("x", "y").findings == {}


def test_a_failure_says_where_its_code_is_explained():
    assert failed_with("downgrade", "The target is older.") == {
        "failed": True,
        "code": "downgrade",
        "msg": "The target is older. (docs/reference/codes.md#downgrade)",
    }


def test_the_place_is_given_once():
    once = with_reference("downgrade", "The target is older.")
    assert with_reference("downgrade", once) == once
