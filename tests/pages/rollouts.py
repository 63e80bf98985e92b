# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up rollouts, told to a run log as the callback does, the same at every run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.results import Setting, document
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.run_log import Batch, RunLog
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.waves import batch_sizes

BEGIN = datetime(2026, 11, 23, 2, 30, 41, tzinfo=timezone.utc)
OLD, NEW = "7.2.13-kho", "7.3.4-kho"
BAD = ("refused", "unhealthy", "lost", "cold_boot")
STOPPED = {
    "code": "rollout_stopped",
    "msg": "The rollout stops here. Failed since the rollout began: {failed}; allowed: 0 (max_failed). The same "
    "command goes on from here once the cause is gone. (docs/reference/codes.md#rollout_stopped)",
}

Step = tuple[float, str, str, dict[str, Any], bool]


def long_name(number: int) -> str:
    """Return a name that others differ from in its middle only."""
    return f"customer-frontend-production-{number:04}.rack{number % 12:02}.frankfurt.datacenter.example.com"


def rollout(hosts: Sequence[str], serial: Sequence[Any], bad: Mapping[str, str], check_mode: bool = False) -> Any:
    """Return the results of a rollout that stops after the first wave with one of the ``bad`` hosts."""
    choose, run_log, now, begun = random.Random(1), RunLog(), 0.0, 0
    sizes = [len(hosts)] if check_mode else batch_sizes(serial, len(hosts))
    state = "finished"
    for number, size in enumerate(sizes):
        batch = hosts[begun : begun + size]
        begun += size
        run_log.expect(now, Batch("play", batch, [] if number else hosts, sizes))
        run_log.begin_wave()
        ways = (_way(choose, now + choose.random() * 3, host, bad, check_mode) for host in batch)
        steps = sorted((step for way in ways for step in way), key=lambda step: step[0])
        for when, host, module, result, back in steps:
            now = max(now, when)
            _tell(run_log, when, host, module, result, back, check_mode)
        failed = [host for host in batch if host in bad]
        now += 5
        if failed and not check_mode:
            state = "stopped"
            run_log.note_stop({**STOPPED, "msg": STOPPED["msg"].format(failed=len(failed))}, is_gate=True)
        run_log.end_wave(now)
        if state == "stopped":
            break
    if check_mode:
        waves = batch_sizes(serial, len(hosts))
        run_log.note_waves({"waves": len(waves), "msg": f"{len(hosts)} hosts would go in {len(waves)} waves."})
    setting = Setting(BEGIN, "kexec_upgrade.yml", check_mode, "controller.example.com")
    return document(run_log, setting, state, now)


def _tell(
    run_log: RunLog, when: float, host: str, module: str, result: dict[str, Any], back: bool, check_mode: bool
) -> None:
    if module == "jump":
        run_log.note_jump(when, host)
    elif module == "lost":
        run_log.note_lost(when, host)
    else:
        run_log.note_result(when, host, module, result, check_mode, back)


def _way(choose: random.Random, now: float, host: str, bad: Mapping[str, str], check_mode: bool) -> Iterator[Step]:
    """Yield what happens to a host, and when."""
    kind = bad.get(host)
    if kind == "refused":
        reasons = [{"code": "kexec_disabled", "message": "kexec is switched off."}]
        plan = {"action": "refuse", "reasons": reasons}
        yield now, host, "kexec_image", {"failed": True, "running": {"release": OLD}, "plan": plan}, False
        return
    if kind is None and choose.random() < 0.05:
        there = {"running": {"release": NEW}, "target": {"release": NEW}, "plan": {"action": "none", "promise": None}}
        yield now, host, "kexec_image", there, False
        if not check_mode:
            yield now + 1, host, "kexec_commit", {"changed": False}, False
        return
    yield now, host, "kexec_image", _staged(OLD, NEW, 1), False
    if not check_mode:
        yield from _jump(choose, now + 2, host, kind)


def _jump(choose: random.Random, now: float, host: str, kind: str | None) -> Iterator[Step]:
    outage = round(choose.lognormvariate(2.1, 0.25) * (1 if choose.random() < 0.995 else 9), 3)
    yield now, host, "jump", {}, False
    if kind == "lost":
        yield now + 240, host, "kexec_reboot", _judged("unreachable", OLD, NEW, 1, None), False
        return
    word = {"unhealthy": "unhealthy", "cold_boot": "cold_boot"}.get(kind or "", "handover_verified")
    now += 20 + outage
    yield now, host, "kexec_reboot", _judged(word, OLD, NEW, 1, outage), False
    if kind == "unhealthy":
        yield now + 4, host, "kexec_image", _staged(NEW, OLD, 2), True
        yield now + 6, host, "jump", {}, True
        yield now + 30, host, "kexec_reboot", _judged("handover_verified", NEW, OLD, 2, outage), True
        yield now + 31, host, "kexec_commit", {"changed": True}, True
    elif kind is None:
        yield now + 2, host, "kexec_commit", {"changed": True}, False


def _staged(left: str, to: str, count: int) -> dict[str, Any]:
    promise = {"release": to, "previous_release": left, "kexec_count": count}
    plan = {"action": "handover", "promise": promise, "warnings": []}
    return {"running": {"release": left}, "target": {"release": to}, "plan": plan}


def _judged(word: str, left: str, to: str, count: int, outage: float | None) -> dict[str, Any]:
    promise = {"release": to, "previous_release": left, "kexec_count": count}
    accepted = word == "handover_verified"
    verdict = {"verdict": word, "accepted": accepted, "reported": None if outage is None else promise}
    rebooted = None if word == "unreachable" else True
    told = {"promise": promise, "verdict": verdict, "outage_seconds": outage, "rebooted": rebooted}
    return {"failed": not accepted, **told}
