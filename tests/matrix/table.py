# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

COLUMNS = ("running", "target", "predicted", "seen", "")


class Row(Protocol):
    """What a table shows of a cell."""

    @property
    def running(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def predicted(self) -> str | None: ...
    @property
    def seen(self) -> str | None: ...
    @property
    def trouble(self) -> str | None: ...
    @property
    def agrees(self) -> bool: ...


def render(results: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table, then how many cells agree, and what stood in the way of others."""
    rows = [COLUMNS, *(_cells(result) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in (rows[0], tuple("-" * width for width in widths), *rows[1:]):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    yield f"{sum(result.agrees for result in results)} of {len(results)} agree"
    for result in results:
        if result.trouble:
            yield f"{result.running} -> {result.target}: {result.trouble}"


def _cells(result: Row) -> tuple[str, ...]:
    verdict = "agrees" if result.agrees else "could not be run" if result.trouble else "DISAGREES"
    return result.running, result.target, result.predicted or "-", result.seen or "-", verdict
