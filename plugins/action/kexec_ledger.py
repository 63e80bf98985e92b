# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_ledger: knows Ansible, and leaves the ledger to plugin_utils/_ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import with_reference
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import LEDGER, LEDGER_REQUIRED_IF
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import ControllerAction
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_budget import keep_within
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError, require, told
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.facts import TRANSITION_INVALID
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, default_url, place_of

WITH_STATISTICS = ("queried", "assessed", "no_worse", "reported")


class ActionModule(ControllerAction):
    # Its task says whether it runs once.
    BYPASS_HOST_LOOP = False
    SPEC, REQUIRED_IF = LEDGER, LEDGER_REQUIRED_IF

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._answer(str(task_vars["inventory_hostname"]), options)
        except LedgerError as error:
            return told(error, options["on_error"])

    def _answer(self, host: str, options: Mapping[str, Any]) -> dict[str, Any]:
        keep, state = not self._task.check_mode, options["state"]
        place = place_of(options["url"] or default_url(os.environ))
        if state in WITH_STATISTICS:
            require("scipy")
        with Ledger(place, keep) as ledger:
            now = ledger.now() if options["clock"] == "database" else int(time.time())
            if state in WITH_STATISTICS:
                return computed(ledger, options, now, keep)
            if state == "imported":
                return imported(ledger, host, options["history"], now)
            if state == "recorded":
                return recorded(ledger, host, options, now)
            if state == "within_budget":
                return keep_within(
                    ledger, options["previous_release"], options["release"], options["since"], options["max_crashes"]
                )
            return {"changed": False, "cursor": ledger.cursor(host)}


def imported(ledger: Ledger, host: str, history: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Import the history of this host; what was not taken of it is a warning."""
    news = ledger.import_history(host, history, now)
    changed = bool(news["boots"] or news["crashes"])
    return {"changed": changed, **news, "cursor": ledger.cursor(host), **warnings(host, news["notes"])}


def warnings(host: str, notes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what of a host's was not taken as the warnings of a task's result; nothing where all was."""
    said = [with_reference(note["code"], f"{host}: {note['message']}") for note in notes]
    return {"warnings": said} if said else {}


def recorded(ledger: Ledger, host: str, options: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Record transitions, and what was measured of a boot of this host; what was not taken of that is a warning."""
    changed = record_all(ledger, host, options, now)
    if options["measures"] is None:
        return {"changed": changed}
    news = ledger.measure(host, options["measures"])
    return {"changed": changed or news["measures"] > 0, **news, **warnings(host, news["notes"])}


def record_all(ledger: Ledger, host: str, options: Mapping[str, Any], now: int) -> bool:
    """Record the transitions of this host and of those that the results name; returns whether any was news.

    One that is not understood keeps no other from being recorded. Then raises LedgerError ``transition_invalid``.
    """
    own = [] if options["transition"] is None else [options["transition"]]
    news, invalid = [], []
    for result in [*own, *(options["transitions"] or [])]:
        try:
            news.append(ledger.record(str(result.get("host", host)), result, now))
        except LedgerError as error:
            if error.code != TRANSITION_INVALID:
                raise
            invalid.append(error)
    if invalid:
        others = f" All others were recorded; {len(invalid)} like this were not." if news else ""
        raise LedgerError(TRANSITION_INVALID, f"{invalid[0].message}{others}")
    return any(news)


def computed(ledger: Ledger, options: Mapping[str, Any], now: int, keep: bool) -> dict[str, Any]:
    """Return the answer to a question that takes statistics."""
    # Here, because it takes SciPy a second to load, and all other tasks do without.
    from ansible_collections.kho.kexec.plugins.plugin_utils._ledger import answers
    from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.no_worse import keep_no_worse

    if options["state"] == "queried":
        return answers.query(ledger, options["previous_release"], options["release"])
    if options["state"] == "assessed":
        return answers.assess(ledger)
    if options["state"] == "no_worse":
        return keep_no_worse(ledger, options["release"], options["since"], options["symptoms"])
    return answers.report(ledger, Path(options["directory"]), now, keep)
