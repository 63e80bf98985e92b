# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wave that goes now, as variables of Ansible's tasks tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Wave, wave_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.waves import waves


def waves_of_play(task_vars: Mapping[str, Any], sizes: Any, limits: Any) -> list[list[str]]:
    """Return all waves of the play."""
    return waves(task_vars["ansible_play_hosts_all"], sizes, limits, task_vars["groups"])


def wave_now(task_vars: Mapping[str, Any], all_waves: list[list[str]]) -> Wave:
    """Return the wave that the batch is. Raises GateError ``wave_unknown``."""
    # When every host of the wave has failed, only the one that this runs on is left of it.
    return wave_of(all_waves, {*task_vars["ansible_play_batch"], task_vars["inventory_hostname"]})


def results_of(wave: Wave, task_vars: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what the hosts of the wave have as the variable ``name``; None for those that have none."""
    # Not hostvars[host], which templates: what hosts report is no template, and thousands of them take long.
    return {host: task_vars["hostvars"].raw_get(host).get(name) for host in wave.hosts}
