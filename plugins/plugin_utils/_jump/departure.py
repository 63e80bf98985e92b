# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that was told to leave by one task, and is waited for by another one of the same run. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.answers import (
    FLAG,
    LONGEST_GUARD,
    NUMBER,
    PROMISE,
    TEXT,
    TEXTS,
    WORD,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._common.shapes import NotUnderstood, Record, Whole


class DepartureError(ValueError):
    """This is not what a task returned that told a host to leave."""


@dataclass(frozen=True)
class Port:
    """An SSH port that answered before the jump; ``connect_timeout`` in seconds."""

    address: str
    port: int
    connect_timeout: float


@dataclass(frozen=True)
class Departure:
    """What is known of a host that was told to leave.

    ``boot_id`` is the boot that it was to leave, None when it had left before. ``at`` is when that answered last (s, of
    the controller's monotonic clock). ``answer_lost``: nobody knows whether the host heard of it. ``guarded_for`` are
    the seconds after which a guard gives the target up, None when there is none. ``port`` is None where the port cannot
    be asked directly, and ``detour`` says why; ``through``: it can be asked through ssh's jump hosts. ``remote_files``
    are directories on the host to be removed.
    """

    boot_id: str | None
    at: float
    answer_lost: bool
    promise: dict[str, Any] | None
    guarded_for: int | None
    port: Port | None
    detour: str | None
    remote_files: tuple[str, ...] = ()
    through: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it in the shape that a task returns."""
        return {**asdict(self), "remote_files": list(self.remote_files)}

    def gives_up(self, timeout: float, rollback_timeout: float) -> float:
        """Return until when (s) the host may come back: in time, or brought back by its guard."""
        guard = 0 if self.guarded_for is None else self.guarded_for + rollback_timeout
        return self.at + timeout + guard


_SHAPE = Record(
    {
        "boot_id": WORD,
        "at": NUMBER,
        "answer_lost": FLAG,
        "promise": PROMISE,
        "guarded_for": Whole(0, LONGEST_GUARD),
        "port": Record(
            {"address": WORD, "port": Whole(1, 65535), "connect_timeout": NUMBER},
            needed=("address", "port", "connect_timeout"),
        ),
        "detour": TEXT,
        "remote_files": TEXTS,
        "through": FLAG,
    },
    needed=("at", "answer_lost", "remote_files", "through"),
)


def departure_from(told: Any) -> Departure:
    """Return what `Departure.as_dict` returned once. Raises DepartureError."""
    try:
        given = _SHAPE.build(told)
        missing = [name for name in _SHAPE.fields if name not in given]
        if missing:
            raise NotUnderstood("is missing", missing[0])
    except NotUnderstood as trouble:
        raise DepartureError(f"{trouble.path or 'it'} {trouble.why}") from trouble
    port = None if given["port"] is None else Port(**given["port"])
    return Departure(**{**given, "port": port, "remote_files": tuple(given["remote_files"])})
