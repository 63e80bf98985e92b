# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gate says of symptoms, in sentences and as JSON can express it. Pure."""

from __future__ import annotations

from math import isinf
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.jumped_symptoms import Complaints
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_stakes import Standing
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_words import WORDS_SHOWN

SAID, NAMED = 3, 5
"""How many symptoms a message tells, and how many of the hosts of each."""
TOLD, HOSTS_TOLD = 20, 100
"""How many symptoms a result tells, and how many of the hosts of each."""


def complaint_sentences(told: Complaints) -> list[str]:
    """Return what is to be said of symptoms, those that speak most against the jump; one sentence where none does."""
    leading = [one for one in _ranked(told) if one.speaks and not _is_own(one, told)]
    if not leading:
        compared = f"{counted(told.compared, 'host')} that could be compared"
        return [f"No complaint of kernels is seen to come from the jump, on {compared}."]
    return [_sentence(one, told) for one in leading[:SAID]]


def complaints_as_list(told: Complaints) -> list[dict[str, Any]]:
    """Return the symptoms as JSON can express them, those that speak most against the jump first."""
    return [_as_dict(one, told) for one in _ranked(told)[:TOLD]]


def _ranked(told: Complaints) -> list[Standing]:
    return sorted(told.found, key=lambda one: (bool(_is_own(one, told)), -one.part * one.evidence, one.symptom))


def _is_own(one: Standing, told: Complaints) -> bool | None:
    """Return whether a symptom is the kernel's own, None when nobody asked, as it would not matter."""
    return None if told.own is None or not one.speaks else one.symptom in told.own


def _sentence(one: Standing, told: Complaints) -> str:
    name, (low, high) = told.names[one.symptom], one.with_itself.interval
    above = "any number of" if isinf(high) else f"{high:.2g}"
    itself, others = one.with_itself, one.with_others
    return (
        f"Of {counted(told.compared, 'host')} that jumped, {itself.after} complained of {name.trouble} "
        f"({name.words[:WORDS_SHOWN].rstrip('. ')}) after it and not before, and {itself.other} before and not after: "
        f"{low:.2g} to {above} times as often are possible. Beside others that waited in the same hours, it is "
        f"{others.after} to {others.other}. Hosts: {listed(one.hosts, NAMED)}."
    )


def _as_dict(one: Standing, told: Complaints) -> dict[str, Any]:
    name, (low, high) = told.names[one.symptom], one.with_itself.interval
    return {
        "symptom": one.symptom,
        "trouble": name.trouble,
        "words": name.words,
        "own": _is_own(one, told),
        "with_itself": one.with_itself._asdict(),
        "with_others": one.with_others._asdict(),
        "ratio_interval": [low, None if isinf(high) else high],
        "hosts": [*one.hosts[:HOSTS_TOLD]],
        "part": one.part,
        "evidence": one.evidence,
    }
