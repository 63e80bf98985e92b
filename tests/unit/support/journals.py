# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal as journalctl would print it, for hosts whose programs are scripted."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._history.journal import (
    GOODBYE_FIELDS,
    GOODBYES,
    JOURNAL_STOPPED,
    JOURNALCTL,
    KERNEL,
    KERNEL_FIELDS,
    KERNEL_GREP,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

LIST = (*JOURNALCTL, "--list-boots", "--utc", "--output=json")
EPOCH = 1_790_000_000
UP = 3600  # seconds that each boot lasts
APART = 4000  # seconds from the start of one to that of the next
INIT = "Run /init as init process"


def boot_id(number: int) -> str:
    """The id of a boot, as journald writes it."""
    return f"{number:032x}"


def cursor(number: int) -> str:
    """The cursor of the first message of a boot's kernel."""
    return f"s=0;i=1;b={boot_id(number)};m=0;t=0;x=0"


def start(release: str) -> str:
    """The first message of a kernel."""
    return f"Linux version {release} (lab@lab) (gcc) #2 SMP"


def kernel(number: int, *messages: Any, uptime: float = 1.0) -> List[str]:
    """What journalctl prints of a boot's kernel; the messages come at the same time."""
    return [json.dumps(_kernel_entry(number, message, uptime)) for message in messages]


def _kernel_entry(number: int, message: Any, uptime: float) -> Dict[str, Any]:
    return {
        "_BOOT_ID": boot_id(number),
        "__CURSOR": cursor(number),
        "__REALTIME_TIMESTAMP": str(int((EPOCH + number * APART + uptime) * 1e6)),
        "_SOURCE_MONOTONIC_TIMESTAMP": str(int(uptime * 1e6)),
        "_TRANSPORT": "kernel",
        "SYSLOG_FACILITY": "0",
        "MESSAGE": message,
    }


def goodbye(number: int, target: str) -> List[str]:
    """What journalctl prints of the end of a boot that systemd brought to the target."""
    said: List[Dict[str, str]] = [{"UNIT": target, "JOB_TYPE": "start"}, {"MESSAGE_ID": JOURNAL_STOPPED}]
    return [json.dumps({"_BOOT_ID": boot_id(number), **fields}) for fields in said]


def boots(*numbers: int) -> str:
    """What journalctl prints of the boots that there are."""
    listed = []
    for number in numbers:
        begin = EPOCH + number * APART
        listed.append(
            {"boot_id": boot_id(number), "first_entry": begin * 10**6, "last_entry": (begin + UP) * 10**6, "index": 0}
        )
    return json.dumps(listed) + "\n"


def expect_journal(
    host: FakeRoot,
    numbers: Sequence[int],
    goodbyes: Sequence[str] = (),
    words: Sequence[str] = (),
    since: Optional[str] = None,
    error: str = "",
) -> FakeRoot:
    """Expect the three calls of journalctl; the last one fails with the error after the words, if there is one."""
    where = (f"--cursor={since}",) if since else ()
    host.expect_run(LIST, stdout=boots(*numbers))
    goodbyes_argv = (*JOURNALCTL, "--output=json", GOODBYE_FIELDS, *where, *GOODBYES)
    host.expect_pipe(goodbyes_argv, lines(goodbyes))
    host.expect_pipe((*JOURNALCTL, *KERNEL_GREP, *kernel_arguments(since)), lines(words), error=error)
    return host


def kernel_arguments(since: Optional[str] = None) -> Sequence[str]:
    """How journalctl is asked for all that kernels said."""
    where = (f"--cursor={since}",) if since else ()
    return ("--output=json", KERNEL_FIELDS, *where, *KERNEL)


def lines(entries: Sequence[str]) -> bytes:
    """The entries as the output of journalctl."""
    return "".join(entry + "\n" for entry in entries).encode()
