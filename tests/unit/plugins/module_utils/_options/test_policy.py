# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._options.policy import policy_spec
from ansible_collections.kho.kexec.plugins.module_utils._plan.command_line import CommandLineEdits
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import CrashRisk, Denial, Policy, policy_of

CAUTIONS = (Note("boots_younger", "They are young."),)
USUAL = {name: option.get("default") for name, option in policy_spec().items()}


def test_the_defaults_of_the_options_are_those_of_the_policy():
    assert policy_of(USUAL) == Policy()


def test_every_option_has_its_place():
    denied = {"from": "7.2.*", "to": "7.3.*", "action": "kexec", "reason": "It lost data."}
    told = {
        "boots": 512,
        "crashes": 41,
        "relative_risk": None,
        "relative_risk_high": None,
        "q": 1e-7,
        "bug": None,
    }
    risk = {
        **{"boot": "handover", "previous_release": "7.2.13", "release": "7.3.4", "longest_chain": 4},
        **{"relative_risk_low": 2.8, "sentence": "It crashes.", "bug": None, **told},
        "cautions": [{"code": "boots_younger", "sentence": "They are young."}],
    }
    options = {
        "release": "7.3.*",
        "panic": 5,
        "allow_downgrade": True,
        "handover": "prefer",
        "fallback": "cold_boot",
        "on_unknown": "refuse",
        "max_kexec_count": 9,
        "denied_transitions": [denied],
        "crash_risks": [risk],
        "on_crash_risk": "warn",
        "crash_risk_threshold": 2.5,
        "accept": ["downgrade"],
        "boot_default": "require",
        "on_pending_firmware": "cold_boot",
        "command_line_append": ["quiet"],
        "command_line_replace": {"panic": 3, "ro": None},
        "command_line_remove": ["rw"],
    }
    assert set(options) == set(USUAL)
    assert set(risk) == set(policy_spec()["crash_risks"]["options"])
    assert policy_of(options) == Policy(
        release="7.3.*",
        panic=5,
        allow_downgrade=True,
        handover="prefer",
        fallback="cold_boot",
        on_unknown="refuse",
        max_kexec_count=9,
        denied=(Denial("7.2.*", "7.3.*", "kexec", "It lost data."),),
        crash_risks=(CrashRisk("handover", "7.2.13", "7.3.4", 4, 2.8, "It crashes.", CAUTIONS),),
        on_crash_risk="warn",
        boot_default="require",
        on_pending_firmware="cold_boot",
        crash_risk_threshold=2.5,
        accept=("downgrade",),
        edits=CommandLineEdits(("quiet",), {"panic": "3", "ro": None}, ("rw",)),
    )
