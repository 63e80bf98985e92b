# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_central_logs: knows Ansible and its inventory, and leaves the logs to plugin_utils/_central."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import with_reference
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import CENTRAL_LOGS
from ansible_collections.kho.kexec.plugins.plugin_utils._central.collect import collect
from ansible_collections.kho.kexec.plugins.plugin_utils._central.names import HostNames
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import ControllerAction
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError, told
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, default_url, place_of


class ActionModule(ControllerAction):
    # Its task says whether it runs once.
    BYPASS_HOST_LOOP = False
    SPEC = CENTRAL_LOGS

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        try:
            place = place_of(options["url"] or default_url(os.environ))
            with Ledger(place, not self._task.check_mode) as ledger:
                return imported(ledger, options, names_of(task_vars))
        except LedgerError as error:
            return told(error, options["on_error"])


def names_of(task_vars: Mapping[str, Any]) -> HostNames:
    """The hosts of the inventory, each with its address if that stands there as it is."""
    hostvars = task_vars["hostvars"]
    # Not hostvars[host], which templates, and of thousands of hosts takes long.
    addresses = {str(host): hostvars.raw_get(host).get("ansible_host") for host in task_vars["groups"]["all"]}
    return HostNames({host: [one] if isinstance(one, str) else [] for host, one in addresses.items()})


def imported(ledger: Ledger, options: Mapping[str, Any], names: HostNames) -> dict[str, Any]:
    """Import what the logs tell; what was left out of them is a warning."""
    news = collect(ledger, options["logs"], names, options["time_limit"], int(time.time()))
    said = [with_reference(note["code"], note["message"]) for note in news["notes"]]
    return {"changed": bool(news["boots"] or news["crashes"]), **news, **({"warnings": said} if said else {})}
