# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throws damaged answers of hosts at the controller's half, and stops at the first case that hurts.

    PYTHONPATH=build/collections:tests python3 tests/fuzz/answers.py --cases 16000 [--seed 7]

A case hurts when the half raises anything but its own error, when what it lets in holds more than is described, and
when those that use it (the jump, the outcome of a host, the recovery, the table of a rollout) raise anything at all.
The seed is printed, and the same seed gives the same cases.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from integration.attacks.connection.hostile import GOOD, NEW, OLD, PROMISE, VERDICT
from unit.plugins.plugin_utils.scripted import ScriptedClock, ScriptedHost

from ansible_collections.kho.kexec.plugins.plugin_utils._common.answers import ANSWERS, COMMON
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import (
    AnswerInvalid,
    printed_answer,
    understood,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import DepartureError, departure_from
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.jump import Jump, View
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outcome import Results, upgrade_result
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.recovery import Recovery
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.rollout import Rollout

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 10**9, 2**63, 10**400, 1.5, math.inf, -math.inf, math.nan),
    *("", "x", "\x1b[2J{{ 1 }}\n", "\ud800", "9" * 5000, [], [[]], {}, {"": {}}, [None], {"failed": True}),
)
EXTRA = ("ansible_facts", "add_host", "unreachable", "left", "_ansible_no_log", "results", "warnings", "host", "failed")
DEEP = '{"a":' * 3000


class Hurt(Exception):
    """What a case did."""


def damaged(rng: random.Random, value: Any, depth: int = 0) -> Any:
    """Return the value with something in it replaced, removed, or added."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        changed = dict(value)
        name = rng.choice(list(changed))
        action = rng.random()
        if action < 0.15:
            del changed[name]
        elif action < 0.3:
            changed[rng.choice(EXTRA)] = rng.choice(ODD)
        else:
            changed[name] = damaged(rng, changed[name], depth + 1)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.6:
        at = rng.randrange(len(value))
        return [*value[:at], damaged(rng, value[at], depth + 1), *value[at + 1 :]]
    return rng.choice(ODD)


def text_of(rng: random.Random, answer: Any) -> str:
    """Return what the host prints: mostly JSON."""
    text = json.dumps(answer)
    choice = rng.random()
    if choice < 0.05:
        return text[: rng.randrange(len(text) + 1)]
    if choice < 0.07:
        return DEEP
    if choice < 0.1:
        return text.replace("1", "1e400", 1)
    return f"motd {{}}\n{text}" if choice < 0.2 else text


def let_in(rng: random.Random, module: str, good: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the half lets in of a damaged answer, None when it is refused."""
    answer = {"changed": True, **good}
    for _round in range(rng.randrange(4)):
        answer = damaged(rng, answer)
    try:
        result = understood(module, printed_answer(text_of(rng, answer), ""))
    except AnswerInvalid as refusal:
        if not str(refusal).isprintable() or not str(refusal).isascii():
            raise Hurt(f"a message that is not printable: {refusal!r}") from refusal
        return None
    if set(result) - set(COMMON) - set(ANSWERS[module].fields) - {"warnings"}:
        raise Hurt(f"keys that are not described: {sorted(result)}")
    for found in leaves(result):
        if isinstance(found, float) and not math.isfinite(found):
            raise Hurt("a number that is not finite")
        if isinstance(found, str) and not (found.isascii() and found.replace("\n", "").isprintable()):
            raise Hurt(f"text that is not printable: {found!r}")
    return result


def leaves(value: Any) -> Iterator[Any]:
    """Yield all that is in a value, keys too."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def jump_of(rng: random.Random) -> dict[str, Any]:
    """Return what a whole jump with damaged answers returns."""
    host = ScriptedHost(ScriptedClock(), [(0, "old"), (3, "gone"), (20, "new")])
    leaves_with = let_in(rng, "kexec_reboot", {"promise": PROMISE, "already_left": False, "guard": None})
    arrives_with = let_in(rng, "kexec_reboot", {"verdict": VERDICT})
    host.leaves = [AnswerInvalid("x.") if leaves_with is None else leaves_with]
    host.arrives = [AnswerInvalid("x.") if arrives_with is None else arrives_with]
    view = View(host.banner, rollback_timeout=100)
    result: dict[str, Any] = Jump(host, Deadline(host.clock, 60), view, lambda _text: None).run()
    return result


def one_case(rng: random.Random) -> None:
    """Have one host answer badly, and everybody use what was let in."""
    image = let_in(rng, "kexec_image", GOOD["kexec_image"])
    commit = let_in(rng, "kexec_commit", GOOD["kexec_commit"]) or {}
    for module in ("kexec_guard", "kexec_plan_info", "kho_facts", "kexec_history_info", "kernel_health_info"):
        let_in(rng, module, GOOD[module])
    stage = image if image is not None else {"failed": True, "code": "answer_invalid", "msg": "x"}
    jump = jump_of(rng)
    results = Results(stage, transition=jump, commit=commit)
    upgrade_result("web1", results, {})
    recovery = Recovery(results, {"changed": True}, {}, "roll_back", jump)
    if "still runs the old kernel" in recovery.message and jump.get("rebooted") is not False:
        raise Hurt("it is said that the old kernel still runs, and nobody knows")
    rollout = Rollout()
    rollout.note_result("web1", "kexec_image", stage)
    rollout.note_result("web1", "kexec_reboot", jump)
    rollout.note_result("web1", "kexec_commit", commit)
    rollout.rows(["web1"], {})
    rollout.remedies()
    with suppress(DepartureError):
        departure_from(damaged(rng, {"boot_id": OLD, "at": 1.0, "port": {"address": NEW, "port": 22}}))


def main() -> int:
    """Run the cases; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=16_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    for number in range(options.cases):
        try:
            one_case(random.Random(f"{options.seed} {number}"))
        except Exception as error:
            print(f"case {number} hurts: {type(error).__name__}: {error}")
            raise
    print(f"{options.cases} cases, and none of them hurts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
