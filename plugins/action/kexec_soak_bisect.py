# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_soak_bisect: knows Ansible, and leaves the bisection to plugin_utils/_soak."""

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
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import SOAK_BISECT, SOAK_BISECT_REQUIRED_IF
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import ControllerAction
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import require_own_options
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import at, text
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.identity import run_identity
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisect import Rates
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisect_text import (
    first_bad,
    last_good,
    sentences,
    table,
    trouble,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.bisection import (
    FOUND,
    TEXT,
    Bisection,
    asked_for,
    read,
    resumed,
    write,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.evidence import files_of
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.files import folder_of, write_text
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.lock import hold, release
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.results import OUT_OF_TIME
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.tries import WELL, Told, judged
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import is_open, windows_of

OWN = frozenset(
    f"kexec_upgrade_{name}"
    for name in (
        *("target", "allow_downgrade", "handover", "fallback", "denied_transitions", "accept"),
        *("health", "commit", "on_failure"),
    )
)
"""Options of an upgrade that each step of a bisection has values of its own for."""


class ActionModule(ControllerAction):
    # Each host has a bisection of its own.
    BYPASS_HOST_LOOP = False
    SPEC = SOAK_BISECT
    REQUIRED_IF = SOAK_BISECT_REQUIRED_IF

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        # At each step, because the steps between them run modules of ansible-core on the host.
        require_own_options(task_vars)
        if options["state"] == "planned":
            _require_handover(options["plan"])
            return {}
        host, now = str(task_vars["inventory_hostname"]), int(time.time())
        folder, asker = folder_of(options["directory"], host), run_identity()
        if options["state"] == "begun":
            return self._begun(host, folder, asker, options, now)
        hold(folder, asker)
        bisection = read(folder)
        if options["state"] == "next":
            return _next(folder, bisection, options, now)
        if options["state"] == "recorded":
            return _recorded(folder, bisection, options)
        ended = _ended(folder, bisection)
        release(folder, asker)
        return ended

    def _begun(
        self, host: str, folder: Path, asker: Mapping[str, Any], options: Mapping[str, Any], now: int
    ) -> dict[str, Any]:
        given = sorted(OWN & set(load_extra_vars(self._loader)))
        if given:
            raise KhoError(
                "bisect_option_given",
                f"{', '.join(given)} was given with --extra-vars, which counts before what each step of a bisection is "
                "told. Nothing was done. Leave it out, or set it in the inventory; the kernels are named in "
                "kexec_soak_bisect_target and kexec_soak_bisect_origins.",
            )
        rates = Rates(options["wrong_at_least"], options["wrong_at_most"])
        kernels = (options["target"], options["origins"])
        question = asked_for(host, *kernels, options["wrong"], options["command"], rates, options["jumps"])
        bisection = Bisection(question, options["jumps"], now, options["running"])
        if not self._task.check_mode:
            hold(folder, asker)
            bisection = resumed(folder, question, options["jumps"], now, options["running"])
            write(folder, bisection)
        return {
            **{"target": question.target, "origins": list(question.origins), "home": bisection.home, "began": now},
            **{"go": bisection.ended is None, "left": options["jumps"] - len(bisection.tries)},
        }


def _require_handover(plan: Mapping[str, Any]) -> None:
    """Raise KhoError unless the origin that was planned for can, for all that is known, hand over."""
    kernel = at(plan, "target", "kernel")
    if at(kernel, "kho_built") is False or at(kernel, "metadata") is False:
        raise KhoError(
            "bisect_origin_unfit",
            f"The origin {text(at(plan, 'target', 'release'))} was built without Kexec HandOver, or without the kexec "
            "metadata (Linux has it since 7.1). A target that it starts cannot say from which kernel it was executed, "
            "so nothing would be proven. This host was not touched. Leave it out of kexec_soak_bisect_origins.",
        )


def _next(folder: Path, bisection: Bisection, options: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Which origin is next, if any; the time limit and the window are those of tries yet to begin."""
    windows = windows_of(options["window"]) if options["window"] else ()
    is_late = 0 < options["time_limit"] <= now - options["began"]
    if is_late or (windows and not is_open(windows, datetime.now(timezone.utc))):
        write(folder, replace(bisection, ended=OUT_OF_TIME))
        return {"go": False, "number": len(bisection.tries) + 1, "origin": None}
    origin = bisection.origin
    if origin is None:
        write(folder, bisection.settled())
        return {"go": False, "number": len(bisection.tries) + 1, "origin": None}
    begun = bisection.begin_try(origin)
    write(folder, begun)
    return {"go": True, "number": len(begun.tries), "origin": "running" if origin == options["running"] else origin}


def _recorded(folder: Path, bisection: Bisection, options: Mapping[str, Any]) -> dict[str, Any]:
    last, question = bisection.tries[-1], bisection.question
    told = Told(*(options[name] for name in ("reached", "result", "health", "status")))
    done = judged(last.number, last.origin, question.target, question.wrong, told)
    more = bisection.with_try(done)
    if done.answer != WELL:
        for name, content in files_of(options["evidence"] or {}).items():
            write_text(folder / f"try-{done.number}" / name, content)
    write(folder, more)
    return {"try": done.as_dict(), "go": more.ended is None}


def _ended(folder: Path, bisection: Bisection) -> dict[str, Any]:
    """What was found; whatever leaves the answer open is a failure, with its code."""
    lines, said, problem = table(bisection), sentences(bisection), trouble(bisection)
    write_text(folder / TEXT, "\n".join([*lines, "", *said, ""]))
    return {
        "bisection": {
            "host": bisection.question.host,
            "accepted": bisection.ended == FOUND,
            "first_bad": first_bad(bisection),
            "last_good": last_good(bisection),
            "jumps": len(bisection.tries),
            "allowed": bisection.jumps,
            "ended": bisection.ended,
            "code": problem.code if problem else None,
            "folder": printable(str(folder), 1000),
        },
        "summary": said,
        "table": lines,
    }
