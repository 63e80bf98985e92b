# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boots of a guest, told from outside: by its serial console and by QEMU's events.

A cold boot resets the machine and QEMU says so; a kexec does not. That is what makes this history a proof that owes
nothing to the code under test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from lab.console import plain_text
from lab.events import Event

Cause = Literal["power_on", "reset", "kexec"]

# The first line of every kernel.
_BANNER = re.compile(rb"\[ {4}0\.000000\] Linux version (\S{1,128})")
# The last line before a jump that was asked for (kernel/kexec_core.c, kernel_kexec()).
_JUMP = re.compile(rb"\[ *\d+\.\d{6}\] kexec_core: Starting new kernel")
# What is said before a jump into a crash kernel, which itself is not announced (kernel/crash_core.c, kernel/panic.c).
_CRASH = re.compile(rb"\[ *\d+\.\d{6}\] (?:Kernel panic - not syncing|Oops: )")
# What the kernel says of the handover (kernel/liveupdate/, arch/x86/kernel/setup.c); "luo" is the live update on top.
_KHO_LINE = re.compile(rb"\[ *\d+\.\d{6}\] ((?:KHO: |Passed KHO data|luo: )[^\r\n]{1,300})")


@dataclass(frozen=True)
class Boot:
    """One start of a kernel, or of the firmware when no kernel followed.

    `release` is None when no kernel's first line was seen. `cause` is what started it. `reason` is QEMU's reason for
    the reset (guest-reset, host-qmp-system-reset, ...). `watchdog`: the hardware watchdog caused that reset. `kho` are
    the kernel's lines about the handover. `offset` is where it begins in the console log, in bytes.
    """

    cause: Cause
    release: str | None
    reason: str | None
    watchdog: bool
    kho: tuple[str, ...]
    offset: int

    def as_dict(self) -> dict[str, object]:
        """The boot in JSON's types."""
        return asdict(self)

    def __str__(self) -> str:
        how = "reset by the watchdog" if self.watchdog else self.cause
        detail = f" ({self.reason})" if self.reason else ""
        lines = "".join(f"\n    {line}" for line in self.kho)
        return f"{how}{detail}: {self.release or 'no kernel seen'}{lines}"


@dataclass(frozen=True)
class _Start:
    """Where a boot begins, before its lines are known."""

    cause: Cause
    offset: int
    release: str | None = None
    reason: str | None = None
    watchdog: bool = False


def boots(console: bytes, events: Sequence[Event]) -> list[Boot]:
    """Every boot since the guest was switched on, oldest first; the first is always the `power_on`."""
    starts = list(_starts(console, events))
    ends = [start.offset for start in starts[1:]] + [len(console)]
    return [
        Boot(
            cause=start.cause,
            release=start.release,
            reason=start.reason,
            watchdog=start.watchdog,
            # Each once: a log that is printed again says nothing new.
            kho=tuple(dict.fromkeys(plain_text(line) for line in _KHO_LINE.findall(console, start.offset, end))),
            offset=start.offset,
        )
        for start, end in zip(starts, ends, strict=True)
    ]


def _starts(console: bytes, events: Sequence[Event]) -> Iterator[_Start]:
    current = _Start("power_on", 0)
    for seen in sorted([*_resets(events), *_jumps(console), *_banners(console)], key=lambda start: start.offset):
        if seen.release is not None and current.release is None:
            # The kernel that the power-on, the reset or the jump led to.
            current = replace(current, release=seen.release)
        elif seen.release is None or _CRASH.search(console, current.offset, seen.offset):
            yield current
            current = seen
        # Else somebody printed the kernel log once more: that is no boot.
    yield current


def _banners(console: bytes) -> Iterator[_Start]:
    for found in _BANNER.finditer(console):
        yield _Start("kexec", found.start(), release=plain_text(found[1]))


def _jumps(console: bytes) -> Iterator[_Start]:
    for found in _JUMP.finditer(console):
        yield _Start("kexec", found.end())


def _resets(events: Sequence[Event]) -> Iterator[_Start]:
    watchdog = False
    for event in events:
        if event.event == "WATCHDOG":
            watchdog = True
        elif event.event == "RESET":
            reason = event.data.get("reason")
            yield _Start("reset", event.console_offset, reason=str(reason) if reason else None, watchdog=watchdog)
            watchdog = False
