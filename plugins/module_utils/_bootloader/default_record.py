# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default that was there before the last change, kept on the host so that a rollback can put it back."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import BootDefault, shown
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.store import JsonFile, record
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

RECORD_PATH = "/var/lib/kho-kexec/boot_default.json"
SCHEMA = 1
_SIZE_LIMIT = 1 << 16
_FIELDS = {"loader": (str,), **dict.fromkeys(("setting", "entry", "release"), (str, type(None))), "recorded": (str,)}


def _unreadable(why: str) -> Refusal:
    return Refusal(
        "boot_default_record_unreadable",
        f"The record of the default before the last change, {RECORD_PATH}, cannot be understood: {printable(why)}. "
        "It may be all that is known of that default, so it is left alone and nothing is changed. Look at the file; "
        "when the default is as you want it, remove the file.",
    )


FILE = JsonFile(RECORD_PATH, _SIZE_LIMIT, _unreadable)


class RecordedDefault(NamedTuple):
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
        return {name: shown(value) for name, value in self._asdict().items()}


def record_of(default: BootDefault, now: str) -> RecordedDefault:
    """The record of a default whose loader is known."""
    return RecordedDefault(str(default.loader), default.setting, default.entry, default.release, now)


def read_record(host: Host) -> RecordedDefault | None:
    """The host's record, None when there is none.

    Raises Refusal ``boot_default_record_unreadable`` for one that cannot be read or understood.
    """
    return FILE.read(host, _record)


def write_record(host: Host, default: RecordedDefault) -> None:
    """Store the record, readable for root alone; it survives a crash whole. Raises HostError."""
    FILE.write(host, {"schema": SCHEMA, **default._asdict()})


def remove_record(host: Host) -> None:
    """Remove the record, if there is one. Raises HostError."""
    FILE.remove(host)


def _record(stored: Any) -> RecordedDefault:
    return RecordedDefault(**record(stored, SCHEMA, _FIELDS))
