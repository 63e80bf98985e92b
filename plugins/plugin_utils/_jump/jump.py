# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of things in one jump: leave the old kernel, wait for another boot, have it judged, report.

Results are dictionaries, as Ansible wants them; RETURN of kho.kexec.kexec_reboot names their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import failed_with
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import AnswerInvalid
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import at
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import Departure, Port
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.outage import Look, Seen, measure_outage
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.wait_one import NoAnswer, Questions, WaitResult, Watch

LONGEST_PAUSE_BETWEEN_VERDICT_ATTEMPTS = 5.0
RECORD_UNWRITABLE = "record_unwritable"
_TOLD = ("changed", "failed", "msg", "code", "rebooted", "promise", "verdict", "warnings")
"""What the task returns of an answer of the host's half."""


class Host(Protocol):
    """What a jump needs of a session with the host.

    Every question raises NoAnswer when it got no answer, and AnswerInvalid when nobody can understand it.
    """

    def watchful(self) -> AbstractContextManager[None]:
        """Notice within seconds that the host vanished."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep no connection from question to question, unless a question asks for it."""

    def reset(self) -> None:
        """Close the shared connection."""

    def read_boot_id(self, keep: bool = False) -> str:
        """Return the id of the boot that answers; ``keep`` the connection for the questions that follow."""

    def leave(self, again: bool = False) -> dict[str, Any]:
        """Have the host leave its kernel soon; ``again``: unless it has been told to already."""

    def verify(self) -> dict[str, Any]:
        """Have the kernel that answers judged."""

    def tidy_up(self) -> None:
        """Remove temporary files from the host that answers; never raises NoAnswer."""


@dataclass(frozen=True)
class View:
    """How the host is seen from here.

    ``banner`` asks the host's SSH port, ``through`` ssh's jump hosts or directly; where that is not possible directly,
    ``detour`` says why.
    ``rollback_timeout``: the seconds that a cold boot may take. ``port``: what ``banner`` asks. ``longest_guard`` and
    ``longest_busy``: the seconds that a guard, and the host before it leaves, may take at most, whatever the host says.
    """

    banner: Callable[[], bool] | None
    detour: str | None = None
    rollback_timeout: int = 0
    port: Port | None = None
    longest_guard: int = 3600
    longest_busy: float = 3600
    through: bool = False


class Jump:
    """One jump of one host under one deadline, which is put off once when a guard may still bring the host back."""

    def __init__(self, host: Host, deadline: Deadline, view: View, say: Callable[[str], None]) -> None:
        """``say`` tells the operator that the wait goes on."""
        self._host = host
        self._deadline = deadline
        self._view = view
        self._say = say
        self._guarded_for: int | None = None
        self._answer_lost = False
        self._left_at = deadline.clock.now()
        self._seen: tuple[Look, ...] = ()
        self._waits = True
        self._already_left = False
        self._answer: dict[str, Any] = {}
        self._report: dict[str, Any] = {
            "changed": False,
            "rebooted": None,
            "promise": None,
            "verdict": None,
            "boot_id_before": None,
            "boot_id_after": None,
            "outage_seconds": None,
            "timings": {},
        }

    def run(self) -> dict[str, Any]:
        """Return the result of the task. A host that is lost on the way is ``failed``; NoAnswer never gets out."""
        return self._reported(lambda: self._set_out() or self._prove())

    def set_out(self) -> dict[str, Any]:
        """Only have the host leave; ``left`` of the result is for who waits for it, and missing when it failed."""
        return self._reported(lambda: self._set_out() or self._handed_on())

    def follow(self, left: Departure, seen: Sequence[Look], waits: bool = True) -> dict[str, Any]:
        """Go on where a host has set out, and was ``seen`` since then.

        Unless this ``waits``, it is asked once; when no other boot answers, the result has ``left`` and no verdict.
        """
        self._left_at, self._seen, self._waits = left.at, tuple(seen), waits
        self._answer_lost, self._guarded_for = left.answer_lost, left.guarded_for
        self._already_left = left.boot_id is None
        self._report.update(changed=True, promise=left.promise, boot_id_before=left.boot_id)
        if self._already_left:
            self._report["rebooted"] = True
        return self._reported(self._prove)

    def _reported(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        with self._host.watchful():
            outcome = work()
        self._report["elapsed_seconds"] = round(self._deadline.elapsed(), 2)
        return {**self._report, **outcome}

    def _handed_on(self) -> dict[str, Any]:
        left = Departure(
            boot_id=self._report["boot_id_before"],
            at=self._left_at,
            answer_lost=self._answer_lost,
            promise=self._report["promise"],
            guarded_for=self._guarded_for,
            port=self._view.port,
            detour=self._view.detour,
            through=self._view.through,
        )
        message = "The host was told to leave, and is waited for by another task."
        return {**_carried(self._answer), "msg": message, "left": left.as_dict()}

    def _set_out(self) -> dict[str, Any] | None:
        """Have the host leave; the result when it did not."""
        try:
            self._report["boot_id_before"] = self._host.read_boot_id()
        except NoAnswer as reason:
            return self._unreachable(
                f"The host cannot be reached, so it was not told to leave: {reason}. An image that was staged is still"
                " loaded, and the next reboot may start it. Run this again when the host answers, or unload the image."
            )
        self._answer = self._leave()
        if self._answer.get("failed"):
            self._host.tidy_up()
            return {"rebooted": False, **_told(self._answer)}
        self._report["changed"] = True
        self._note_timings("leave", self._answer)
        self._note_answer(self._answer)
        self._already_left = bool(self._answer.get("already_left"))
        if self._already_left:
            self._report["rebooted"] = True
            self._report["boot_id_after"] = self._report["boot_id_before"]
            self._report["boot_id_before"] = None
        return None

    def _prove(self) -> dict[str, Any]:
        lost = None if self._already_left else self._wait()
        return self._judge() if lost is None else lost

    def _leave(self) -> dict[str, Any]:
        """The trigger fires about a second after it was set, and may take its own answer with it."""
        self._left_at = self._deadline.clock.now()
        try:
            left = self._host.leave()
        except NoAnswer as reason:
            self._answer_lost = True
            return {"warnings": [f"The answer of the old kernel got lost, the jump may have begun: {reason}."]}
        except AnswerInvalid as trouble:
            unknown = "So it is not known whether it leaves its kernel: the jump may have begun."
            return {**failed_with(trouble.code, f"{trouble.message} {unknown}"), "changed": True, "rebooted": None}
        self._left_at = self._deadline.clock.now()
        return left

    def _leave_again(self) -> None:
        """The old kernel answers still. When it never told whether it was to leave, it may not have heard of it."""
        if not self._answer_lost:
            return
        try:
            self._note_answer(self._host.leave(again=True))
        except (NoAnswer, AnswerInvalid):
            return
        self._answer_lost = False

    def _note_timings(self, phase: str, answer: dict[str, Any]) -> None:
        if answer.get("timings"):
            self._report["timings"] = {**self._report["timings"], phase: answer["timings"]}

    def _note_answer(self, left: dict[str, Any]) -> None:
        self._report["promise"] = left.get("promise")
        self._deadline.extend(min(max(left.get("busy_seconds") or 0.0, 0.0), self._view.longest_busy))
        guard = left.get("guard")
        self._guarded_for = min(guard["confirm_timeout"], self._view.longest_guard) if guard else None

    def _wait(self) -> dict[str, Any] | None:
        """Wait for another boot; None when there is somebody to ask for the verdict."""
        before = self._report["boot_id_before"]
        questions = Questions(self._read_new_boot_id, self._view.banner, self._leave_again)
        with self._host.alone():
            deadline = self._deadline if self._waits else Deadline(self._deadline.clock, 0)
            watch = Watch(before, self._left_at, deadline, questions, self._seen)
            waited = watch.wait()
            if not self._waits and waited.boot_id in (None, before):
                return self._handed_on()
            if waited.boot_id is None and self._put_off(waited.trouble):
                waited = watch.wait(was_late=True)
        self._report_outage(waited)
        if waited.boot_id is None:
            return self._unreachable(self._nobody_answered(waited.trouble))
        self._report["rebooted"] = waited.boot_id != before
        self._report["boot_id_after"] = waited.boot_id
        return None

    def _read_new_boot_id(self, was_away: bool) -> str:
        """Who was away and is back stays, and is asked for the verdict over the same connection."""
        keep = was_away or not self._waits
        found = self._host.read_boot_id(keep=keep)
        if keep and found == self._report["boot_id_before"]:
            self._host.reset()
        return found

    def _put_off(self, trouble: str | None) -> bool:
        """Wait for as long as the guard may need to bring the old kernel back; False when nothing is to be expected."""
        if self._guarded_for is None:
            return False
        waited, more = self._deadline.seconds, self._guarded_for + self._view.rollback_timeout
        self._guarded_for = None
        self._deadline.extend(more)
        if self._deadline.expired():
            return False
        self._say(
            f"no answer after {waited:g} s ({trouble}); waiting up to {more} s more, in which the guard"
            " brings the old kernel back"
        )
        return True

    def _nobody_answered(self, trouble: str | None) -> str:
        return (
            f"Nobody answered within {self._deadline.seconds:g} s after the old kernel was left, so it is not known"
            f" what the host runs: {trouble}. Look at its console; a later run can still ask for the verdict."
        )

    def _report_outage(self, waited: WaitResult) -> None:
        outage = measure_outage(waited.looks)
        silent = any(look.what is Seen.SILENT for look in waited.looks)
        self._report["probe"] = {
            "route": "ssh" if self._view.banner is None else "banner",
            "detour": self._view.detour,
            "looks": len(waited.looks) - 1,
            "seen_down": silent,
            "resolution_seconds": round(outage.resolution, 2) if outage else None,
        }
        self._report["outage_seconds"] = round(outage.seconds, 2) if outage else None

    def _judge(self) -> dict[str, Any]:
        """Ask for the verdict until it is there; the first question is put even when the deadline has just passed.

        The host may be lost again while it is being looked after; then the guard may bring it back.
        """
        pause = 1.0
        while True:
            try:
                judged = self._host.verify()
            except NoAnswer as reason:
                if self._deadline.expired() and not self._put_off(str(reason)):
                    return self._unreachable(
                        f"The host answered after the jump and was lost again before it could be judged: {reason}."
                        " Look at its console; a later run can still ask for the verdict."
                    )
            except AnswerInvalid as trouble:
                self._host.tidy_up()
                return {**failed_with(trouble.code, trouble.message), **_carried(self._answer)}
            else:
                if not self._given_back(judged):
                    self._host.tidy_up()
                    return self._judged(judged)
            self._deadline.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_BETWEEN_VERDICT_ATTEMPTS)
            self._host.reset()

    def _given_back(self, judged: dict[str, Any]) -> bool:
        """Whether the guard has brought another boot, after a host could not write down what it was found to be."""
        evidence = at(judged.get("verdict"), "evidence") or {}
        unwritable = [note for note in evidence.get("notes") or [] if note.get("code") == RECORD_UNWRITABLE]
        if not unwritable or not self._put_off("its file system cannot be written"):
            return False
        found, now = str(evidence.get("boot_id_found")), self._deadline.clock.now()
        questions = Questions(lambda _away: self._host.read_boot_id(), self._view.banner, lambda: None)
        with self._host.alone():
            waited = Watch(found, now, self._deadline, questions).wait()
        return waited.boot_id not in (None, found)

    def _judged(self, judged: dict[str, Any]) -> dict[str, Any]:
        carried = _carried(self._answer, judged)
        self._note_timings("verify", judged)
        verdict = judged.get("verdict")
        if judged.get("failed") or not verdict:
            reason = "The new kernel could not be judged: the host gave no verdict."
            return {"msg": reason, **_told(judged), **carried, "changed": True, "failed": True}
        self._take_from_evidence(verdict)
        message = verdict.get("message") or f"The verdict is {verdict['verdict']}."
        outcome = {"verdict": verdict, "msg": message, "failed": not verdict["accepted"], **carried}
        if verdict["accepted"]:
            return {**outcome, **_kept(judged)}
        return {**outcome, **failed_with(verdict["verdict"], message)}

    def _take_from_evidence(self, verdict: dict[str, Any]) -> None:
        """The record on the host knows what was promised and left, also when the answer to leaving got lost."""
        if self._report["promise"] is None:
            self._report["promise"] = verdict.get("promised")
        evidence = verdict.get("evidence") or {}
        if self._report["boot_id_before"] is None:
            self._report["boot_id_before"] = evidence.get("boot_id_left")
        found = evidence.get("boot_id_found")
        if found:
            self._report["boot_id_after"] = found
        if verdict["verdict"] == "not_rebooted":
            self._report["rebooted"] = False

    def _unreachable(self, message: str) -> dict[str, Any]:
        """Return a failure in the shape of every other verdict; Ansible's own `unreachable` would stop no rollout."""
        promised = self._report["promise"]
        verdict = {
            "verdict": "unreachable",
            "accepted": False,
            "reason": None,
            "message": message,
            "promised": promised,
            "reported": None,
            "evidence": {
                "boot_id_left": self._report["boot_id_before"],
                "release_left": at(promised, "previous_release"),
                "boot_id_found": None,
                "source": "none",
                "notes": [],
                "troubles": None,
            },
        }
        return {**failed_with("unreachable", message), "verdict": verdict, "rebooted": None}


def _carried(*answers: dict[str, Any]) -> dict[str, Any]:
    """Return what Ansible shows of answers that are not the task's result."""
    warnings = [line for answer in answers for line in answer.get("warnings", [])]
    return {"warnings": warnings} if warnings else {}


def _kept(judged: dict[str, Any]) -> dict[str, Any]:
    """Return what the task tells of the commit of an accepted kernel; nothing when none was wanted."""
    commit = judged.get("commit")
    if commit is None:
        return {}
    if not commit.get("failed"):
        return {"commit": commit}
    code, message = commit.get("code"), commit.get("msg")
    if code and message:
        return {"commit": commit, **failed_with(code, message)}
    unknown = "The new kernel was not committed, and the host's answer does not say why. Look at the host itself."
    return {"commit": commit, **failed_with("answer_invalid", unknown)}


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what of an answer is for the result of the task."""
    return {key: answer[key] for key in _TOLD if key in answer}
