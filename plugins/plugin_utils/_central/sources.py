# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What central logs tell of hosts that cannot tell it themselves.

``netconsole``: files of a collector, one for each host or one for all. ``kdump``: directories with the kernel's log of
a dump (vmcore-dmesg.txt of Fedora's kdump-utils, dmesg.* of Debian's kdump-tools). ``journal``: files of
systemd-journal-remote. ``boots``: JSON lines, described in docs/reference/central_logs.md.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_files import Witness, died
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_prefix import collected_of
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_text import dumps_of, read_boots
from ansible_collections.kho.kexec.plugins.module_utils._history.read import history_of_journal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._central.files import Unreadable, files_below, text_of
from ansible_collections.kho.kexec.plugins.plugin_utils._central.names import HostNames
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.facts import rows_of_history

NETCONSOLE, KDUMP, JOURNAL, BOOTS = "netconsole", "kdump", "journal", "boots"
_DUMP = re.compile(r"(?:vmcore-)?dmesg(?:[-.].*)?")
_REMOTE = re.compile(r"remote-(.+?)(?:@[0-9a-f-]+)?\.journal~?")
# kexec-tools' kdump names directories HOST-2026-11-30-07:04:09, Debian's kdump-tools 202611300704, both in local time.
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[-T]?(\d\d):?(\d\d)")
LINE_LIMIT = 1 << 20
"""Characters of a line of JSON, which may hold a whole log."""

LATE = "the time was over"
LOOK_EVERY = 1000
"""Lines between two looks at the clock."""

WhoseBoot = Callable[[str], "str | None"]
"""Which host had the boot with an id."""


class Dump(NamedTuple):
    """What a file tells of one boot, and when that was by the file's name, in local time; None when it has no date."""

    witness: Witness
    dated: float | None


@dataclass
class Told:
    """All that was read: dumps and consoles, boots and crashes of each host; what is of no host; what was not read."""

    dumps: defaultdict[str, list[Dump]] = field(default_factory=lambda: defaultdict(list))
    boots: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    crashes: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    unmatched: dict[str, None] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def hosts(self) -> list[str]:
        """The hosts of which anything was told."""
        return sorted({*self.dumps, *self.boots, *self.crashes})

    def match_none(self, path: Path, name: str) -> None:
        """Note that nobody knows whose a name in a file, or a file, is."""
        self.unmatched[printable(f"{path}: {name}" if name else str(path), 300)] = None


class Reader:
    """Reads sources, one after the other, into what they ``told``."""

    def __init__(self, names: HostNames, whose_boot: WhoseBoot, time_limit: float) -> None:
        self.told = Told()
        self._names = names
        self._whose_boot = whose_boot
        self._deadline = time.monotonic() + time_limit

    def read(self, kind: str, path: Path) -> None:
        """Read one source. Raises Unreadable when there is nothing at ``path``."""
        top = path.resolve()
        found = files_below(top)
        for words in found.left_out:
            self.told.unread[printable(words, 300)] = "not looked at"
        if kind == JOURNAL:
            self._journals(found.files)
            return
        read = {NETCONSOLE: self._netconsole, KDUMP: self._kdump, BOOTS: self._boots}[kind]
        for file in found.files:
            if kind == KDUMP and not _DUMP.fullmatch(file.name):
                continue
            try:
                if self._is_over():
                    raise Unreadable(LATE)
                read(top, file, text_of(file))
            except Unreadable as error:
                self.told.unread[printable(str(file), 300)] = printable(str(error))

    def _is_over(self) -> bool:
        return time.monotonic() >= self._deadline

    def _lines(self, text: str) -> Iterator[str]:
        """Yield lines until the time is over. Raises Unreadable then.

        Other characters that end a line elsewhere may be in the name of a device.
        """
        for number, line in enumerate(text.split("\n")):
            if number % LOOK_EVERY == 0 and self._is_over():
                raise Unreadable(LATE)
            yield line

    def _host_of_path(self, top: Path, file: Path) -> str | None:
        """The host that the file is named after, or a directory above it, up to the one that the operator named."""
        parts = file.relative_to(top).parts if file != top else (file.name,)
        for name in reversed(parts):
            host = self._names.host_of_file(name)
            if host is not None:
                return host
        return None

    def _netconsole(self, top: Path, file: Path, text: str) -> None:
        host = self._host_of_path(top, file)
        lines = [*self._lines(text)]
        for one, own in [(host, lines)] if host else self._by_host(file, lines):
            self._console(one, NETCONSOLE, file, own)

    def _console(self, host: str, source: str, file: Path, lines: Iterable[str]) -> None:
        witnesses = (Witness(source, str(file), None, boot) for boot in read_boots(lines) if boot.reports)
        self.told.dumps[host] += [Dump(witness, None) for witness in witnesses]

    def _by_host(self, file: Path, lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
        """Part the lines of a file by the host that the collector wrote before each of them."""
        parted: defaultdict[str, list[str]] = defaultdict(list)
        for line in lines:
            name, rest = collected_of(line)
            parted[name].append(rest)
        by_host: defaultdict[str, list[str]] = defaultdict(list)
        for name, own in parted.items():
            host = self._names.host(name)
            if host is not None:
                by_host[host] += own
            elif any(boot.reports for boot in read_boots(own)):
                self.told.match_none(file, name)
        yield from by_host.items()

    def _kdump(self, top: Path, file: Path, text: str) -> None:
        host = self._host_of_path(top, file)
        if host is None:
            self.told.match_none(file, "")
            return
        boot = [*read_boots(self._lines(text))][-1]
        dated = _dated(str(file.relative_to(top) if file != top else file.name))
        self.told.dumps[host].append(Dump(Witness(KDUMP, str(file), None, died(boot)), dated))

    def _journals(self, files: Iterable[Path]) -> None:
        """Read the journal of each host, from its files, in a directory of their own."""
        by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for file in files:
            match = _REMOTE.fullmatch(file.name)
            if match:
                by_name[match.group(1)].append(file)
            else:
                self.told.match_none(file, "")
        for name, own in by_name.items():
            with tempfile.TemporaryDirectory(prefix="kho-kexec-") as directory:
                for number, file in enumerate(own):
                    Path(directory, f"{number}.journal").symlink_to(file.absolute())
                limit = max(self._deadline - time.monotonic(), 0.0)
                boots, crashes, notes = history_of_journal(LocalHost(), directory, limit)
            for note in notes:
                self.told.unread[printable(str(own[0]), 300)] = note.message
            host = self._names.host(name) or self._named_by_boots(boots)
            if host is not None:
                self.told.boots[host] += boots
                self.told.crashes[host] += crashes
            elif boots:
                self.told.match_none(own[0], name)

    def _named_by_boots(self, boots: Iterable[Any]) -> str | None:
        """The one host that had these boots, by what the ledger knows."""
        hosts = {self._whose_boot(boot["boot_id"]) for boot in boots} - {None}
        return hosts.pop() if len(hosts) == 1 else None

    def _boots(self, _top: Path, file: Path, text: str) -> None:
        for number, line in enumerate(self._lines(text), 1):
            if not line.strip():
                continue
            try:
                given = json.loads(line[:LINE_LIMIT])
                boot, log = _boot_or_log(given)
            except (ValueError, LedgerError, RecursionError):
                where = printable(str(file), 300)
                self.told.unread.setdefault(where, f"line {number} is not a JSON object with a whole boot or a log")
                continue
            name = str(given.get("host") or "")
            host = self._names.host(name) or (self._whose_boot(boot["boot_id"]) if boot else None)
            if host is None:
                self.told.match_none(file, name)
            elif boot:
                self.told.boots[host].append(boot)
            else:
                for dump in dumps_of(log):
                    self._console(host, BOOTS, file, dump.split("\n"))


def _boot_or_log(given: Any) -> tuple[dict[str, Any], str]:
    """Return the boot, or else the log, of a line. Raises ValueError or LedgerError for anything else."""
    boot, log = (given.get("boot"), given.get("log")) if isinstance(given, dict) else (None, None)
    if isinstance(boot, dict):
        rows_of_history("", {"host_boots": [boot], "crashes": []}, 0)
        return boot, ""
    if not isinstance(log, str):
        raise ValueError("neither")
    return {}, log


def _dated(path: str) -> float | None:
    """The date in a path, as if it were UTC, in seconds since 1970."""
    for found in _DATE.finditer(path):
        try:
            year, month, day, hour, minute = map(int, found.groups())
            return datetime(year, month, day, hour, minute, tzinfo=timezone.utc).timestamp()
        except ValueError:
            continue
    return None
