# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wave that goes now."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._waves.batch import results_of, wave_now, waves_of_play


class HostVars:
    """Gives what is registered; to ask for anything templated is an error."""

    def raw_get(self, host: str) -> dict[str, Any]:
        return {"result": f"of {host}"} if host == "web2" else {}


def test_wave_and_its_results_also_when_all_but_one_are_lost() -> None:
    known: dict[str, Any] = {
        **{"ansible_play_hosts_all": ["web1", "web2", "web3"], "groups": {"all": ["web1", "web2", "web3"]}},
        **{"ansible_play_batch": [], "inventory_hostname": "web2", "hostvars": HostVars()},
    }
    wave = wave_now(known, waves_of_play(known, [1, 2], {}))
    assert (wave.number, wave.hosts) == (2, ("web2", "web3"))
    assert results_of(wave, known, "result") == {"web2": "of web2", "web3": None}
