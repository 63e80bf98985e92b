# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one try of a bisection told: a cold boot of an origin, and a jump from it to the target. Pure.

Nothing of what the host's tasks returned is trusted. A try is an answer only where the chain before it is proven: the
origin ran from cold, and the target reports that it was executed from it, with the count 1. Of a target that did not
live, what was promised when it was loaded says the same of the kernel that was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.words import (
    COLD_BOOT,
    HANDOVER_VERIFIED,
    ROLLED_BACK,
    UNHEALTHY,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import at, text_or_none, whole_or_none
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.rows import symptoms_of

CRASH, HEALTH, COMMAND = "crash", "health", "command"
WELL, WRONG, NONE = "well", "wrong", "none"
INTERRUPTED, NOT_REACHED, NOT_PROVEN = "interrupted", "origin_not_reached", "chain_not_proven"
LOST, UNCLEAR, CANNOT_TELL = "host_lost", "health_not_known", "command_cannot_tell"
CRASHED, DIED, FAILED = "crashed", "crashed_later", "command_failed"
NO_ANSWER = {
    INTERRUPTED: "the run ended before it was judged",
    NOT_REACHED: "the origin did not come up from a cold boot",
    NOT_PROVEN: "it is not proven that the target was executed from the origin, as the first of its chain",
    LOST: "the host does not answer",
    UNCLEAR: "the health of the target could not be compared",
    CANNOT_TELL: "the command says that it cannot tell (125), or could not be run",
}
"""Why a try is no answer, in words."""
CANNOT = frozenset({125, 126, 127})
"""What a command ends with when it cannot tell, as for git bisect run, and what shells say of one that is not there."""


@dataclass(frozen=True)
class Try:
    """One try. ``number`` is counted from 1, ``origin`` is a release, ``answer`` is well, wrong or none.

    ``why`` is the code of what went wrong, or of why it is no answer. ``previous_release`` and ``kexec_count`` are what
    the target reported, None when it did not live; ``verdict`` is the jump's. None is not known.
    """

    number: int
    origin: str
    answer: str = NONE
    why: str | None = INTERRUPTED
    verdict: str | None = None
    previous_release: str | None = None
    kexec_count: int | None = None
    boot_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the try as it is stored."""
        return asdict(self)


@dataclass(frozen=True)
class Told:
    """What the tasks of one try returned, each of which may be missing.

    ``reached`` is ``kexec_upgrade_result`` of the cold boot, ``result`` of the jump, ``health`` what
    ``kernel_health_info`` returned last, ``status`` what the operator's command ended with.
    """

    reached: Any = None
    result: Any = None
    health: Any = None
    status: Any = None


def judged(number: int, origin: str, target: str, wrong: str, told: Told) -> Try:
    """Return the try. ``wrong`` is what counts: a crash, and with it the health, or what the command says."""
    reported = at(told.result, "reported")
    known = Try(
        number,
        origin,
        verdict=text_or_none(at(told.result, "verdict")),
        previous_release=text_or_none(at(reported, "previous_release")),
        kexec_count=whole_or_none(at(reported, "kexec_count")),
        boot_id=text_or_none(at(reported, "boot_id")),
    )
    answer, why = _answer(known, target, wrong, told)
    return Try(**{**known.as_dict(), "answer": answer, "why": why})


def _answer(known: Try, target: str, wrong: str, told: Told) -> tuple[str, str | None]:
    if not _is_at_origin(told.reached, known.origin):
        return NONE, NOT_REACHED
    if known.verdict is None:
        # What refused the jump, or LOST where nobody came back.
        return NONE, LOST if at(told.result, "code") is None else text_or_none(at(told.result, "code"))
    if not _is_from_origin(told, known.origin, target):
        return NONE, NOT_PROVEN
    if known.verdict == ROLLED_BACK:
        return WRONG, CRASHED
    if known.verdict not in (HANDOVER_VERIFIED, UNHEALTHY) or not _lived(known, told, target):
        return NONE, NOT_PROVEN
    return _of_the_living(known, wrong, told)


def _of_the_living(known: Try, wrong: str, told: Told) -> tuple[str, str | None]:
    now = text_or_none(at(told.health, "boot_id"))
    if now is None:
        return NONE, LOST
    if now != known.boot_id:
        return WRONG, DIED
    if wrong == HEALTH:
        return _by_health(known, symptoms_of(told.health))
    return _by_command(whole_or_none(told.status)) if wrong == COMMAND else (WELL, None)


def _by_health(known: Try, symptoms: tuple[str, ...] | None) -> tuple[str, str | None]:
    if symptoms or known.verdict == UNHEALTHY:
        return WRONG, symptoms[0] if symptoms else UNHEALTHY
    return (NONE, UNCLEAR) if symptoms is None else (WELL, None)


def _by_command(status: int | None) -> tuple[str, str | None]:
    if status is None or status in CANNOT:
        return NONE, CANNOT_TELL
    return (WRONG, FAILED) if status else (WELL, None)


def _is_at_origin(reached: Any, origin: str) -> bool:
    """Whether the origin ran, at the beginning of a chain."""
    found = [at(reached, "accepted"), at(reached, "verdict"), at(reached, "reported", "release")]
    return found == [True, COLD_BOOT, origin]


def _is_from_origin(told: Told, origin: str, target: str) -> bool:
    """Whether it was the boot of the origin that was left, and what it would hand over names it as the first."""
    promised = at(told.result, "promised")
    found = [at(promised, name) for name in ("release", "previous_release", "kexec_count")]
    return found == [target, origin, 1]


def _lived(known: Try, told: Told, target: str) -> bool:
    found = [at(told.result, "reported", "release"), known.previous_release, known.kexec_count]
    return found == [target, known.origin, 1]


def try_from(stored: Any) -> Try:
    """Return the try that was stored. Raises ValueError for anything else."""
    names = {one.name for one in fields(Try)}
    if not isinstance(stored, Mapping) or set(stored) != names:
        raise ValueError("a try does not have the keys of a try")
    if whole_or_none(stored["number"]) is None or stored["answer"] not in (WELL, WRONG, NONE):
        raise ValueError("a try does not say which it is, and what it told")
    if not isinstance(stored["origin"], str):
        raise ValueError("a try does not say from which origin it was")
    texts = {name: text_or_none(stored[name]) for name in ("why", "verdict", "previous_release", "boot_id")}
    return Try(
        number=stored["number"],
        origin=stored["origin"],
        answer=stored["answer"],
        kexec_count=whole_or_none(stored["kexec_count"]),
        **texts,
    )
