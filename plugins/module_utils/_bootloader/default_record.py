# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default that was there before the last change, kept on the host so that a rollback can put it back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import BootDefault, shown
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

RECORD_PATH = "/var/lib/kho-kexec/boot_default.json"
SCHEMA = 1
_SIZE_LIMIT = 1 << 16
_FIELDS = {"loader": (str,), **dict.fromkeys(("setting", "entry", "release"), (str, type(None))), "recorded": (str,)}


@dataclass(frozen=True)
class RecordedDefault:
    """A default as it was before a change: what was written down, and the entry and release that it meant then.

    ``setting`` is None when nothing was written down, the others when they were not known. ``recorded`` is UTC in
    ISO 8601.
    """

    loader: str
    setting: str | None
    entry: str | None
    release: str | None
    recorded: str

    def as_result(self) -> dict[str, Any]:
        """Return the record as the module returns it."""
        return {name: shown(value) for name, value in asdict(self).items()}


def record_of(default: BootDefault, now: str) -> RecordedDefault:
    """The record of a default whose loader is known."""
    return RecordedDefault(str(default.loader), default.setting, default.entry, default.release, now)


def read_record(host: Host) -> RecordedDefault | None:
    """The host's record, None when there is none.

    Raises Refusal ``boot_default_record_unreadable`` for one that cannot be read or understood.
    """
    try:
        fields = json.loads(host.read_text(RECORD_PATH, _SIZE_LIMIT))
        return _record(fields)
    except HostError as error:
        if error.reason == "absent":
            return None
        raise _unreadable(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(str(error)) from error


def write_record(host: Host, record: RecordedDefault) -> None:
    """Store the record, readable for root alone; it survives a crash whole. Raises HostError."""
    text = json.dumps({"schema": SCHEMA, **asdict(record)}, indent=1, sort_keys=True)
    host.write_atomically(RECORD_PATH, text.encode("utf-8") + b"\n")


def remove_record(host: Host) -> None:
    """Remove the record, if there is one. Raises HostError."""
    host.remove(RECORD_PATH)


def _record(fields: Any) -> RecordedDefault:
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    for name, kinds in _FIELDS.items():
        if name not in fields or type(fields[name]) not in kinds:
            raise ValueError(f"its field {name!r} is missing or of another type")
    return RecordedDefault(**{name: fields[name] for name in _FIELDS})


def _unreadable(why: str) -> Refusal:
    return Refusal(
        "boot_default_record_unreadable",
        f"The record of the default before the last change, {RECORD_PATH}, cannot be understood: {printable(why)}. "
        "It may be all that is known of that default, so it is left alone and nothing is changed. Look at the file; "
        "when the default is as you want it, remove the file.",
    )
