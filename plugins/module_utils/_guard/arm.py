# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard: what brings a host back to its old kernel when nobody confirms the new one in time.

It is armed in the boot that is to be left. In every later boot, systemd starts its timer, and when that elapses, the
guard ends: it cold-boots the host, or does nothing when the release that was left runs again. It ends once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default import boot_default_of
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import BootDefault
from ansible_collections.kho.kexec.plugins.module_utils._guard.disarm import (
    SYSTEMD,
    Boot,
    fired,
    is_anything_there,
    result_of,
    running_boot,
    take_down,
)
from ansible_collections.kho.kexec.plugins.module_utils._guard.files import GuardFiles, choose_place, contents, places
from ansible_collections.kho.kexec.plugins.module_utils._guard.record import (
    ARMED,
    ENDED_PATH,
    GuardRecord,
    read_guard,
    write_guard,
)
from ansible_collections.kho.kexec.plugins.module_utils._guard.watchdog import (
    Watchdog,
    is_worth_setting,
    observe_watchdog,
    phases,
    set_kexec_watchdog,
    watchdog_problem,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.access import require_access
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import read_transition

SHORTEST, LONGEST = 30, 86400
_IGNORE, _REQUIRE = "ignore", "require"


@dataclass(frozen=True)
class GuardSettings:
    """What is wanted of a guard.

    ``confirm_timeout``: seconds from the start of the new boot. ``required``: whether a host that can have no guard is
    refused. ``watchdog``: ``ignore``, ``prefer`` or ``require``. ``watchdog_timeout``: seconds from the end of the old
    kernel until the watchdog's driver must run in the new one.
    """

    confirm_timeout: int = 300
    required: bool = True
    watchdog: str = "prefer"
    watchdog_timeout: int = 120


@timed("writing")
def arm(host: Host, settings: GuardSettings, now: str, check_mode: bool) -> dict[str, Any]:
    """Arm a guard for the boot after this one; returns what the module returns. ``now`` is UTC in ISO 8601.

    Raises Refusal ``container``, ``not_root``, ``running_unknown``, ``guard_timeout_invalid``, ``guard_waiting``; when
    a guard is required, ``systemd_missing`` and ``guard_not_persistent``; when a watchdog is required, the codes of
    ``watchdog_problem``. Raises Refusal ``record_unreadable``, KhoError ``guard_unreadable`` and ``guard_fired``, and
    HostError.
    """
    _check(settings)
    require_access(host)
    boot = running_boot(host)
    before, command_line = read_guard(host), _staged_command_line(host, boot)
    _require_ended(before, boot)
    try:
        _require_systemd(host)
        place = choose_place(host)
    except Refusal as refusal:
        if settings.required:
            raise
        return {
            **result_of(False, before, before),
            "armed": False,
            "notes": [refusal.as_note().as_dict()],
        }
    watchdog = observe_watchdog(host)
    notes = _watchdog_notes(watchdog, settings)
    planned = _planned(before, boot, settings, watchdog, now)
    changed = before != planned or not _is_in_place(host, place, planned, watchdog)
    after = planned
    if changed and not check_mode:
        if is_anything_there(host, before):
            take_down(host, before, boot)
        after, trouble = _put_up(host, place, planned, settings)
        notes += trouble
    seconds = None if after.watchdog_usec is None else settings.watchdog_timeout
    default = boot_default_of(host)
    return {
        **result_of(changed, before, after),
        "armed": True,
        "returns_to": default.release,
        "notes": [note.as_dict() for note in (*default.notes, *_return_notes(default, boot), *notes)],
        "watchdog": watchdog.as_dict(),
        "phases": phases(watchdog, seconds, command_line, settings.confirm_timeout),
    }


def _check(settings: GuardSettings) -> None:
    for name in ("confirm_timeout", "watchdog_timeout"):
        seconds = getattr(settings, name)
        if not SHORTEST <= seconds <= LONGEST:
            raise Refusal(
                "guard_timeout_invalid",
                f"{name} is {seconds} s, and must be from {SHORTEST} to {LONGEST} s. A kernel needs that long to boot, "
                "and a guard that waits forever guards nothing. Correct the option.",
            )


def _require_ended(before: GuardRecord | None, boot: Boot) -> None:
    """No guard that waits in this boot may be replaced: that would confirm a kernel that nobody has looked at."""
    if before is None or before.armed_boot_id == boot.boot_id:
        return
    if before.fired_boot_id == boot.boot_id:
        raise fired(before)
    if before.state == ARMED and before.left_release != boot.release:
        raise Refusal(
            "guard_waiting",
            f"A guard that was armed in {before.left_release} still waits for the confirmation of the kernel that "
            f"runs, {boot.release}. A new one would take its place, and nobody would have confirmed anything. Check "
            "whether this kernel is all right, confirm it with state=disarmed, and run this again.",
            {"guard": before.as_dict()},
        )


def _require_systemd(host: Host) -> None:
    if not host.exists(SYSTEMD):
        raise Refusal(
            "systemd_missing",
            f"This host does not run systemd ({SYSTEMD} is not there), which would start the guard's timer in the new "
            "boot. Without a guard, a new kernel that nobody can reach stays. Let the policy go on without a guard, "
            "or leave this host to a cold boot.",
        )


def _watchdog_notes(watchdog: Watchdog, settings: GuardSettings) -> list[Note]:
    """What speaks against the watchdog. Raises Refusal when it is required."""
    note = None if settings.watchdog == _IGNORE else watchdog_problem(watchdog)
    if note is None:
        return []
    if settings.watchdog == _REQUIRE:
        raise Refusal(note.code, note.message, {"watchdog": watchdog.as_dict()})
    return [note]


def _planned(
    before: GuardRecord | None, boot: Boot, settings: GuardSettings, watchdog: Watchdog, now: str
) -> GuardRecord:
    """The record that is to be there; what was armed in this boot already keeps its time."""
    ours = before if before is not None and before.is_armed_in(boot.boot_id) else None
    original = watchdog.kexec_usec
    if ours is not None and ours.watchdog_usec == original:
        original = ours.watchdog_before_usec
    used = settings.watchdog != _IGNORE and is_worth_setting(watchdog)
    return GuardRecord(
        state=ARMED,
        armed_boot_id=boot.boot_id,
        left_release=boot.release,
        confirm_timeout=settings.confirm_timeout,
        created=now if ours is None else ours.created,
        watchdog_usec=settings.watchdog_timeout * 1_000_000 if used else None,
        watchdog_before_usec=original if used else None,
    )


def _is_in_place(host: Host, place: GuardFiles, record: GuardRecord, watchdog: Watchdog) -> bool:
    """Whether exactly this guard is armed, at this place alone."""
    if record.watchdog_usec not in (None, watchdog.kexec_usec):
        return False
    elsewhere = [path for other in places() if other != place for path in other.all]
    if any(host.exists(path) for path in elsewhere):
        return False
    return all(_holds(host, path, text) for path, text, _mode in _contents(place, record))


def _contents(place: GuardFiles, record: GuardRecord) -> list[tuple[str, str, int]]:
    return contents(place, record.armed_boot_id, record.left_release, record.confirm_timeout, ENDED_PATH)


def _holds(host: Host, path: str, text: str) -> bool:
    try:
        return host.read_text(path) == text
    except HostError:
        return False


def _put_up(
    host: Host, place: GuardFiles, planned: GuardRecord, settings: GuardSettings
) -> tuple[GuardRecord, list[Note]]:
    """Write the files, the token last: until it is there, the guard does nothing. Nothing stays when that fails."""
    files = _contents(place, planned)
    try:
        write_guard(host, planned)
        host.remove(ENDED_PATH)
        record, notes = _set_watchdog(host, planned, settings)
        for path, text, mode in files:
            host.make_directories(path.rsplit("/", 1)[0], 0o755)
            host.write_atomically(path, text.encode("ascii"), mode)
    except KhoError:
        take_down(host, planned, Boot(planned.armed_boot_id, planned.left_release))
        raise
    return record, notes


def _set_watchdog(host: Host, planned: GuardRecord, settings: GuardSettings) -> tuple[GuardRecord, list[Note]]:
    """Have systemd start the watchdog before the kexec; a failure is a note, unless the watchdog is required."""
    note = None if planned.watchdog_usec is None else set_kexec_watchdog(host, planned.watchdog_usec)
    if note is None:
        return planned, []
    if settings.watchdog == _REQUIRE:
        raise Refusal(note.code, note.message)
    without = replace(planned, watchdog_usec=None, watchdog_before_usec=None)
    write_guard(host, without)
    return without, [note]


def _return_notes(default: BootDefault, boot: Boot) -> list[Note]:
    """Say where the guard's cold boot leads, unless that is where the host comes from."""
    if default.release == boot.release:
        return []
    if default.release is None:
        return [
            Note(
                "guard_return_unknown",
                f"It is not known which kernel a cold boot starts: {default.why} The guard cold-boots the host, and "
                f"that may not lead back to {boot.release}. Look at the boot loader's default.",
            )
        ]
    return [
        Note(
            "guard_returns_elsewhere",
            f"The boot loader's default is {printable(default.release)}. The guard cold-boots the host into that one, "
            f"and not back into {boot.release}, which runs now. Make the running kernel the default until the new one "
            "is confirmed.",
        )
    ]


def _staged_command_line(host: Host, boot: Boot) -> str | None:
    """The command line that the target will get; None when no image is staged in this boot."""
    transition = read_transition(host)
    if transition is None or not transition.is_open or transition.left.boot_id != boot.boot_id:
        return None
    return transition.image.command_line if transition.image else None
