# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging a host's health: against what, for how long, and with which checks of the operator's own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._health.baseline import read_baseline
from ansible_collections.kho.kexec.plugins.module_utils._health.compare import Comparison, OwnComplaints, compare_health
from ansible_collections.kho.kexec.plugins.module_utils._health.log import PATTERNS
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import Health, observe_health
from ansible_collections.kho.kexec.plugins.module_utils._health.troubles import Trouble, trouble
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import BOOT_ID

# Seconds between two looks.
INTERVAL = 5.0
# What a host that has just booted may still bring: drivers probe, links come up, disks are found, kdump starts.
MAY_COME = frozenset(
    (
        "device_lost",
        "driver_lost",
        "link_lost",
        "link_down",
        "disk_lost",
        "disk_path_lost",
        "partition_lost",
        "crash_image_lost",
    )
)

COMPLAINED_ABOUT = frozenset(what for what, _pattern in PATTERNS)


class Baseline(NamedTuple):
    """What to compare with: the boot in which it was observed, and the health; both None when there is none."""

    boot_id: Optional[str]
    health: Optional[Health]
    notes: Tuple[Note, ...] = ()


class Checks(NamedTuple):
    """What is asked for: codes that are no trouble, the operator's commands, and times in seconds.

    ``settle``: how long something that is missing gets to appear; ``soak``: how long a healthy host is watched.
    ``own_troubles`` is what kernels complain about after cold boots of the fleet, as the ledger tells it.
    """

    ignored: Tuple[str, ...] = ()
    commands: Tuple[Tuple[str, ...], ...] = ()
    command_timeout: float = 30.0
    settle: float = 0.0
    soak: float = 0.0
    own_troubles: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Clock:
    """Time: seconds that never go back, and a way to wait."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Outcome(NamedTuple):
    """The last observation, what it was found to mean, and how long the host was watched in seconds."""

    health: Health
    comparison: Comparison
    watched: float


def staged_baseline(host: Host) -> Baseline:
    """Return the baseline that is stored on the host. Raises Refusal ``baseline_unreadable``."""
    stored = read_baseline(host)
    if stored is None:
        return Baseline(None, None)
    boot_id, health = stored
    if boot_id != boot_id_of(host):
        return Baseline(boot_id, health)
    message = "The host is still in the boot in which its baseline was observed: there was no transition since."
    return Baseline(boot_id, health, (Note("baseline_of_this_boot", message),))


def nobody_knows() -> Optional[OwnComplaints]:
    """Return what this kernel complains about after cold boots, where nobody knows."""
    return None


@timed("health")
def check_health(
    host: Host,
    before: Optional[Health],
    checks: Checks,
    clock: Clock = Clock(),
    own: Callable[[], Optional[OwnComplaints]] = nobody_knows,
) -> Outcome:
    """Watch the host until a trouble counts or the time is over, then run the commands.

    ``own`` tells what this kernel complains about after cold boots. It is asked once, and only when there is any
    trouble that counts and that the kernel complained about.
    """
    started = clock.now()
    known: Optional[OwnComplaints] = None
    asked = False
    while True:
        health = observe_health(host)
        comparison = compare_health(before, health, known).without(checks.ignored)
        if not asked and not COMPLAINED_ABOUT.isdisjoint(comparison.new_codes):
            known, asked = own(), True
            comparison = compare_health(before, health, known).without(checks.ignored)
        watched = clock.now() - started
        left = _watch_for(comparison, checks) - watched
        if left <= 0:
            break
        clock.sleep(min(INTERVAL, left))
    failed = comparison.with_troubles(tuple(_failed(host, checks))).without(checks.ignored)
    return Outcome(health, failed, watched)


def _watch_for(comparison: Comparison, checks: Checks) -> float:
    """Return for how many seconds, from the start, the host is watched, as it looks now."""
    codes = comparison.new_codes
    if not codes:
        return checks.soak
    return checks.settle if MAY_COME.issuperset(codes) else 0.0


def _failed(host: Host, checks: Checks) -> Iterator[Trouble]:
    """Run the operator's commands, one after the other, and tell of those that fail."""
    for command in checks.commands:
        how = _how_it_failed(host, command, checks.command_timeout)
        if how:
            yield trouble("command_failed", f"{' '.join(command)[:120]}: {how}")


def _how_it_failed(host: Host, command: Sequence[str], timeout: float) -> str:
    """Return how the command failed, with the last line that it wrote; empty when it did not."""
    try:
        done = host.run(command, timeout=timeout)
    except HostError as error:
        return str(error)
    if done.rc == 0:
        return ""
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return f"exit code {done.rc}" + (f", {said[-1][:150]}" if said else "")


def boot_id_of(host: Host) -> Optional[str]:
    """Return the id of the boot that the host is in (random(4)); None when it cannot be read."""
    return line_of(host, BOOT_ID)
