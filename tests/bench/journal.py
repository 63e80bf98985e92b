# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Journals of made-up hosts, as files that journalctl reads.

They are written by systemd-journal-remote (of Debian's package of that name) from journald's export format,
https://systemd.io/JOURNAL_EXPORT_FORMATS.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

REMOTE = "/lib/systemd/systemd-journal-remote"
MACHINE = "0123456789abcdef0123456789abcdef"
JOURNAL_STOPPED = "d93fb3c9c24d451a97cea615ce59c00b"
UNIT_STARTED = "39f53479d3a045ac8e11786248231fbf"
EPOCH = 1_790_000_000  # seconds; when the first boot began
FIRST_PROGRAM = "Run /init as init process"


@dataclass(frozen=True)
class MadeBoot:
    """One boot: what its kernel says before and after the first program, what programs say, and how it is left.

    ``begin`` is in seconds since 1970. ``target`` is the unit that systemd reaches at the end, ``None`` without a
    goodbye. ``noise`` entries are spread over ``seconds``; ``kernel_noise`` of them are the kernel's, the others of
    programs. ``forged`` is what a program writes to the kernel's log.
    """

    number: int
    begin: float
    early: Sequence[str]
    late: Sequence[str] = ()
    target: str | None = None
    noise: int = 0
    seconds: float = 3600.0
    kernel_noise: int = 0
    forged: Sequence[str] = ()

    @property
    def boot_id(self) -> str:
        """The boot id, as 32 digits."""
        return uuid.uuid5(uuid.NAMESPACE_OID, f"boot {self.number}").hex


def write_journal(directory: Path, boots: Iterable[MadeBoot]) -> None:
    """Write the boots, oldest first, as ``made.journal`` into the directory."""
    argv = [REMOTE, f"--output={directory / 'made.journal'}", "--split-mode=none", "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        if writer.stdin is None or writer.stderr is None:
            raise RuntimeError("no pipes")
        for entry in entries(boots):
            writer.stdin.write(entry)
        writer.stdin.close()
        said = writer.stderr.read().decode(errors="replace")
    if writer.returncode != 0:
        raise RuntimeError(f"{REMOTE}: {said}")


def entries(boots: Iterable[MadeBoot]) -> Iterator[bytes]:
    """Yield all entries in the export format, oldest first."""
    number = 0
    for boot in boots:
        for seconds, fields in _boot_entries(boot):
            number += 1
            head = {
                "__CURSOR": f"s={MACHINE};i={number:x};b={boot.boot_id};m={int(seconds * 1e6):x};t=0;x={number:x}",
                "__REALTIME_TIMESTAMP": str(int((boot.begin + seconds) * 1e6)),
                "__MONOTONIC_TIMESTAMP": str(int(seconds * 1e6)),
                "_BOOT_ID": boot.boot_id,
                "_MACHINE_ID": MACHINE,
                "_HOSTNAME": "made",
            }
            yield b"".join(_field(name, value) for name, value in {**head, **fields}.items()) + b"\n"


def _field(name: str, value: str) -> bytes:
    data = value.encode()
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


def _boot_entries(boot: MadeBoot) -> Iterator[tuple[float, dict[str, str]]]:
    clock = 0.0
    for message in [*boot.early, FIRST_PROGRAM]:
        clock += 0.001
        yield clock, _kernel(clock, message)
    for message in boot.forged:
        yield clock, _kernel(clock, message, facility="1")
    yield from _noise(boot, clock)
    clock = boot.seconds
    for message in boot.late:
        clock += 0.001
        yield clock, _kernel(clock, message)
    if boot.target:
        yield clock + 1, _systemd(boot.target)
        yield clock + 2, {"_TRANSPORT": "driver", "MESSAGE_ID": JOURNAL_STOPPED, "MESSAGE": "Journal stopped"}


def _noise(boot: MadeBoot, start: float) -> Iterator[tuple[float, dict[str, str]]]:
    share = boot.kernel_noise / max(boot.noise, 1)
    for number in range(boot.noise):
        clock = start + (boot.seconds - start) * number / boot.noise
        if int(number * share) != int((number + 1) * share):
            yield clock, _kernel(clock, f"IN=eth0 OUT= SRC=192.0.2.{number % 250} DST=198.51.100.7 LEN=60 ID={number}")
        else:
            yield clock, _program(number)


def _kernel(clock: float, message: str, facility: str = "0") -> dict[str, str]:
    return {
        "_TRANSPORT": "kernel",
        "SYSLOG_FACILITY": facility,
        "SYSLOG_IDENTIFIER": "kernel",
        "PRIORITY": "4",
        "_SOURCE_MONOTONIC_TIMESTAMP": str(int(clock * 1e6)),
        "MESSAGE": message,
    }


def _systemd(target: str) -> dict[str, str]:
    return {
        "_TRANSPORT": "journal",
        "_PID": "1",
        "_COMM": "systemd",
        "MESSAGE_ID": UNIT_STARTED,
        "UNIT": target,
        "JOB_TYPE": "start",
        "JOB_RESULT": "done",
        "MESSAGE": f"Reached target {target}.",
    }


def _program(number: int) -> dict[str, str]:
    return {
        "_TRANSPORT": "syslog",
        "_PID": str(900 + number % 90),
        "_COMM": "httpd",
        "_SYSTEMD_UNIT": f"web{number % 9}.service",
        "_CMDLINE": f"/usr/sbin/httpd -k start -n {number % 90}",
        "PRIORITY": "6",
        "SYSLOG_FACILITY": "3",
        "SYSLOG_IDENTIFIER": "httpd",
        "MESSAGE": f"192.0.2.{number % 250} GET /item/{number * 7919 % 1_000_003} 200 {number % 40_000} {number % 997}",
    }
