# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet at a glance: a row for each host, what deserves attention first, and counts. Pure; linear in the hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.table import CELL_LIMIT, render_table
from ansible_collections.kho.kexec.plugins.plugin_utils._fleet.attention import LOST, attention_of, facts_of, severity

HEADER = ("host", "release", "boot", "previous release", "count", "staged", "attention")
COUNT_COLUMN = 4
UNKNOWN = "-"
TEXT_LIMIT = 64
"""Characters of a release; the kernel allows 64 (``__NEW_UTS_LEN``)."""
KINDS_SHOWN = 8
"""How many kinds a line of the summary names."""


@dataclass(frozen=True)
class Row:
    """What is known of one host. None means unknown; all text but ``host`` is printable ASCII."""

    host: str
    release: str | None
    boot: str | None
    previous_release: str | None
    kexec_count: int | None
    image_loaded: bool | None
    attention: tuple[Note, ...]

    @property
    def is_lost(self) -> bool:
        """Whether the host gave no facts."""
        return any(note.code in LOST for note in self.attention)

    def as_dict(self) -> dict[str, Any]:
        """Return the row in the shape that the plugin returns."""
        return {**vars(self), "attention": [note.as_dict() for note in self.attention]}

    def cells(self) -> tuple[str, ...]:
        """Return what the table shows; ``HEADER`` names the columns."""
        staged = UNKNOWN if self.image_loaded is None else "yes" if self.image_loaded else "no"
        return (
            self.host,
            self.release or UNKNOWN,
            self.boot or UNKNOWN,
            self.previous_release or UNKNOWN,
            UNKNOWN if self.kexec_count is None else str(self.kexec_count),
            staged,
            _codes_that_fit([note.code for note in self.attention]),
        )


def rows_of(results: Iterable[tuple[str, Any]], long_chain: int) -> list[Row]:
    """Return the rows of all hosts: those that deserve most attention first, like beside like, else in their order.

    ``results`` are pairs of a host's name and what ``kho_facts`` returned for it, None when it did not run there.
    """
    rows = [_row(host, result, long_chain) for host, result in results]
    return sorted(rows, key=_urgency)


def counts_of(rows: Sequence[Row]) -> dict[str, Any]:
    """Return how many hosts there are, and how many of each kind, most frequent first."""
    return {
        "hosts": len(rows),
        "attention": _counted(("code",), [(note.code,) for row in rows for note in row.attention]),
        "boot": _counted(("boot",), [(row.boot,) for row in rows if row.boot]),
        "transition": _counted(
            ("previous_release", "release"),
            [(row.previous_release, row.release) for row in rows if row.previous_release and row.release],
        ),
        "chain": _counted(("kexec_count",), [(row.kexec_count,) for row in rows if row.kexec_count is not None]),
    }


def render_fleet(rows: Sequence[Row], only_attention: bool) -> list[str]:
    """Return the lines of the table and of the summary below it."""
    shown = [row for row in rows if row.attention or not only_attention]
    table = render_table(HEADER, [row.cells() for row in shown], ascii_only=True, right=frozenset({COUNT_COLUMN}))
    return [*(table if shown else []), *([""] if shown else []), *_summary(rows)]


def _summary(rows: Sequence[Row]) -> list[str]:
    counts = counts_of(rows)
    deserving = sum(1 for row in rows if row.attention)
    lines = [
        ("hosts", f"{len(rows)}, of which {deserving} {'deserves' if deserving == 1 else 'deserve'} attention"),
        ("attention", _shown(counts["attention"], "{code}: {hosts}")),
        ("boot", _shown(counts["boot"], "{boot}: {hosts}")),
        ("transition", _shown(counts["transition"], "{previous_release} -> {release}: {hosts}")),
        ("chain length", _shown(counts["chain"], "{kexec_count}: {hosts}")),
    ]
    return [f"{label:12}  {text}" for label, text in lines if text]


def _shown(kinds: Sequence[Mapping[str, Any]], form: str) -> str:
    words = [form.format_map(kind) for kind in kinds[:KINDS_SHOWN]]
    others = sum(kind["hosts"] for kind in kinds[KINDS_SHOWN:])
    return ", ".join([*words, *([f"others: {others}"] if others else [])])


def _row(host: str, result: Any, long_chain: int) -> Row:
    facts = facts_of(result)
    count, loaded = facts.get("kexec_count"), facts.get("image_loaded")
    return Row(
        host=host,
        release=_text(facts.get("release")),
        boot=_text(facts.get("boot")),
        previous_release=_text(facts.get("previous_release")),
        kexec_count=count if isinstance(count, int) else None,
        image_loaded=loaded if isinstance(loaded, bool) else None,
        attention=attention_of(result, long_chain),
    )


def _urgency(row: Row) -> tuple[bool, int, tuple[str, ...]]:
    codes = tuple(note.code for note in row.attention)
    return not codes, severity(codes[0]) if codes else 0, codes


def _counted(names: Sequence[str], kinds: Iterable[tuple[Hashable, ...]]) -> list[dict[str, Any]]:
    """Count equal kinds; each becomes a dictionary with its parts by ``names`` and the number of ``hosts``."""
    return [{**dict(zip(names, kind, strict=True)), "hosts": hosts} for kind, hosts in Counter(kinds).most_common()]


def _codes_that_fit(codes: Sequence[str]) -> str:
    """Join codes until the cell is full, and say how many are left out."""
    for left_out in range(len(codes)):
        kept = ", ".join(codes[: len(codes) - left_out]) + (f" +{left_out}" if left_out else "")
        if len(kept) <= CELL_LIMIT:
            return kept
    return codes[0] if codes else ""


def _text(value: Any) -> str | None:
    return None if value is None else printable(str(value), TEXT_LIMIT)
