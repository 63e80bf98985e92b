# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading everything that the host says of how its kernel was started, in order of trust, and no more than needed.

debugfs is read first. The kernel's log is read always, because it also tells why a handover was refused. Programs are
started (journalctl, systemctl) only when these two leave something open.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.container import container_manager
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.kexec_state import KexecState, read_kexec_state
from ansible_collections.kho.kexec.plugins.module_utils._host.memory import contiguous_bytes
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import BuildConfig, running_build_config
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import (
    JOURNAL_ARGV,
    NO_LOG,
    BootLog,
    parse_journal,
    parse_kmsg,
)
from ansible_collections.kho.kexec.plugins.module_utils._observe.boot_kind import Loader, read_loader
from ansible_collections.kho.kexec.plugins.module_utils._observe.debugfs import HandoverFiles, read_handover_files

OSRELEASE = "/proc/sys/kernel/osrelease"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
COMMAND_LINE = "/proc/cmdline"
LIVE_UPDATE_DEVICE = "/dev/liveupdate"

JOURNAL_TIMEOUT = 20.0
SYSTEMCTL_TIMEOUT = 5.0
KEXEC_COUNT_ARGV = ("systemctl", "show", "--property=KExecCount")

_BOOT_ID = regex(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class LogReading(NamedTuple):
    """The log of this boot, where it was read (``kernel_log``, ``journal``), and what makes it incomplete."""

    log: BootLog
    source: str
    obstacle: Optional[Note]


class Sources(NamedTuple):
    """All that was read. None means that it could not be read, or, for ``config``, that it was not needed.

    ``contiguous`` are CmaTotal and CmaFree in bytes, each None when the kernel does not name it.
    """

    release: Optional[str]
    boot_id: Optional[str]
    files: HandoverFiles
    loader: Loader
    reading: LogReading
    config: Optional[BuildConfig]
    command_line: Optional[str]
    kexec: KexecState
    container: Optional[str]
    systemd_count: Optional[int]
    contiguous: Optional[Tuple[Optional[int], Optional[int]]]

    @property
    def log(self) -> BootLog:
        """The log of this boot."""
        return self.reading.log


def read_sources(host: Host) -> Sources:
    """Read the host; nothing that is absent or denied is an error."""
    release = line_of(host, OSRELEASE)
    boot_id = line_of(host, BOOT_ID)
    files = read_handover_files(host)
    loader = read_loader(host)
    shown_in_debugfs = files.incoming or files.outgoing
    return Sources(
        release=release,
        boot_id=boot_id if boot_id and _BOOT_ID.fullmatch(boot_id) else None,
        files=files,
        loader=loader,
        reading=read_log(host, journal_wanted=files.received is None and loader.offered is not False),
        config=None if shown_in_debugfs else running_build_config(host, release),
        command_line=_text(host, COMMAND_LINE),
        kexec=read_kexec_state(host),
        container=container_manager(host),
        systemd_count=None if shown_in_debugfs else _systemd_count(host),
        contiguous=contiguous_bytes(host),
    )


def read_log(host: Host, journal_wanted: bool) -> LogReading:
    """Read the ring buffer and, when it lacks the boot's beginning and somebody wants to know, the journal."""
    try:
        log, obstacle = parse_kmsg(host.kernel_log()), None
    except HostError as error:
        log, obstacle = NO_LOG, _log_obstacle(error)
    if obstacle is None and not log.complete:
        obstacle = Note("log_wrapped", "The kernel's ring buffer no longer holds the beginning of this boot.")
    if obstacle and journal_wanted and log.record is None:
        journal = _read_journal(host)
        if journal.complete or journal.events:
            return LogReading(journal, "journal", None if journal.complete else obstacle)
    return LogReading(log, "kernel_log", obstacle)


def _log_obstacle(error: HostError) -> Note:
    if error.reason == "denied":
        return Note("log_denied", "The kernel's log may only be read by root here; run with become: true.")
    return Note("log_unreadable", f"The kernel's log could not be read: {error}")


def _read_journal(host: Host) -> BootLog:
    try:
        done = host.run(JOURNAL_ARGV, timeout=JOURNAL_TIMEOUT)
    except HostError:
        return NO_LOG
    return parse_journal(done.stdout) if done.rc == 0 else NO_LOG


def _systemd_count(host: Host) -> Optional[int]:
    """Return systemd's KExecCount (since 262); it is kept in a live update session, so without LUO it says nothing."""
    if not host.exists(LIVE_UPDATE_DEVICE):
        return None
    try:
        output = host.run(KEXEC_COUNT_ARGV, timeout=SYSTEMCTL_TIMEOUT).stdout
    except HostError:
        return None
    match = re.fullmatch(r"KExecCount=(\d{1,10})\s*", output)
    return int(match.group(1)) if match else None


def _text(host: Host, path: str) -> Optional[str]:
    try:
        return host.read_text(path)
    except HostError:
        return None
