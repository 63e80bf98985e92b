# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host deserves attention, and how much. Pure.

Facts come from hosts, so nothing in them is taken to have the type that it should have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, printable

NOTES_LIMIT = 32
CODE_LIMIT = 40
MESSAGE_LIMIT = 400

SEVERITY: tuple[tuple[str, ...], ...] = (
    ("unreachable",),
    ("facts_failed", "facts_missing"),
    ("kdump_kernel",),
    # What was handed over, or what was known of the chain, is lost.
    (
        *("handover_refused", "kho_abi_mismatch", "handover_damaged", "handover_refused_unexplained"),
        *("metadata_damaged", "metadata_unsupported", "fdt_damaged"),
    ),
    ("crashkernel_lost", "live_update_failed"),
    ("sources_disagree", "loader_disagrees", "outgoing_record_unexpected", "systemd_disagrees"),
    ("image_staged",),
    ("kho_failed", "running_kho_off", "running_without_kho"),
    # What is unknown: first what is in the way, because that can be changed. Codes that are not known here follow.
    (
        *("root_missing", "log_denied", "debugfs_not_mounted", "lockdown", "debugfs_unreadable", "log_unreadable"),
        *("log_wrapped", "handover_unproven"),
    ),
    ("long_chain",),
)
"""Codes, those that deserve most attention first. Codes of one class deserve about the same."""

LOST = (*SEVERITY[0], *SEVERITY[1])
"""Codes of hosts that gave no facts."""
UNKNOWN_CLASS = len(SEVERITY) - 2
_CLASSES = {code: at for at, codes in enumerate(SEVERITY) for code in codes}
_ORDER = {code: at for at, code in enumerate(code for codes in SEVERITY for code in codes)}


def severity(code: str) -> int:
    """Return the class of a code in ``SEVERITY``; one that is not known counts as unknown."""
    return _CLASSES.get(code, UNKNOWN_CLASS)


def attention_of(result: Any, long_chain: int) -> tuple[Note, ...]:
    """Return why a host deserves attention, most important first; empty when it deserves none.

    ``result`` is what ``kho_facts`` returned for the host, None when it did not run there. Chains of more than
    ``long_chain`` handovers are long. What the host itself noted is bounded and reduced to printable ASCII.
    """
    notes = [*_lost(result), *_found(facts_of(result), long_chain)]
    return tuple(sorted(notes, key=lambda note: (severity(note.code), _ORDER.get(note.code, len(_ORDER)))))


def facts_of(result: Any) -> Mapping[str, Any]:
    """Return ``ansible_facts.kho`` of a result; empty when it holds none, or the host was lost."""
    if not isinstance(result, Mapping) or result.get("failed") or result.get("unreachable"):
        return {}
    gathered = result.get("ansible_facts")
    facts = gathered.get("kho") if isinstance(gathered, Mapping) else None
    return facts if isinstance(facts, Mapping) else {}


def _lost(result: Any) -> Iterator[Note]:
    """Say why there are no facts."""
    if not isinstance(result, Mapping):
        yield Note("facts_missing", "No facts were gathered from this host: the task did not run there.")
    elif result.get("unreachable"):
        yield Note("unreachable", "Ansible could not reach this host: " + _text(result.get("msg"), MESSAGE_LIMIT))
    elif result.get("failed"):
        yield Note("facts_failed", "kho_facts failed on this host: " + _text(result.get("msg"), MESSAGE_LIMIT))
    elif not facts_of(result):
        yield Note("facts_missing", "The task ended well on this host and brought no facts: it was not kho_facts.")


def _found(facts: Mapping[str, Any], long_chain: int) -> Iterator[Note]:
    """Yield what the host noted, and what its operator should know besides."""
    notes = facts.get("notes")
    for noted in notes[:NOTES_LIMIT] if isinstance(notes, Sequence) and not isinstance(notes, (str, bytes)) else ():
        if isinstance(noted, Mapping) and noted.get("code"):
            yield Note(_text(noted["code"], CODE_LIMIT), _text(noted.get("message"), MESSAGE_LIMIT))
    if facts.get("image_loaded") is True:
        yield Note("image_staged", "A kernel is staged: a plain reboot of this host would start it.")
    count = facts.get("kexec_count")
    if isinstance(count, int) and count > long_chain:
        yield Note(
            "long_chain", f"{counted(count, 'handover')} since the last cold boot, which is more than {long_chain}."
        )


def _text(value: Any, limit: int) -> str:
    return printable(str(value), limit)
