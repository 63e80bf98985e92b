# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's record: what it was armed with, and how it ended.

``guard.json`` is written by who arms. How it ended is written by the guard itself, as five lines in ``guard.ended``:
the boot that armed it, ``fired`` or ``spent``, the boot and the release in which it ended, and the time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.store import JsonFile
from ansible_collections.kho.kexec.plugins.module_utils._host.store import record as fields_of
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex

RECORD_PATH = "/var/lib/kho-kexec/guard.json"
ENDED_PATH = "/var/lib/kho-kexec/guard.ended"
SCHEMA = 1
ARMED, FIRED, SPENT = "armed", "fired", "spent"
_SIZE_LIMIT = 1 << 14
_FIELDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("armed_boot_id", "left_release", "created"), (str,)),
    "confirm_timeout": (int,),
    **dict.fromkeys(("watchdog_usec", "watchdog_before_usec"), (int, type(None))),
}
_ENDED = regex(r"([0-9a-f-]{36})\n(fired|spent)\n([0-9a-f-]{36})\n([!-~]{1,64})\n([0-9TZ:-]{20})\n")


def _unreadable(why: str, path: str = RECORD_PATH) -> KhoError:
    return KhoError(
        "guard_unreadable",
        f"{path} cannot be understood: {printable(why)}. Without it, nobody knows whether a guard is armed or has "
        f"fired, so it is left alone. Look at it, then remove {RECORD_PATH} and {ENDED_PATH}, and run this again: with "
        "state=disarmed, which removes what is there of a guard, or with state=armed.",
    )


FILE = JsonFile(RECORD_PATH, _SIZE_LIMIT, _unreadable)


@dataclass(frozen=True)
class GuardRecord:
    """One guard.

    ``state``: ``armed``; ``fired``, it gave the order to cold-boot; ``spent``, the release that was left ran again when
    its time was over. ``confirm_timeout`` is in seconds from the start of the boot. ``watchdog_usec`` is the value in
    microseconds that systemd's KExecWatchdogUSec was set to, ``watchdog_before_usec`` the one before; both None when
    it was left alone. Times are UTC in ISO 8601. What begins with ``fired_`` is None unless it has fired.
    """

    state: str
    armed_boot_id: str
    left_release: str
    confirm_timeout: int
    created: str
    watchdog_usec: int | None = None
    watchdog_before_usec: int | None = None
    fired_boot_id: str | None = None
    fired_release: str | None = None
    fired_at: str | None = None

    def is_armed_in(self, boot_id: str) -> bool:
        """Whether it was armed in this boot."""
        return self.state == ARMED and self.armed_boot_id == boot_id

    def as_dict(self) -> dict[str, Any]:
        """Return the record in the shape that modules return, with texts reduced to printable ASCII."""
        fields = asdict(self)
        return {name: printable(value) if isinstance(value, str) else value for name, value in fields.items()}


def read_guard(host: Host) -> GuardRecord | None:
    """The host's guard, or None when there is none. Raises KhoError ``guard_unreadable``."""
    record = FILE.read(host, _record)
    if record is None:
        return None
    ended = _read_end(host)
    return record if ended is None else _ended(record, ended)


def write_guard(host: Host, record: GuardRecord) -> None:
    """Store the record of an armed guard, readable for root alone; it survives a crash whole. Raises HostError."""
    FILE.write(host, {"schema": SCHEMA, **{name: getattr(record, name) for name in _FIELDS}})


def _read_end(host: Host) -> str | None:
    try:
        return host.read_text(ENDED_PATH, _SIZE_LIMIT)
    except HostError as error:
        if error.reason == "absent":
            return None
        raise _unreadable(str(error), ENDED_PATH) from error


def _record(stored: Any) -> GuardRecord:
    return GuardRecord(state=ARMED, **fields_of(stored, SCHEMA, _FIELDS))


def _ended(record: GuardRecord, text: str) -> GuardRecord:
    """The record with its end, unless that is the end of an earlier guard."""
    match = _ENDED.fullmatch(text)
    if match is None:
        raise _unreadable("it is not what a guard writes", ENDED_PATH)
    armed_boot_id, state, boot_id, release, time = match.groups()
    if armed_boot_id != record.armed_boot_id:
        return record
    if state == SPENT:
        return replace(record, state=SPENT)
    return replace(record, state=FIRED, fired_boot_id=boot_id, fired_release=release, fired_at=time)
