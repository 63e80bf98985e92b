# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger counts and the statistics start from. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Way(NamedTuple):
    """How a kernel came to run: the kind of boot (``cold``, ``kexec``, ``handover``) and the two releases.

    ``previous_release`` is known after a handover only.
    """

    boot: str
    previous_release: str | None
    release: str


@dataclass(frozen=True)
class Count:
    """Boots of one way with one ``kexec_count`` (None: unknown), how many of them crashed, and how long they ran.

    A boot has crashed when a crash ended it, or when evidence of a crash that its kernel died of, or was broken after,
    names it; it counts once.
    """

    way: Way
    kexec_count: int | None
    boots: int
    crashes: int
    hours: float


@dataclass(frozen=True)
class Signature:
    """A signature of one bug: its topmost frames, and the number of boots that it was seen in."""

    signature: str
    frames: tuple[str, ...]
    boots: int


@dataclass(frozen=True)
class Bug:
    """A bug that crashes come of after one way.

    Its kind, its topmost frames, the number of boots that it was seen in, and its leading signatures. Of crashes that
    were written before there were bugs (``old``), it is the signature of then, which is that of no newer one.
    """

    way: Way
    bug: str
    kind: str
    frames: tuple[str, ...]
    boots: int
    signatures: tuple[Signature, ...] = ()
    old: bool = False


@dataclass(frozen=True)
class FleetCounts:
    """All that is counted, as of one moment.

    ``worst_host`` has by way the crashed boots of that host that has most of them. ``not_compared`` are boots whose
    kind or release is unknown, and those of crash kernels; ``not_joined`` crashes whose boot is not in the ledger.
    """

    counts: tuple[Count, ...]
    bugs: tuple[Bug, ...] = ()
    worst_host: dict[Way, int] = field(default_factory=dict)
    boots: int = 0
    not_compared: int = 0
    not_joined: int = 0
