# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of crashes that stays in files: what systemd-pstore archived, what kdump saved, what consoles logged."""

from __future__ import annotations

import codecs
import posixpath
import time
from functools import partial
from typing import Callable, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import CrashReport
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_text import BootText, dumps_of, read_boots
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.ownership import is_writable_by_others
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex

PSTORE = "/var/lib/systemd/pstore"
PSTORE_DEPTH = 3  # systemd-pstore makes a directory for each dump, and one below it for each of its kernel's oopses
KDUMP = "/var/crash"
NAMES_LIMIT = 1024  # in one directory
FILES_LIMIT = 64  # of each source; the newest count
FILE_LIMIT = 32 << 20  # bytes; the largest ring buffers hold 32 MiB
CONSOLE_LIMIT = 64 << 20  # bytes at the end of a console's log
LINE_LIMIT = 1 << 14
_DUMP = regex(PSTORE + r"/([0-9]{1,12})/([0-9]{1,6})\Z")  # /SECONDS/NUMBER
NS = 1_000_000_000

NO_REPORT = "A crash dump was saved, and the kernel's log in it tells of no crash that is known here."


class Witness(NamedTuple):
    """What one file tells of one boot that crashed: ``source`` is ``pstore``, ``kdump`` or ``console``.

    ``written``: when the file was last written, in seconds since 1970; None for a console, which is always written.
    """

    source: str
    path: str
    written: Optional[float]
    text: BootText


class _File(NamedTuple):
    """A dump: one file, or the parts of one."""

    source: str
    paths: Tuple[str, ...]
    written: float


def read_crash_files(
    host: Host, since: float, console_logs: Sequence[str], deadline: float
) -> Tuple[List[Witness], List[Note]]:
    """Read the dumps that were written after ``since`` (seconds since 1970), and the logs of consoles, if any.

    ``deadline`` is one of the monotonic clock; what is not read by then is left out, with a note.
    """
    notes: List[Note] = []
    witnesses: List[Witness] = []
    for found in (_whole_dumps(_pstore_files(host)), _kdump_files(host)):
        files = sorted((file for file in found if file.written >= since), key=lambda file: file.written, reverse=True)
        if len(files) > FILES_LIMIT:
            notes.append(_left_out(files[0].source, len(files) - FILES_LIMIT))
        for file in files[:FILES_LIMIT]:
            witnesses.extend(_noting(notes, file.paths[0], partial(_read_dump, host, file)))
    for path in console_logs:
        witnesses.extend(_noting(notes, path, partial(_read_console, host, path, deadline)))
    return witnesses, notes


def _noting(notes: List[Note], path: str, read: Callable[[], List[Witness]]) -> List[Witness]:
    try:
        return read()
    except HostError as error:
        if error.reason == "foreign":
            notes.append(_foreign(error))
            return []
        notes.append(
            Note(
                "crash_file_unreadable",
                f"{printable(path)} may tell of a crash, and was not read: {error} Its crashes are missing here. "
                "Run as root, and look at the file.",
            )
        )
        return []


def _foreign(error: HostError) -> Note:
    return Note(
        "crash_file_foreign",
        f"{printable(str(error))} Who may write there could forge a crash, so it does not count. Remove it, or "
        "find out what it is.",
    )


def _left_out(source: str, count: int) -> Note:
    return Note(
        "crash_files_left_out",
        f"There are more dumps of {source} than the {FILES_LIMIT} newest, which were read; {count} were left out. "
        "Older crashes may be missing here. Move old dumps elsewhere.",
    )


def _pstore_files(host: Host) -> Iterator[_File]:
    """Find what systemd-pstore archived: a ``dmesg.txt`` that it put together, or else the kernel's own parts."""
    for directory, names in _directories(host, PSTORE, PSTORE_DEPTH):
        parts = [name for name in names if name.startswith("dmesg-") and not name.endswith(".z")]
        if "dmesg.txt" in names:
            yield from _file(host, "pstore", directory, ["dmesg.txt"])
        # ramoops stores one part of each dump, the others store all of one.
        elif any(name.startswith("dmesg-ramoops-") for name in parts):
            for name in parts:
                yield from _file(host, "pstore", directory, [name])
        elif parts:
            yield from _file(host, "pstore", directory, parts)


def _whole_dumps(found: Iterable[_File]) -> Iterator[_File]:
    """Put together what was torn: systemd-pstore sorts EFI's parts by the second in which each was written."""
    whole: Optional[_File] = None
    for file in sorted(found, key=lambda file: file.paths[0]):
        if whole is not None and _goes_on(whole.paths[-1], file.paths[0]):
            whole = whole._replace(paths=whole.paths + file.paths, written=max(whole.written, file.written))
            continue
        if whole is not None:
            yield whole
        whole = file
    if whole is not None:
        yield whole


def _goes_on(path: str, other: str) -> bool:
    """Whether the directories are those of one dump, by its number, in one second and the next."""
    before, after = (_DUMP.match(posixpath.dirname(one)) for one in (path, other))
    if before is None or after is None or before.group(2) != after.group(2):
        return False
    return int(after.group(1)) - int(before.group(1)) == 1


def _kdump_files(host: Host) -> Iterator[_File]:
    """Find the kernel's log beside each dump: ``dmesg.STAMP`` (Debian), ``vmcore-dmesg.txt`` (Fedora, RHEL)."""
    for directory, names in _directories(host, KDUMP, 1):
        for name in names:
            if name.startswith(("dmesg.", "vmcore-dmesg")):
                yield from _file(host, "kdump", directory, [name])


def _directories(host: Host, path: str, depth: int) -> Iterator[Tuple[str, List[str]]]:
    """Yield the directory and those below it, with the names in them; what is none, or is denied, yields nothing."""
    try:
        names = host.listdir(path)[-NAMES_LIMIT:]  # the newest, where the name is a date
    except HostError:
        return
    yield path, names
    if depth:
        for name in names:
            below = posixpath.join(path, name)
            if _is_roots(host, below):
                yield from _directories(host, below, depth - 1)


def _is_roots(host: Host, path: str) -> bool:
    """Whether a directory is one that only root may write, and where its path says; what cannot be seen is none.

    The one above may be open to all, as `/var/crash` is on some distributions.
    """
    try:
        real = host.resolve(posixpath.dirname(path))
        is_there = host.resolve(path) == posixpath.join(real, posixpath.basename(path))
    except HostError:
        return False
    return is_there and not is_writable_by_others(host, path)


def _file(host: Host, source: str, directory: str, names: Sequence[str]) -> Iterator[_File]:
    paths = tuple(posixpath.join(directory, name) for name in names)
    try:
        yield _File(source, paths, host.identity(paths[-1]).mtime_ns / NS)
    except HostError:  # removed since
        return


def _read_dump(host: Host, file: _File) -> List[Witness]:
    texts = [host.read_roots(path, FILE_LIMIT).decode("utf-8", "replace") for path in file.paths]
    dumps = dumps_of("\n".join(texts)) if file.source == "pstore" else texts[:1]
    boots = [boot for dump in dumps for boot in read_boots(dump.split("\n"))]
    if file.source == "kdump":
        boots = [died(boot) for boot in boots[-1:]]
    return [Witness(file.source, file.paths[0], file.written, boot) for boot in boots if boot.reports]


def died(boot: BootText) -> BootText:
    """A dump shows that the kernel died, and of its last report; an oops leads there before anything says panic."""
    unknown = CrashReport("unknown", NO_REPORT, (), True, boot.last_uptime, None, boot.release)
    last = boot.reports[-1]._replace(fatal=True) if boot.reports else unknown
    return boot._replace(reports=(*boot.reports[:-1], last))


def _read_console(host: Host, path: str, deadline: float) -> List[Witness]:
    # A pipe or a terminal would have the reader wait. Its owner may be anybody, since the operator has named it.
    if host.exists(path) and host.run(("test", "-f", path)).rc != 0:
        raise HostError(path, "failed", "it is not a regular file")
    argv = ("tail", f"--bytes={CONSOLE_LIMIT}", "--", path)
    timeout = max(deadline - time.monotonic(), 1.0)
    boots = read_boots(_lines(host, argv, timeout))
    return [Witness("console", path, None, boot) for boot in boots if boot.reports]


def _lines(host: Host, argv: Sequence[str], timeout: float) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for piece in host.pipe(argv, b"", timeout):
        *lines, rest = (rest + decoder.decode(piece)).split("\n")
        yield from lines
        rest = rest[:LINE_LIMIT]
    yield rest
