# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._cmdline import CommandLineEdits
from ansible_collections.kho.kexec.plugins.module_utils._options import policy_of, policy_spec
from ansible_collections.kho.kexec.plugins.module_utils._policy import Denial, Policy

USUAL = {name: option.get("default") for name, option in policy_spec().items()}


def test_the_defaults_of_the_options_are_those_of_the_policy():
    assert policy_of(USUAL) == Policy()


def test_every_option_has_its_place():
    denied = {"from": "7.2.*", "to": "7.3.*", "action": "kexec", "reason": "It lost data."}
    options = {
        "release": "7.3.*",
        "panic": 5,
        "allow_downgrade": True,
        "handover": "prefer",
        "fallback": "cold_boot",
        "on_unknown": "refuse",
        "max_kexec_count": 9,
        "denied_transitions": [denied],
        "accept": ["downgrade"],
        "command_line_append": ["quiet"],
        "command_line_replace": {"panic": 3, "ro": None},
        "command_line_remove": ["rw"],
    }
    assert set(options) == set(USUAL)
    assert policy_of(options) == Policy(
        release="7.3.*",
        panic=5,
        allow_downgrade=True,
        handover="prefer",
        fallback="cold_boot",
        on_unknown="refuse",
        max_kexec_count=9,
        denied=(Denial("7.2.*", "7.3.*", "kexec", "It lost data."),),
        accept=("downgrade",),
        edits=CommandLineEdits(("quiet",), {"panic": "3", "ro": None}, ("rw",)),
    )
