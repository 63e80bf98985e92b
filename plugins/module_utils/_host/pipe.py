# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Piping bytes through a program: fed and read at the same time, with a time limit, and in little memory."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from typing import IO, Iterator, List, Mapping, Sequence, Union, cast

READ_SIZE = 1 << 20
COMPLAINT_LIMIT = 2000
# The kernel refuses (EINVAL) to give a record to a reader whose buffer is smaller than the record. Its own limit,
# PRINTK_MESSAGE_MAX or CONSOLE_EXT_LOG_MAX before it, has never been above 8192.
KMSG_RECORD_LIMIT = 16384

Data = Union[bytes, memoryview]


class PipeError(Exception):
    """The program did not end well; the text says how."""


def pipe(argv: Sequence[str], data: Data, environment: Mapping[str, str], timeout: float) -> Iterator[bytes]:
    """Yield what the program writes while it is fed ``data``; closing the iterator kills the program.

    Raises PipeError when the program complains by its exit code, or has not ended after ``timeout`` seconds; OSError
    when it cannot be started.
    """
    # AnsibleModule.run_command gives no output before the program's end, and the core knows no Ansible.
    process = subprocess.Popen(  # pylint: disable=ansible-bad-function
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        bufsize=0,
    )
    with process:
        try:
            pump = _Pump(process, data, time.monotonic() + timeout)
            yield from pump.run()
            code = pump.exit_code()
            if code != 0:
                raise PipeError(f"exit code {code}: {pump.complaint.decode('utf-8', 'replace').strip()}")
        finally:
            process.kill()


class _Pump:
    """Moves bytes in and out of a running program."""

    def __init__(self, process: subprocess.Popen[bytes], data: Data, deadline: float) -> None:
        self._process = process
        self._stdin = cast(IO[bytes], process.stdin)
        self._stdout = cast(IO[bytes], process.stdout)
        self._stderr = cast(IO[bytes], process.stderr)
        self._data = memoryview(data)
        self._deadline = deadline
        self.complaint = b""

    def run(self) -> Iterator[bytes]:
        """Feed and read until the program has closed its output."""
        os.set_blocking(self._stdin.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE)
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._stderr, selectors.EVENT_READ)
            while self._stdout in selector.get_map() or self._stderr in selector.get_map():
                for key, _events in selector.select(self._left()):
                    if key.fileobj is self._stdin:
                        self._feed(selector)
                    else:
                        yield from self._read(selector, key)

    def exit_code(self) -> int:
        """Wait for the end of a program that has closed its output."""
        try:
            return self._process.wait(self._left())
        except subprocess.TimeoutExpired as error:
            raise PipeError("not finished in time") from error

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise PipeError("not finished in time")
        return left

    def _feed(self, selector: selectors.BaseSelector) -> None:
        try:
            self._data = self._data[os.write(self._stdin.fileno(), self._data[:READ_SIZE]) :]
        except BrokenPipeError:  # it wants no more, which is not for us to judge
            self._data = self._data[:0]
        if not self._data:
            selector.unregister(self._stdin)
            self._stdin.close()

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> Iterator[bytes]:
        chunk = os.read(key.fd, READ_SIZE)
        if not chunk:
            selector.unregister(key.fileobj)
        elif key.fileobj is self._stdout:
            yield chunk
        else:
            self.complaint = (self.complaint + chunk)[:COMPLAINT_LIMIT]


def read_kmsg(path: str, limit: int) -> bytes:
    """Return the records of /dev/kmsg, joined by line ends; once they have ``limit`` bytes, no more. Raises OSError."""
    records: List[bytes] = []
    size = 0
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        for record in kmsg_records(descriptor):
            records.append(record)
            size += len(record)
            if size >= limit:
                break
    finally:
        os.close(descriptor)
    return b"\n".join(records)


def kmsg_records(descriptor: int) -> Iterator[bytes]:
    """Yield the records of an open /dev/kmsg, without their final line ends, until there are no more."""
    while True:
        try:
            record = os.read(descriptor, KMSG_RECORD_LIMIT)
        except BlockingIOError:
            return
        except BrokenPipeError:  # overwritten while we read; the next read goes on with the oldest that is left
            continue
        if not record:
            return
        yield record.rstrip(b"\n")
