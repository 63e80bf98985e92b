# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results file of a host's soak: what was asked for, and a row for each jump, so another run can go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.files import (
    read_json,
    set_aside,
    unreadable,
    write_json,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.rows import Row, row_from

SCHEMA = 1
MOST_JUMPS = 1000
ALL_JUMPS, NOT_WELL, OUT_OF_TIME = "all_jumps", "not_well", "time_limit"
FILE = "soak.json"
NO_RELEASES = ("latest", "previous")


@dataclass(frozen=True)
class Soak:
    """A soak of one host: ``jumps`` in turns over ``targets``, begun at ``began`` (seconds since 1970).

    ``ended`` is None while it goes on, and after a run that died.
    """

    host: str
    jumps: int
    targets: tuple[str, ...]
    began: int
    rows: tuple[Row, ...] = ()
    ended: str | None = None

    @property
    def number(self) -> int:
        """The number of the next jump, counted from 1."""
        return len(self.rows) + 1

    @property
    def failures(self) -> int:
        """How many jumps were not well."""
        return sum(not row.well for row in self.rows)

    @property
    def is_well(self) -> bool:
        """Whether all jumps were made, and each was well."""
        return len(self.rows) == self.jumps and not self.failures

    def target(self, running: str | None) -> str:
        """What the role is told for the next jump: the kernel that runs is started anew."""
        wanted = self.targets[len(self.rows) % len(self.targets)]
        return "running" if wanted == running else wanted

    def with_row(self, row: Row, keep_going: bool) -> Soak:
        """The same soak after one more jump."""
        more = replace(self, rows=(*self.rows, row))
        if not row.well and not keep_going:
            return replace(more, ended=NOT_WELL)
        return replace(more, ended=ALL_JUMPS) if len(more.rows) >= self.jumps else more

    def as_dict(self) -> dict[str, Any]:
        """Return the soak as it is stored."""
        return {
            "schema": SCHEMA,
            "host": self.host,
            "jumps": self.jumps,
            "targets": list(self.targets),
            "began": self.began,
            "ended": self.ended,
            "rows": [row.as_dict() for row in self.rows],
        }


def asked_for(host: str, jumps: int, targets: Sequence[Any], now: int) -> Soak:
    """Return the soak that was asked for. Raises KhoError.

    Codes: ``soak_jumps_invalid``, ``soak_targets_empty``, ``soak_target_unfit``.
    """
    if not 1 <= jumps <= MOST_JUMPS:
        raise KhoError(
            "soak_jumps_invalid",
            f"kexec_soak_jumps is {jumps}, and a soak has 1 to {MOST_JUMPS} jumps. No host was touched. Correct it.",
        )
    names = tuple(str(target).strip() for target in targets)
    if not names or not all(names):
        raise KhoError(
            "soak_targets_empty",
            "kexec_soak_targets names no kernel, or an empty one, so there is nothing to jump to. No host was touched. "
            "Name releases that are installed, or `running` for the kernel that runs.",
        )
    unfit = [name for name in names if name in NO_RELEASES or set(name) & set("*?[")]
    if unfit:
        raise KhoError(
            "soak_target_unfit",
            f"kexec_soak_targets has {printable(', '.join(unfit))}. Which kernel that is changes from jump to jump, "
            "and as soon as it runs there is nothing to jump to. No host was touched. Name releases, or `running`.",
        )
    return Soak(host, jumps, names, now)


def resumed(folder: Path, wanted: Soak) -> Soak:
    """Return the soak that goes on in this folder, or the one that is wanted where none is unfinished.

    Results and evidence of one that has ended are kept beside, under their time. One that has made no jump is none.
    Raises KhoError ``soak_results_unreadable``,
    ``soak_results_differ`` or ``soak_results_unwritable``.
    """
    path = folder / FILE
    found = _read(path)
    if found is None or not found.rows:
        return wanted
    if found.ended in (ALL_JUMPS, NOT_WELL):
        set_aside(folder, path, "soak", found.began, "jump-*")
        return wanted
    if (found.host, found.jumps, found.targets) != (wanted.host, wanted.jumps, wanted.targets):
        raise KhoError(
            "soak_results_differ",
            f"{printable(str(path))} is of a soak that has not ended, of {found.jumps} jumps over "
            f"{printable(', '.join(found.targets))}, and {wanted.jumps} over {printable(', '.join(wanted.targets))} "
            "are wanted now. Nothing was done. Go on with the same, or move the file away to begin anew.",
        )
    return replace(found, ended=None)


def read(folder: Path) -> Soak:
    """Return the soak that goes on. Raises KhoError ``soak_results_unreadable``, also when there is none."""
    found = _read(folder / FILE)
    if found is None:
        raise unreadable(folder / FILE, "it is not there")
    return found


def write(folder: Path, soak: Soak) -> Path:
    """Store the soak; returns its file. Raises KhoError ``soak_results_unwritable``."""
    path = folder / FILE
    write_json(path, soak.as_dict())
    return path


def _read(path: Path) -> Soak | None:
    stored = read_json(path)
    if stored is None:
        return None
    try:
        return _soak(stored)
    except ValueError as error:
        raise unreadable(path, str(error)) from error


def _soak(stored: Any) -> Soak:
    if not isinstance(stored, Mapping) or stored.get("schema") != SCHEMA:
        raise ValueError(f"it is not of schema {SCHEMA}")
    host, jumps, targets, began = (stored.get(name) for name in ("host", "jumps", "targets", "began"))
    rows, ended = stored.get("rows"), stored.get("ended")
    if not isinstance(host, str) or not isinstance(jumps, int) or not isinstance(began, int):
        raise ValueError("it does not say which soak of which host it is of")
    if not isinstance(targets, list) or not isinstance(rows, list) or len(rows) > MOST_JUMPS:
        raise ValueError("it does not say which soak of which host it is of")
    if ended not in (None, ALL_JUMPS, NOT_WELL, OUT_OF_TIME):
        raise ValueError("it does not say how the soak ended")
    try:
        wanted = asked_for(host, jumps, targets, began)
    except KhoError as error:
        raise ValueError(error.message) from error
    return replace(wanted, rows=tuple(row_from(row) for row in rows), ended=ended)
