# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.kexec_rollout: knows Ansible and waits, and leaves the rollout that runs share to plugin_utils/_shared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Note, with_reference
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import ROLLOUT
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import ControllerAction
from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import say
from ansible_collections.kho.kexec.plugins.plugin_utils._common.files import replace_file
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.identity import has_ended, run_identity
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError, require
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import FAILED, PAUSED, RUNNING, STOPPED, Go, Wait
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.info import info
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.outcomes import outcomes_of
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.page import render_html
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.store import Freed, SharedRollout, Taking
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.words import summary
from ansible_collections.kho.kexec.plugins.plugin_utils._waves import gate
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.batch import results_of, wave_now, waves_of_play
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.extra_vars import given_variables
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.pause import reason_to_pause
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.typed import nearest

LOOK_EVERY = 2
"""Seconds between two questions whether a wave may begin, or whether the ledger is back."""
SAY_EVERY = 60
"""Seconds between two lines that say what is waited for."""
PASSING = frozenset({"ledger_away", "ledger_locked", "ledger_read_only"})
"""Troubles of a ledger that may be over in a while: one that takes over for another can be read first."""
STATES = {"paused": PAUSED, "resumed": RUNNING, "stopped": STOPPED}
ALL_STATES = ("info", "started", "claimed", "settled", "no_worse", "passed", "released", "run_ended", *STATES)
"""Checked here: among the choices of a specification, ansible-test lets no state be called info."""
PREFIX = "kexec_rollout_"
OF_THE_PLAYBOOK = tuple(PREFIX + name for name in ("name", "ledger_url", "state", "why", "who", "run", "page"))

Answer = TypeVar("Answer")


class ActionModule(ControllerAction):
    SPEC = ROLLOUT
    REQUIRED_IF = (
        *(("state", "claimed", ["terms"]), ("state", "run_ended", ["run", "why"])),
        *(("state", state, ["why"]) for state in ("paused", "stopped")),
    )

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        state, name = options["state"], options["name"]
        require_known(state)
        require_meant(state, options["run"], options["why"])
        self._place = place_of(options["url"])
        # Not of the task's variables: a host may report facts of any name.
        given = given_variables(self._loader)
        require_names(given)
        who, why = who_of(options["who"], given), options["why"] or ""
        if state == "info":
            return self._info(options)
        if state == "started":
            return {"changed": self._asked(name, lambda shared: shared.start(who, why))}
        if state == "run_ended":
            return run_ended(self._asked(name, lambda shared: shared.end_run(options["run"], who, why)))
        if state in STATES:
            return {"changed": self._changed(options, who, why)}
        wave = wave_now(task_vars, waves_of_play(task_vars, options["sizes"], options["limits"]))
        me = Taking(run_identity()["run"], owner_of(who, given), wave.total)
        if state == "claimed":
            return self._claimed(options, wave, me)
        if state == "no_worse":
            return self._no_worse(options, me)
        if state == "released":
            self._patiently(options["patience"], name, lambda shared: shared.release(me, wave.hosts))
            return {"msg": f"The hosts of {wave} were given back."}
        if state == "passed":
            self._patiently(options["patience"], name, lambda shared: shared.passed(me))
            return {"msg": "The canaries are proven, and all other waves may begin."}
        return self._settled(options, wave, me, task_vars)

    def _asked(self, name: str, question: Callable[[SharedRollout], Answer]) -> Answer:
        with Ledger(self._place, not self._task.check_mode) as ledger:
            return question(SharedRollout(ledger, name))

    def _changed(self, options: Mapping[str, Any], who: str, why: str) -> bool:
        run, state = run_identity()["run"], STATES[options["state"]]
        # Others go on until they hear of a stop.
        patience = options["patience"] if state == STOPPED else 0
        return self._patiently(patience, options["name"], lambda shared: shared.change(state, who, why, run))

    def _info(self, options: Mapping[str, Any]) -> dict[str, Any]:
        with Ledger(self._place, not self._task.check_mode) as ledger:
            SharedRollout(ledger, options["name"])
            found = info(ledger, options["name"])
        lines = summary(found)
        if options["page"] and not self._task.check_mode:
            write_page(Path(options["page"]), render_html(found))
        return {"rollout": found, "summary": lines, "msg": lines[0]}

    def _claimed(self, options: Mapping[str, Any], wave: gate.Wave, me: Taking) -> dict[str, Any]:
        """Wait until the wave may begin, for as long as it takes, but not longer than is allowed without a ledger."""
        others, says_next = [*wave.earlier, *wave.later], time.monotonic()

        def begin(shared: SharedRollout) -> tuple[Go | Wait, int]:
            hosts = (wave.number, wave.hosts)
            return shared.begin(me, options["terms"], hosts, others, options["claim"], has_ended)

        while True:
            # Looked for before each question: the rollout may be waited for, and who has a wave must not wait.
            paused = reason_to_pause(options["pause_file"]) if options["pause_file"] else None
            answer, began = (
                self._patiently(options["patience"], options["name"], begin) if not paused else (Wait(paused), 0)
            )
            if isinstance(answer, Go):
                message = f"{title(wave)} of this run begins{', before all others' if answer.canaries else ''}."
                if answer.canaries:
                    say(message)
                return {"began": began, "msg": message}
            waits = f"{title(wave)} of this run waits: {answer.why}. No host of it is on its way."
            if self._task.check_mode:
                return {"msg": waits}
            if time.monotonic() >= says_next:
                say(waits)
                says_next += SAY_EVERY
            time.sleep(LOOK_EVERY)

    def _no_worse(self, options: Mapping[str, Any], me: Taking) -> dict[str, Any]:
        """A ledger that cannot be asked is no answer, so the wave does not begin, or nothing follows it."""
        require("scipy")
        # Here, because it takes SciPy a second to load, and all other tasks do without.
        from ansible_collections.kho.kexec.plugins.plugin_utils._shared.no_worse import keep_no_worse

        return self._patiently(options["patience"], options["name"], lambda shared: keep_no_worse(shared, me))

    def _settled(
        self, options: Mapping[str, Any], wave: gate.Wave, me: Taking, task_vars: Mapping[str, Any]
    ) -> dict[str, Any]:
        results = results_of(wave, task_vars, options["result"])
        budget = gate.budget_of(options["max_failed"], options["max_failed_percentage"])
        outcomes = outcomes_of(wave, results, task_vars["ansible_play_hosts"])
        moved = gate.moved(results)
        # What failed here, others must hear of before they go on.
        has_failures = any(state == FAILED for state, _code in outcomes.values())
        patience = None if has_failures and not self._task.check_mode else options["patience"]
        ended = self._patiently(
            patience, options["name"], lambda shared: shared.end(me, wave.number, outcomes, moved, budget)
        )
        warnings = {"warnings": [lost(ended.lost, wave)]} if ended.lost else {}
        message = ended.stop or "All runs can know how this wave went."
        return {"stop": ended.stop, "canaries": ended.canaries, "msg": message, **warnings}

    def _patiently(self, patience: int | None, name: str, question: Callable[[SharedRollout], Answer]) -> Answer:
        """Ask until there is an answer, so many seconds, or without an end."""
        began = says_next = time.monotonic()
        while True:
            try:
                return self._asked(name, question)
            except LedgerError as error:
                now = time.monotonic()
                if patience is not None and (error.code not in PASSING or now - began >= patience):
                    raise LedgerError(
                        error.code,
                        f"The rollout {printable(name)} is not known without its ledger, so no wave begins, and hosts "
                        f"that are on their way are left alone. {error.message}",
                    ) from error
                if now >= says_next:
                    say(f"The ledger of the rollout {printable(name)} is waited for: {error.code}. No wave begins.")
                    says_next += SAY_EVERY
            time.sleep(LOOK_EVERY)


def run_ended(freed: Freed) -> dict[str, Any]:
    """Return what the end of a run's claims did."""
    message = "It had no hosts."
    if freed.hosts:
        message = f"{gate.shown(freed.hosts)}: lost by now, and other runs can take them."
    if freed.canaries:
        message += " Others need not wait for its canaries any more."
    return {"changed": bool(freed.hosts or freed.canaries), "hosts": [*freed.hosts], "msg": message}


def write_page(path: Path, page: str) -> None:
    """Write the page. Raises KhoError ``rollout_page_not_written``."""
    try:
        replace_file(path, page)
    except OSError as error:
        raise KhoError(
            "rollout_page_not_written",
            f"The page of the rollout cannot be written to {path} ({error.strerror}). What it would tell is in the "
            "ledger, and nothing was changed. Name a file in a directory that this user may write to.",
        ) from error


def lost(hosts: Sequence[str], wave: gate.Wave) -> str:
    """Return the warning that hosts went to another run."""
    note = Note(
        "rollout_claim_ended",
        f"{gate.shown(hosts)}: this run's claim ended before {wave} did, and another run has these hosts now, which "
        "tells what becomes of them. Allow waves more time (kexec_upgrade_rollout_claim).",
    )
    return with_reference(note.code, note.message)


def title(wave: gate.Wave) -> str:
    """Return the wave as the first words of a sentence."""
    return str(wave).capitalize()


def require_known(state: str) -> None:
    """Raise KhoError ``options_invalid`` for a state that there is none of."""
    if state not in ALL_STATES:
        raise KhoError(
            "options_invalid",
            f"`state` is '{printable(state)}'{nearest(state, ALL_STATES)}, and can be {', '.join(ALL_STATES)}. Nothing "
            "was changed. Correct it, and run the same again.",
        )


def require_meant(state: str, run: str | None, why: str | None) -> None:
    """Raise KhoError ``options_invalid`` for a run where one state alone is about a run, and for a reason to look.

    Who gives a reason wants something done, and has forgotten the state: a stop must not become a look.
    """
    if run is not None and state != "run_ended":
        raise KhoError(
            "options_invalid",
            f"`run` is '{printable(run)}', and `state` is {state}, which is about all runs of the rollout. The run "
            "would be ignored, so nothing was changed. Give the state run_ended, or leave the run out.",
        )
    if why is not None and state == "info":
        raise KhoError(
            "options_invalid",
            f"`why` is '{printable(why)}', and `state` is info, which changes nothing. The reason would be "
            "ignored, and nothing stopped. Give the state that is meant, such as stopped, or leave the reason out.",
        )


def require_names(given: Mapping[str, Any]) -> None:
    """Raise KhoError ``option_unknown`` for a misspelt variable of the playbook: a stop must not become a look."""
    unknown = sorted(name for name in given if name.startswith(PREFIX) and name not in OF_THE_PLAYBOOK)
    if unknown:
        named = ", ".join(f"{printable(name)}{nearest(name, OF_THE_PLAYBOOK)}" for name in unknown)
        raise KhoError(
            "option_unknown",
            f"There is no option {named}. It would be ignored, so nothing was changed. Correct the name, or remove it.",
        )


def who_of(who: str | None, given: Mapping[str, Any]) -> str:
    """Return who asks, for people: as a task says, as AWX does by extra variables, or the user of this controller."""
    named = who or given.get("awx_user_name") or given.get("tower_user_name")
    return printable(str(named or run_identity()["owner"].rpartition(" (process")[0]))


def owner_of(who: str, given: Mapping[str, Any]) -> str:
    """Return for people which run this is: a job of AWX, or a process."""
    job = given.get("awx_job_id") or given.get("tower_job_id")
    here = run_identity()["owner"]
    return f"{who} (AWX job {printable(str(job), 20)})" if job else f"{who}{here[here.rindex(' (process') :]}"
