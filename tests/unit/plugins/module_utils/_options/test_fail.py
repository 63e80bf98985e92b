# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import HostError
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail, warn


class Failed(Exception):
    pass


class Module:
    """Ends as an AnsibleModule does, and keeps what it would have printed."""

    def __init__(self):
        self.warnings = []

    def fail_json(self, **result):
        raise Failed(result)

    def warn(self, text):
        self.warnings.append(text)


def failed_with(error):
    with pytest.raises(Failed) as caught:
        fail(Module(), error)
    return caught.value.args[0]


def test_message_code_and_findings_come_out_together():
    error = Refusal("downgrade", "The target is older.", {"running": {"release": "7.3.4"}})
    assert failed_with(error) == {
        "failed": True,
        "msg": "The target is older. (docs/reference/codes.md#downgrade)",
        "code": "downgrade",
        "running": {"release": "7.3.4"},
    }


def test_findings_never_replace_message_or_code():
    error = KhoError("a", "A.", {"msg": "other", "code": "other", "kept": 1})
    assert failed_with(error) == {"failed": True, "msg": "A. (docs/reference/codes.md#a)", "code": "a", "kept": 1}


def test_errors_of_the_host_fit_the_same_funnel():
    assert failed_with(HostError("/boot/x", "denied")) == {
        "failed": True,
        "msg": "/boot/x may not be accessed. (docs/reference/codes.md#host_denied)",
        "code": "host_denied",
    }


def test_a_note_is_returned_as_code_and_message():
    assert Note("a", "A.").as_dict() == {"code": "a", "message": "A."}


def test_a_warning_leads_to_its_code_too():
    module = Module()
    warn(module, [Note("a", "A.").as_dict(), {"code": "b", "message": "B."}])
    assert module.warnings == ["A. (docs/reference/codes.md#a)", "B. (docs/reference/codes.md#b)"]
