# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a guard ends before its time: it is disarmed, wherever its parts were put."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._guard.files import SERVICE, TIMER, places
from ansible_collections.kho.kexec.plugins.module_utils._guard.record import (
    ARMED,
    FIRED,
    RECORD_PATH,
    GuardRecord,
    read_guard,
)
from ansible_collections.kho.kexec.plugins.module_utils._guard.watchdog import set_kexec_watchdog
from ansible_collections.kho.kexec.plugins.module_utils._host.access import require_access
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import BOOT_ID, OSRELEASE

SYSTEMD = "/run/systemd/system"  # sd_booted(3)
_SYSTEMCTL_TIMEOUT = 60.0
_LINE = regex(r"[!-~]{1,64}")


class Boot(NamedTuple):
    """The boot that runs now."""

    boot_id: str
    release: str


@timed("writing")
def disarm(host: Host, check_mode: bool) -> dict[str, Any]:
    """Confirm the running kernel, or take the guard back; returns what the module returns.

    The record of a guard that has ended stays, and a note tells of one that has fired. Raises KhoError ``guard_fired``
    when the guard was faster and is just cold-booting the host, and ``guard_unreadable``; Refusal ``container``,
    ``not_root``, ``running_unknown``; and HostError.
    """
    require_access(host)
    boot = running_boot(host)
    before = read_guard(host)
    if before is not None and before.fired_boot_id == boot.boot_id:
        raise fired(before)
    is_armed = before is not None and before.state == ARMED
    changed = is_anything_there(host, before)
    if changed and not check_mode:
        take_down(host, before, boot)
    notes = [_fired_before(before).as_dict()] if before is not None and before.state == FIRED else []
    return {**result_of(changed, before, None if is_armed else before), "armed": False, "notes": notes}


def result_of(changed: bool, before: GuardRecord | None, after: GuardRecord | None) -> dict[str, Any]:
    """What arming and disarming return alike; ``before`` and ``after`` are the guard's records."""
    return {
        "changed": changed,
        "guard": after.as_dict() if after else None,
        "returns_to": None,
        "watchdog": None,
        "phases": [],
        "diff": {"before": before.as_dict() if before else {}, "after": after.as_dict() if after else {}},
    }


def running_boot(host: Host) -> Boot:
    """The boot id and the release, exactly as the guard's program will read them."""
    boot_id, release = (host.read_text(path, 256).rstrip("\n") for path in (BOOT_ID, OSRELEASE))
    if not (_LINE.fullmatch(boot_id) and _LINE.fullmatch(release)):
        raise Refusal(
            "running_unknown",
            f"The running release ({printable(release)!r}) or the boot id ({printable(boot_id)!r}) is not what a "
            "kernel reports, and a guard could not tell the boots from each other. Find out what is in the "
            f"way of {OSRELEASE} and {BOOT_ID}.",
        )
    return Boot(boot_id, release)


def is_anything_there(host: Host, before: GuardRecord | None) -> bool:
    """Whether a guard is armed, or whether arming or disarming one was killed before the end."""
    is_armed = before is not None and before.state == ARMED
    return is_armed or any(host.exists(path) for place in places() for path in place.all)


def take_down(host: Host, before: GuardRecord | None, boot: Boot) -> None:
    """Take the token from the guard, then all the rest. Raises KhoError ``guard_fired`` when it has taken it itself."""
    taken = [place for place in places() if host.remove(place.token)]
    is_of_this_boot = before is not None and before.armed_boot_id == boot.boot_id
    if not taken and not is_of_this_boot and _is_running(host):
        raise fired(before)
    if host.exists(SYSTEMD):
        # Without its token, the guard does nothing when it is started, so it does not matter how this ends.
        host.run(["systemctl", "stop", TIMER, SERVICE], _SYSTEMCTL_TIMEOUT)
    for path in (path for place in places() for path in place.others):
        host.remove(path)
    if host.exists(SYSTEMD):
        host.run(["systemctl", "daemon-reload"], _SYSTEMCTL_TIMEOUT)
    if before is None or before.state != ARMED:
        return
    if is_of_this_boot and before.watchdog_before_usec is not None:
        # When that fails, systemd has forgotten it with the next boot at the latest.
        set_kexec_watchdog(host, before.watchdog_before_usec)
    host.remove(RECORD_PATH)


def _is_running(host: Host) -> bool:
    """Whether the guard is at work: from the moment when it takes the token, until the host is down."""
    return host.run(["systemctl", "is-active", SERVICE], _SYSTEMCTL_TIMEOUT).stdout.strip() == "activating"


def fired(record: GuardRecord | None) -> KhoError:
    """What to raise when the guard was faster."""
    left = record.left_release if record else "an unknown release"
    return KhoError(
        "guard_fired",
        f"The guard that was armed in {printable(left)} has fired in this boot: nobody had confirmed the kernel in "
        "time, and the host is being cold-booted now. It is too late to disarm the guard, and what is confirmed now "
        "would not stay. Wait until the host is back, and check which kernel runs.",
        {"guard": record.as_dict() if record else None},
    )


def _fired_before(record: GuardRecord) -> Note:
    return Note(
        "guard_has_fired",
        f"The last guard fired at {record.fired_at} (the host's time) in {record.fired_release}, which nobody had "
        f"confirmed within {record.confirm_timeout} s. There is nothing to disarm. Look in the journal of that boot "
        "for the reason why nobody could reach it.",
    )
