# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.words import ACCEPTABLE
from ansible_collections.kho.kexec.plugins.module_utils._options.policy import policy_spec
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import (
    CrashRisk,
    Denial,
    Policy,
    policy_of,
)

DEFAULTS = {name: option.get("default") for name, option in policy_spec().items()}


def test_defaults_of_the_options_are_those_of_the_policy():
    assert policy_of(DEFAULTS) == Policy()


def test_what_options_say():
    risk = {"boot": "handover", "previous_release": "a", "release": "b", "longest_chain": 3, "relative_risk_low": 2.5}
    policy = policy_of(
        {
            **DEFAULTS,
            "denied_transitions": [{"from": "7.2.*", "to": "7.3.*", "action": "any", "reason": "It lost data."}],
            "crash_risks": [{**risk, "sentence": "It crashes.", "cautions": []}],
            "command_line_replace": {"panic": 5, "quiet": None},
            "accept": ["downgrade"],
        }
    )
    assert policy.denied == (Denial("7.2.*", "7.3.*", "any", "It lost data."),)
    assert policy.crash_risks == (CrashRisk("handover", "a", "b", 3, 2.5, "It crashes."),)
    assert (policy.edits.replace, policy.accept) == ({"panic": "5", "quiet": None}, ("downgrade",))


@pytest.mark.parametrize(("code", "expected"), [("crashes_on_one_host", True), ("boots_younger", False)])
def test_whether_a_risk_rests_on_one_host(code, expected):
    assert CrashRisk("kexec", None, "b", None, 2.5, "", (Note(code, ""),)).rests_on_one_host is expected


@pytest.mark.parametrize(
    ("left", "to", "forbids"), [("7.2.13", "7.3.4", True), ("7.2.13", "7.4.0", False), ("7.1.0", "7.3.4", False)]
)
def test_denials_are_globs_for_both_releases(left, to, forbids):
    assert Denial("7.2.*", "7.3.?", "any", "").forbids(left, to) is forbids


@pytest.mark.parametrize(("fallback", "may"), [("refuse", False), ("cold_boot", True)])
def test_whether_a_cold_boot_will_do(fallback, may):
    assert Policy(fallback=fallback).may_cold_boot is may


def test_a_crash_of_the_target_cannot_be_accepted():
    assert "luo_abi_mismatch" not in ACCEPTABLE
    assert list(ACCEPTABLE) == sorted(set(ACCEPTABLE))
