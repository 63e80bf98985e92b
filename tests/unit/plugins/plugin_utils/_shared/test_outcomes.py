# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the hosts of a wave."""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.plugin_utils._shared.outcomes import outcomes_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Wave

WAVE = Wave(2, 3, ("web1", "web2", "web3", "web4", "web5"), ("web0",), ("web9",))


def test_each_host_of_the_wave_and_no_other():
    results = {
        "web1": {"accepted": True, "code": None},
        "web2": {"accepted": False, "code": "kexec_disabled"},
        "web3": {"accepted": False, "code": "window_closed"},
        "web4": {"accepted": True},
        "web5": "{{ what hosts say may be anything }}",
    }
    assert outcomes_of(WAVE, results, ["web1", "web2", "web3", "web5"]) == {
        "web1": ("proven", None),
        "web2": ("failed", "kexec_disabled"),
        "web3": ("untouched", "window_closed"),
        "web4": ("failed", None),
        "web5": ("failed", None),
    }
