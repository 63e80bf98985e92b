# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import (
    AWAIT,
    FLEET_INFO,
    FLEET_LOCK,
    GATE,
    LEDGER,
    LEDGER_REQUIRED_IF,
    ROLE_OPTIONS,
    without_controller,
)

SPECS = (AWAIT, FLEET_INFO, FLEET_LOCK, GATE, LEDGER, ROLE_OPTIONS)


def test_required_options_have_no_default_and_defaults_are_choices():
    options = [option for spec in SPECS for option in spec.values()]
    assert [option for option in options if option.get("required") and "default" in option] == []
    chosen = [option for option in options if "choices" in option and "default" in option]
    assert [option for option in chosen if option["default"] not in option["choices"]] == []


def test_what_may_hold_a_password_is_not_logged():
    assert (FLEET_LOCK["url"]["no_log"], LEDGER["url"]["no_log"]) == (True, True)


def test_what_the_ledger_needs_are_options_of_it():
    for state, needed in ((row[1], row[2]) for row in LEDGER_REQUIRED_IF):
        assert state in LEDGER["state"]["choices"]
        assert set(needed) <= set(LEDGER)


@pytest.mark.parametrize("module", ["kexec_gate", "fleet_lock"])
def test_module_without_its_half_says_how_it_is_called(module):
    refusal = without_controller(module, "knows the other hosts")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "action_plugin_missing"
    for part in (module, "knows the other hosts", "Nothing was done", f"kho.kexec.{module}"):
        assert part in refusal.message
