# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts that have happened, as a run_log knows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.run_log import Batch, RunLog
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.waves import batch_sizes

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
FORTH = {"release": NEW, "previous_release": OLD, "kexec_count": 1}
AGAIN = {"release": OLD, "previous_release": NEW, "kexec_count": 2}
STAGED = {
    "running": {"release": OLD},
    "target": {"release": NEW},
    "plan": {"action": "handover", "promise": FORTH},
}
STAGED_BACK = {
    "running": {"release": NEW},
    "target": {"release": OLD},
    "plan": {"action": "handover", "promise": AGAIN},
}
THERE = {"running": {"release": NEW}, "target": {"release": NEW}, "plan": {"action": "none", "promise": None}}
REFUSED = {
    "failed": True,
    "running": {"release": OLD},
    "plan": {"action": "refuse", "reasons": [{"code": "kexec_disabled", "message": "Off. Switch it on."}]},
}


def judged(word: str, promise: Any = None, outage: float | None = 8.349) -> dict[str, Any]:
    """Return what kexec_reboot returns with this verdict."""
    promise = promise or FORTH
    accepted = word == "handover_verified"
    reported = None if word == "unreachable" else promise
    verdict = {"verdict": word, "accepted": accepted, "reported": reported}
    return {"failed": not accepted, "promise": promise, "verdict": verdict, "outage_seconds": outage, "rebooted": True}


class Told:
    """Tells a rollout to a run_log, with a clock that moves by a second for each thing that happens."""

    def __init__(self, hosts: Sequence[str], serial: Sequence[Any]) -> None:
        self.run_log = RunLog()
        self.now = 0.0
        self._hosts = list(hosts)
        self._sizes = batch_sizes(serial, len(self._hosts))
        self._begun = 0

    def wave(self) -> Sequence[str]:
        """Let the next wave begin, and return its hosts."""
        number = len(self.run_log.waves)
        batch = self._hosts[self._begun : self._begun + self._sizes[number]]
        self._begun += len(batch)
        self.run_log.end_wave(self.now)
        is_known = self.run_log.knows("play")
        self.run_log.expect(self.now, Batch("play", batch, [] if is_known else self._hosts, self._sizes))
        assert self.run_log.begin_wave()
        return batch

    def result(self, host: str, module: str, result: Any, back: bool = False) -> Any:
        """Let a result of ``module`` come."""
        self.now += 1
        self.run_log.note_begin(host)
        if module == "kexec_reboot":
            self.run_log.note_jump(self.now, host)
            self.now += 9
        return self.run_log.note_result(self.now, host, module, result, False, back)

    def proven(self, host: str) -> None:
        """Let all go well."""
        self.result(host, "kexec_image", STAGED)
        self.result(host, "kexec_reboot", judged("handover_verified"))
        self.result(host, "kexec_commit", {"changed": True})

    def rolled_back(self, host: str, word: str = "unhealthy") -> None:
        """Let the verdict be ``word``, and the rollback go well."""
        self.result(host, "kexec_image", STAGED)
        self.result(host, "kexec_reboot", judged(word))
        self.result(host, "kexec_image", STAGED_BACK, back=True)
        self.result(host, "kexec_reboot", judged("handover_verified", AGAIN))
        self.result(host, "kexec_commit", {"changed": True})

    def stop(self) -> RunLog:
        """Let a gate end the rollout, and return what is known."""
        self.run_log.note_stop({"code": "rollout_stopped"})
        self.run_log.end_wave(self.now)
        return self.run_log


def bad_day() -> Told:
    """A rollout of seven hosts that a gate stops in its second wave of three: every outcome is in it."""
    told = Told(["done", "there", "failed", "back", "gone", "half", "next"], [1, 5, "100%"])
    told.wave()
    told.proven("done")
    told.wave()
    told.result("there", "kexec_image", THERE)
    told.result("there", "kexec_commit", {"changed": False})
    told.result("failed", "kexec_image", REFUSED)
    told.rolled_back("back")
    told.result("gone", "kexec_image", STAGED)
    told.result("gone", "kexec_reboot", judged("unreachable", outage=None))
    told.result("half", "kexec_image", STAGED)
    return told
