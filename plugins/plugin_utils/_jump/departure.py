# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that was told to leave by one task, and is waited for by another one of the same run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


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
    be asked directly, and ``detour`` says why. ``remote_files`` are directories on the host to be removed.
    """

    boot_id: str | None
    at: float
    answer_lost: bool
    promise: dict[str, Any] | None
    guarded_for: int | None
    port: Port | None
    detour: str | None
    remote_files: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it in the shape that a task returns."""
        return {**asdict(self), "remote_files": list(self.remote_files)}

    def gives_up(self, timeout: float, rollback_timeout: float) -> float:
        """Return until when (s) the host may come back: in time, or brought back by its guard."""
        guard = 0 if self.guarded_for is None else self.guarded_for + rollback_timeout
        return self.at + timeout + guard


def departure_from(told: Any) -> Departure:
    """Return what `Departure.as_dict` returned once. Raises DepartureError."""
    if not isinstance(told, Mapping):
        raise DepartureError(f"it is {type(told).__name__}, not a mapping")
    try:
        port, boot_id, guarded_for = told["port"], told["boot_id"], told["guarded_for"]
        return Departure(
            boot_id=None if boot_id is None else str(boot_id),
            at=float(told["at"]),
            answer_lost=bool(told["answer_lost"]),
            promise=None if told["promise"] is None else dict(told["promise"]),
            guarded_for=None if guarded_for is None else int(guarded_for),
            port=None if port is None else _port_from(port),
            detour=None if told["detour"] is None else str(told["detour"]),
            remote_files=tuple(str(path) for path in told["remote_files"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DepartureError(f"{type(error).__name__}: {error}") from error


def _port_from(told: Mapping[str, Any]) -> Port:
    return Port(str(told["address"]), int(told["port"]), float(told["connect_timeout"]))
