# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what modules return to the rows of the ledger. Pure.

A host wrote all of it: texts are bounded and reduced to printable ASCII, and what is not of the shape that the modules
return is refused (``history_invalid``, ``transition_invalid``) and never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import at
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptoms import Symptom, symptoms_of
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outcome import Results, outcome_of
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.measures import MEASURES

TRANSITION_INVALID = "transition_invalid"

Row = dict[str, Any]

BOOTS = frozenset({"cold", "kexec", "handover", "kdump", "unknown"})
ENDINGS = frozenset({"clean", "kexec", "crash", "power_loss", "unknown", "running"})
WAYS = frozenset({"handover", "kexec", "cold_boot"})

RELEASE_LIMIT = 64
"""Characters of a release (``__NEW_UTS_LEN``)."""
HOST_LIMIT = 253
"""Characters of a host's name (RFC 1035)."""
LINES_LIMIT, LINE_LIMIT = 16, 200
"""How many lines of evidence or frames of a crash are kept, and how many characters of each."""
CURSOR_LIMIT = 1024
MOST_COUNTED = 2**63 - 1
"""The largest whole number of both databases."""
CLOCK_SET = 946684800
"""1 January 2000 in seconds since 1970. What a host dates before was dated before its clock was set."""

_BOOT_ID = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
_SIGNATURE = re.compile(r"[0-9a-f]{8,64}")
_WORD = re.compile(r"[a-z_]{1,32}")


class NotOfThisShape(Exception):
    """Says which part of what was given is not as it must be."""


def rows_of_history(host: str, history: Any, now: int) -> tuple[list[Row], list[Row]]:
    """Return the rows of boots and crashes of a result of ``kexec_history_info``; ``now`` is in seconds since 1970.

    Raises LedgerError ``history_invalid``.
    """
    name = _host(host)
    try:
        boots = [_boot(name, given, now) for given in _list(history, "host_boots")]
        crashes = [_crash(name, given) for given in _list(history, "crashes")]
    except NotOfThisShape as found:
        raise _history_invalid(name, found) from found
    return boots, crashes


def symptoms_of_history(host: str, history: Any) -> dict[str, tuple[Symptom, ...]]:
    """Return the symptoms of each boot that was looked at, by its id. Raises LedgerError ``history_invalid``."""
    found: dict[str, tuple[Symptom, ...]] = {}
    try:
        for given in _list(history, "host_boots"):
            symptoms = symptoms_of(given.get("troubles"), NotOfThisShape)
            if symptoms is not None:
                found[_boot_id(_field(given, "boot_id"))] = symptoms
    except NotOfThisShape as error:
        raise _history_invalid(_host(host), error) from error
    return found


def _history_invalid(name: str, found: NotOfThisShape) -> LedgerError:
    return LedgerError(
        "history_invalid",
        f"The history of {name} is not of the shape that kexec_history_info returns: {found}. Nothing of it was "
        "imported, because half a history would be counted as a whole one. Pass its result unchanged.",
    )


def cursor_of(history: Mapping[str, Any]) -> str | None:
    """Return up to where the host's journal was read, None when the history does not say."""
    return _text(history.get("cursor"), CURSOR_LIMIT)


def row_of_transition(host: str, result: Any, now: int) -> Row | None:
    """Return the row of a transition from ``kexec_upgrade_result`` of the role, or from a result of ``kexec_reboot``.

    None when no kernel was left, so there is nothing to record. Raises LedgerError ``transition_invalid``.
    """
    name = _host(host)
    try:
        verdict = _field(result, "verdict")
        told = _told_by_module(result, verdict) if isinstance(verdict, Mapping) else _told_by_role(result)
        if told["verdict"] is None or told["boot_id_left"] is None:
            return None
        return _transition(name, told, now)
    except NotOfThisShape as found:
        raise LedgerError(
            TRANSITION_INVALID,
            f"What was to be recorded of {name} is neither kexec_upgrade_result of the role nor a result of "
            f"kexec_reboot: {found}. Nothing of it was recorded. Pass one of them unchanged.",
        ) from found


def rows_of_measures(host: str, told: Any) -> tuple[list[Row], list[Note]]:
    """Return the rows of what ``kexec_soak`` measured of a boot, and a note of what was left out.

    Nothing is known of a boot without a name. Raises LedgerError ``measures_invalid``.
    """
    name = _host(host)
    try:
        boot_id = _field(told, "boot_id")
        strange = sorted(str(key) for key in told if key != "boot_id" and key not in MEASURES)
        if strange:
            raise NotOfThisShape(f"{printable(repr(strange[0]), 60)} is none of {', '.join(MEASURES)}")
        given = {key: told[key] for key in MEASURES if told.get(key) is not None}
        if boot_id is None:
            return [], []
        key = {"host": name, "boot_id": _boot_id(boot_id)}
    except NotOfThisShape as found:
        raise LedgerError(
            "measures_invalid",
            f"What was measured on {name} is not of the shape that kexec_soak returns: {found}. Nothing of it was "
            "recorded. Pass its `measures` unchanged.",
        ) from found
    rows = [
        {**key, "measure": measure, "value": float(value)}
        for measure, value in given.items()
        if _is_plausible(value, MEASURES[measure].most)
    ]
    strange = [measure for measure in given if measure not in {row["measure"] for row in rows}]
    return rows, [_implausible(strange, given)] if strange else []


def _is_plausible(value: Any, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most


def _implausible(measures: list[str], given: Mapping[str, Any]) -> Note:
    said = ", ".join(f"{measure} is {printable(repr(given[measure]), 40)}" for measure in measures)
    return Note(
        "measure_implausible",
        f"What this host measured was left out of the ledger where it cannot be true: {said}. The fleet is not "
        "compared with it. Look at the host; if it measures something else, it tells what is not so.",
    )


def _told_by_module(result: Mapping[str, Any], verdict: Mapping[str, Any]) -> Row:
    evidence, outcome = _field(verdict, "evidence"), outcome_of(Results(transition=result))
    return {
        "boot_id_left": result.get("boot_id_before") or _field(evidence, "boot_id_left"),
        "boot_id_found": result.get("boot_id_after") or _field(evidence, "boot_id_found"),
        "promised": _field(verdict, "promised"),
        "from": outcome.left,
        "verdict": _field(verdict, "verdict"),
        "reason": verdict.get("reason"),
        "accepted": outcome.accepted,
        "outage_seconds": outcome.outage_seconds,
    }


def _told_by_role(result: Mapping[str, Any]) -> Row:
    reported = result.get("reported")
    return {
        "boot_id_left": _field(result, "boot_id_left"),
        "boot_id_found": _field(reported, "boot_id") if reported else None,
        "promised": _field(result, "promised"),
        "from": _field(result, "from"),
        "verdict": _field(result, "verdict"),
        "reason": None,
        "accepted": _field(result, "accepted"),
        "outage_seconds": result.get("outage_seconds"),
    }


def _boot(host: str, given: Any, now: int) -> Row:
    return {
        "host": host,
        "boot_id": _boot_id(_field(given, "boot_id")),
        "release": _text(given.get("release"), RELEASE_LIMIT),
        "previous_release": _text(given.get("previous_release"), RELEASE_LIMIT),
        "kexec_count": _count(given.get("kexec_count")),
        "boot": _word(given, "boot", BOOTS),
        "began": _seconds(given.get("begin")),
        "ended": _seconds(given.get("end")),
        "ending": _word(given, "ending", ENDINGS),
        "evidence": _lines(given.get("evidence")),
        "seen": now,
        # Earlier versions of the collection did not look.
        "looked": None if given.get("troubles") is None else True,
    }


def _crash(host: str, given: Any) -> Row:
    boot_id = None if _field(given, "boot_id") is None else _boot_id(given["boot_id"])
    at = _seconds(given.get("at"))
    source = given.get("source")
    return {
        "host": host,
        # Without its boot, a crash is known again by its time.
        "incident": boot_id or ("unknown" if at is None else str(at)),
        "signature": _matching(given, "signature", _SIGNATURE),
        # Earlier versions of the collection told none.
        "bug": None if given.get("bug") is None else _matching(given, "bug", _SIGNATURE),
        "boot_id": boot_id,
        "kind": _matching(given, "kind", _WORD),
        "fatal": _field(given, "fatal") is True,
        "at": at,
        "release": _text(given.get("release"), RELEASE_LIMIT),
        "previous_release": _text(given.get("previous_release"), RELEASE_LIMIT),
        "kexec_count": _count(given.get("kexec_count")),
        "frames": _lines(given.get("frames")),
        "source": _text(", ".join(map(str, source)) if isinstance(source, list) else source, LINE_LIMIT),
        "message": _text(given.get("message"), LINE_LIMIT),
    }


def _transition(host: str, told: Row, now: int) -> Row:
    promised, found, outage = told["promised"], told["boot_id_found"], told["outage_seconds"]
    return {
        "host": host,
        "boot_id_left": _boot_id(told["boot_id_left"]),
        "boot_id_found": _boot_id(found) if found else None,
        "how": _word(promised, "how", WAYS) if promised else None,
        "from_release": _text(at(promised, "previous_release") or told["from"], RELEASE_LIMIT),
        "to_release": _text(at(promised, "release"), RELEASE_LIMIT),
        "kexec_count": _count(at(promised, "kexec_count")),
        "verdict": _matching(told, "verdict", _WORD),
        "reason": None if told["reason"] is None else _matching(told, "reason", _WORD),
        "accepted": told["accepted"] is True,
        "outage_seconds": float(outage) if isinstance(outage, (int, float)) else None,
        "recorded": now,
    }


def _host(host: str) -> str:
    return printable(host, HOST_LIMIT)


def _field(given: Any, name: str) -> Any:
    if not isinstance(given, Mapping):
        raise NotOfThisShape(f"{printable(repr(given), 40)} is not a dictionary (it should have the key {name})")
    if name not in given:
        raise NotOfThisShape(f"the key {name} is missing")
    return given[name]


def _list(given: Any, name: str) -> list[Any]:
    values = _field(given, name)
    if not isinstance(values, list):
        raise NotOfThisShape(f"{name} is not a list")
    return values


def _matching(given: Any, name: str, pattern: re.Pattern[str]) -> str:
    value = _field(given, name)
    if isinstance(value, str) and pattern.fullmatch(value):
        return str(value)
    raise NotOfThisShape(f"{name} is {printable(repr(value), 60)}")


def _word(given: Any, name: str, words: frozenset[str]) -> str:
    value = _field(given, name)
    if isinstance(value, str) and value in words:
        return str(value)
    raise NotOfThisShape(f"{name} is {printable(repr(value), 60)}, and not one of {', '.join(sorted(words))}")


def _boot_id(value: Any) -> str:
    """Return a boot id as the kernel writes it; the journal leaves the hyphens out."""
    found = _BOOT_ID.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise NotOfThisShape(f"a boot id is {printable(repr(value), 60)}")
    return "-".join(found.groups())


def _text(value: Any, limit: int) -> str | None:
    return None if value is None else printable(str(value), limit)


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNTED:
        return int(value)
    raise NotOfThisShape(f"kexec_count is {printable(repr(value), 60)}")


def _seconds(value: Any) -> int | None:
    """Return a time in ISO 8601 as seconds since 1970; without a zone it is UTC."""
    if value is None:
        return None
    try:
        # Python 3.10 does not know "Z".
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())
    except (ValueError, OverflowError) as error:
        raise NotOfThisShape(f"a time is {printable(repr(value), 60)}") from error
    return seconds if seconds >= CLOCK_SET else None


def _lines(values: Any) -> str:
    """Return lines as the text of a JSON list."""
    if not isinstance(values, list):
        return "[]"
    return json.dumps([printable(str(value), LINE_LIMIT) for value in values[:LINES_LIMIT]])
