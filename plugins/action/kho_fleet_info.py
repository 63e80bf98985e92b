# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kho_fleet_info: knows Ansible, and leaves what is shown to plugin_utils/_fleet/fleet.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import FLEET_INFO
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import ControllerAction
from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import say
from ansible_collections.kho.kexec.plugins.plugin_utils._fleet.fleet import counts_of, render_fleet, rows_of


class ActionModule(ControllerAction):
    SPEC = FLEET_INFO

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        rows = rows_of(results_of_play(task_vars, options["registered"]), options["long_chain"])
        say("\n".join(render_fleet(rows, options["only_attention"])))
        return {
            "rows": [row.as_dict() for row in rows],
            "counts": counts_of(rows),
            "lost": [row.host for row in rows if row.is_lost],
        }


def results_of_play(task_vars: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    """Yield every host of the play, also lost ones, and what was registered for it as ``name``, or None."""
    hostvars = task_vars["hostvars"]
    for host in task_vars["ansible_play_hosts_all"]:
        # Not hostvars[host], which templates: what hosts report is no template, and thousands of them take long.
        yield str(host), hostvars.raw_get(host).get(name)
