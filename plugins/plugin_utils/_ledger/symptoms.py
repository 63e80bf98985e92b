# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the troubles of a history's boots to rows of the ledger: bounded, and under no false name. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import TROUBLE_CODES

SYMPTOMS_OF_BOOT, SYMPTOMS_OF_HOST = 20, 200
"""How many different symptoms of one boot are taken, and of one host, for all time."""
WORDS_LIMIT = 300
DIGITS = 16

Row = dict[str, Any]


class Symptom(NamedTuple):
    """A trouble of a boot: its stable name, and what stays the same when the kernel says it again."""

    trouble: str
    words: str

    @property
    def name(self) -> str:
        """16 hexadecimal digits, made here, so no host can give another meaning to a name."""
        return sha256(f"{self.trouble}\n{self.words}".encode()).hexdigest()[:DIGITS]


class TakenSymptoms(NamedTuple):
    """Rows of symptoms and of their names, how many were ``left_out``, and what is to be said of that."""

    symptoms: list[Row]
    names: list[Row]
    left_out: int
    notes: list[Note]


def symptoms_of(told: Any, refuse: Callable[[str], Exception]) -> tuple[Symptom, ...] | None:
    """Return the ``troubles`` of a boot, the first ones; None when nobody looked for them.

    ``refuse`` makes the error for what is not of the shape that ``kexec_history_info`` returns.
    """
    if told is None:
        return None
    if not isinstance(told, list):
        raise refuse("troubles is not a list")
    found: dict[Symptom, None] = {}
    for one in told[:SYMPTOMS_OF_BOOT]:
        code, words = (one.get(name) if isinstance(one, Mapping) else None for name in ("code", "signature"))
        if not isinstance(code, str) or code not in TROUBLE_CODES or not isinstance(words, str):
            raise refuse(f"a trouble is {printable(repr(one), 60)}")
        found[Symptom(code, printable(words, WORDS_LIMIT))] = None
    return tuple(found)


def take_symptoms(
    told: Mapping[str, Sequence[Symptom]], host: str, boots: Collection[str], known: Collection[str]
) -> TakenSymptoms:
    """Take the symptoms of the ``boots`` that were taken; ``known`` are the names of those that the host had before."""
    seen = set(known)
    rows: list[Row] = []
    names: dict[str, Row] = {}
    left_out = 0
    for boot_id, symptoms in told.items():
        if boot_id not in boots:
            continue
        for symptom in symptoms:
            name = symptom.name
            if name not in seen and len(seen) >= SYMPTOMS_OF_HOST:
                left_out += 1
                continue
            seen.add(name)
            rows.append({"host": host, "boot_id": boot_id, "symptom": name})
            names[name] = {"symptom": name, **symptom._asdict()}
    # In one order: controllers that import at once would each wait for the other.
    ordered = [names[name] for name in sorted(names)]
    return TakenSymptoms(rows, ordered, left_out, [_excess(left_out)] if left_out else [])


def _excess(left_out: int) -> Note:
    return Note(
        "history_too_large",
        f"The kernels of this host complained about more than {SYMPTOMS_OF_HOST} different things, and {left_out} of "
        "them were left out of the ledger. One host must not outweigh the fleet. Look at its kernel's log; if it does "
        "not say so, the host tells what is not so.",
    )
