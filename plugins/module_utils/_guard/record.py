# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's record: what it was armed with, and how it ended.

``guard.json`` is written by who arms. How it ended is written by the guard itself, as five lines in ``guard.ended``:
the boot that armed it, ``fired`` or ``spent``, the boot and the release in which it ended, and the time.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

RECORD_PATH = "/var/lib/kho-kexec/guard.json"
ENDED_PATH = "/var/lib/kho-kexec/guard.ended"
SCHEMA = 1
ARMED, FIRED, SPENT = "armed", "fired", "spent"
_SIZE_LIMIT = 1 << 14
_TEXTS = ("armed_boot_id", "left_release", "created")
_NUMBERS = ("confirm_timeout",)
_NUMBERS_OR_NONE = ("watchdog_usec", "watchdog_before_usec")
_ENDED = re.compile(r"([0-9a-f-]{36})\n(fired|spent)\n([0-9a-f-]{36})\n([!-~]{1,64})\n([0-9TZ:-]{20})\n")


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
    text = _read(host, RECORD_PATH)
    if text is None:
        return None
    try:
        record = _parse(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(RECORD_PATH, str(error)) from error
    ended = _read(host, ENDED_PATH)
    return record if ended is None else _ended(record, ended)


def write_guard(host: Host, record: GuardRecord) -> None:
    """Store the record of an armed guard, readable for root alone; it survives a crash whole. Raises HostError."""
    names = (*_TEXTS, *_NUMBERS, *_NUMBERS_OR_NONE)
    fields = {"schema": SCHEMA, **{name: getattr(record, name) for name in names}}
    host.write_atomically(RECORD_PATH, json.dumps(fields, indent=1, sort_keys=True).encode("utf-8") + b"\n")


def _read(host: Host, path: str) -> str | None:
    try:
        return host.read_text(path, _SIZE_LIMIT)
    except HostError as error:
        if error.reason == "absent":
            return None
        raise _unreadable(path, str(error)) from error


def _parse(text: str) -> GuardRecord:
    """Read a record from JSON. Raises ValueError for anything that is not exactly a record."""
    fields = json.loads(text)
    if not isinstance(fields, dict) or fields.pop("schema", None) != SCHEMA:
        raise ValueError(f"it is no record of schema {SCHEMA}")
    kinds: dict[str, tuple[type, ...]] = {
        **dict.fromkeys(_TEXTS, (str,)),
        **dict.fromkeys(_NUMBERS, (int,)),
        **dict.fromkeys(_NUMBERS_OR_NONE, (int, type(None))),
    }
    if set(fields) != set(kinds):
        raise ValueError("its fields are not " + ", ".join(sorted(kinds)))
    for name, value in fields.items():
        if type(value) not in kinds[name]:
            raise ValueError(f"its field {name!r} is {type(value).__name__}")
    return GuardRecord(state=ARMED, **fields)


def _ended(record: GuardRecord, text: str) -> GuardRecord:
    """The record with its end, unless that is the end of an earlier guard."""
    match = _ENDED.fullmatch(text)
    if match is None:
        raise _unreadable(ENDED_PATH, "it is not what a guard writes")
    armed_boot_id, state, boot_id, release, time = match.groups()
    if armed_boot_id != record.armed_boot_id:
        return record
    if state == SPENT:
        return replace(record, state=SPENT)
    return replace(record, state=FIRED, fired_boot_id=boot_id, fired_release=release, fired_at=time)


def _unreadable(path: str, why: str) -> KhoError:
    return KhoError(
        "guard_unreadable",
        f"{path} cannot be understood: {printable(why)}. Without it, nobody knows whether a guard is armed or has "
        f"fired, so it is left alone. Look at it, then remove {RECORD_PATH} and {ENDED_PATH}, and run this again: with "
        "state=disarmed, which removes what is there of a guard, or with state=armed.",
    )
