# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_soak: knows Ansible, and leaves the soak to plugin_utils/_soak."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.utils.vars import load_extra_vars

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import SOAK
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import ControllerAction
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import require_own_options
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.identity import run_identity
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.evidence import files_of
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.files import folder_of, write_text
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.lock import hold, release
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.results import (
    OUT_OF_TIME,
    Soak,
    asked_for,
    read,
    resumed,
    write,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.rows import measures_of, row_of
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.table import sentences, table, trends
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import is_open, windows_of

TARGET = "kexec_upgrade_target"


class ActionModule(ControllerAction):
    # Each host has a soak of its own.
    BYPASS_HOST_LOOP = False
    SPEC = SOAK

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        # At each step, because the steps between them run modules of ansible-core on the host.
        require_own_options(task_vars)
        host, now = str(task_vars["inventory_hostname"]), int(time.time())
        folder = folder_of(options["directory"], host)
        if options["state"] == "begun":
            if TARGET in load_extra_vars(self._loader):
                raise KhoError(
                    "soak_target_given",
                    f"{TARGET} was given with --extra-vars, which counts before what each jump of a soak is told. "
                    "Nothing was done. Name the kernels in kexec_soak_targets.",
                )
            return self._begun(folder, asked_for(host, options["jumps"], options["targets"], now), now)
        asker = run_identity()
        hold(folder, asker)
        soak = read(folder)
        if options["state"] == "next":
            return _next(folder, soak, options, now)
        if options["state"] == "recorded":
            return _recorded(folder, soak, options)
        ended = _ended(folder, soak)
        release(folder, asker)
        return ended

    def _begun(self, folder: Path, wanted: Soak, now: int) -> dict[str, Any]:
        if self._task.check_mode:
            return {"number": 1, "targets": list(dict.fromkeys(wanted.targets)), "began": now}
        hold(folder, run_identity())
        soak = resumed(folder, wanted)
        write(folder, soak)
        return {"number": soak.number, "targets": list(dict.fromkeys(soak.targets)), "began": now}


def _next(folder: Path, soak: Soak, options: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Whether there is another jump, and where to; the time limit and the window are those of jumps yet to begin."""
    windows = windows_of(options["window"]) if options["window"] else ()
    is_late = 0 < options["time_limit"] <= now - options["began"]
    if is_late or (windows and not is_open(windows, datetime.now(timezone.utc))):
        write(folder, replace(soak, ended=OUT_OF_TIME))
        return {"go": False, "number": soak.number, "target": None}
    return {"go": True, "number": soak.number, "target": soak.target(options["running"])}


def _recorded(folder: Path, soak: Soak, options: Mapping[str, Any]) -> dict[str, Any]:
    row = row_of(soak.number, options["result"], options["health"], options["memory"], options["boot"])
    more = soak.with_row(row, options["keep_going"])
    if not row.well:
        for name, content in files_of(options["evidence"] or {}).items():
            write_text(folder / f"jump-{row.number}" / name, content)
    write(folder, more)
    measures = measures_of(row, options["result"], options["health"])
    return {"row": row.as_dict(), "measures": measures, "go": more.ended is None}


def _ended(folder: Path, soak: Soak) -> dict[str, Any]:
    """What was found; a soak that ran out of time has not failed, unless a jump was not well, or none was made."""
    lines, said = table(soak), sentences(soak)
    write_text(folder / "soak.txt", "\n".join([*lines, "", *said, ""]))
    return {
        "soak": {
            "host": soak.host,
            "accepted": bool(soak.rows) and not soak.failures,
            "jumps": len(soak.rows),
            "wanted": soak.jumps,
            "failures": soak.failures,
            "ended": soak.ended,
            "folder": printable(str(folder), 1000),
        },
        "summary": said,
        "table": lines,
        "trends": {
            release: {name: one.as_dict() for name, one in measures.items()}
            for release, measures in trends(soak).items()
        },
    }
