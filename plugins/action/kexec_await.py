# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_await: knows Ansible, and leaves the waiting to plugin_utils/_jump/wait_many.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible import constants

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import AWAIT
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import ControllerAction
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline, MonotonicClock
from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import say
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import Departure, DepartureError, departure_from
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.wait_many import (
    Awaited,
    WaveWait,
    keep_looks,
    looks_directory,
)


class ActionModule(ControllerAction):
    SPEC = AWAIT

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        started = Deadline(MonotonicClock(), 0)
        left = dict(hosts_that_left(task_vars, options["registered"]))
        awaited = list(awaited_of(left, options["timeout"], options["rollback_timeout"]))
        wave_wait = WaveWait(awaited, say)
        warnings = []
        try:
            keep_looks(looks_directory(constants.DEFAULT_LOCAL_TMP), wave_wait.wait() if awaited else {})
        except Exception as error:
            # A failure would be one of all hosts, and they have left; each is waited for by the next task anyhow.
            warnings = [f"Waiting for the hosts of this wave failed: {type(error).__name__}: {error}."]
        asked = {one.name for one in awaited}
        not_back = {
            **dict.fromkeys((name for name in left if name not in asked), "absent"),
            **dict.fromkeys(wave_wait.absent, "absent"),
            **dict.fromkeys(wave_wait.unsure, "unsure"),
        }
        return {
            **({"warnings": warnings} if warnings else {}),
            "hosts": len(left),
            # Each host is looked up in it: a dictionary, because a list is templated item by item for that.
            "not_back": not_back,
            "elapsed_seconds": round(started.elapsed(), 2),
            "msg": f"Back: {len(left) - len(not_back)} of {counted(len(left), 'host')}.",
        }


def hosts_that_left(task_vars: Mapping[str, Any], registered: str) -> Iterator[tuple[str, Departure]]:
    """Yield the hosts of the batch that are on their way, and what is known of each."""
    # Only these: what hosts of earlier waves have registered is old.
    for name in dict.fromkeys([*task_vars["ansible_play_batch"], task_vars["inventory_hostname"]]):
        known = task_vars["hostvars"].raw_get(name)
        # Facts are the host's own words, and Ansible has them among the variables.
        facts = known.get("ansible_facts")
        told = None if isinstance(facts, Mapping) and registered in facts else known.get(registered)
        left = told_to_leave(told)
        if left is not None and left.boot_id is not None:
            yield str(name), left


def awaited_of(hosts: Mapping[str, Departure], timeout: int, rollback_timeout: int) -> Iterator[Awaited]:
    """Yield those whose port can be asked."""
    for name, left in hosts.items():
        if left.port is not None:
            yield Awaited(name, left.port, left.at, left.gives_up(timeout, rollback_timeout), left.guarded_for)


def told_to_leave(result: Any) -> Departure | None:
    """Return what is known of a host that was told to leave, None of any other."""
    try:
        return departure_from(result["left"])
    except (KeyError, TypeError, DepartureError):
        return None
