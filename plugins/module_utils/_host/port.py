# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door to the managed host: everything that the core reads, writes or runs goes through a ``Host``.

``LocalHost`` is the adapter that modules use. Tests use adapters over a directory of recorded files.
"""

from __future__ import annotations

import abc
import errno
import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, ContextManager, Dict, Generator, Iterator, List, NamedTuple, Optional, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

if TYPE_CHECKING:
    from ansible_collections.kho.kexec.plugins.module_utils._host.pipe import Data

KMSG = "/dev/kmsg"
# Programs such as kexec live in sbin, which is not on the PATH of every session.
SYSTEM_PATHS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

# Seconds that somebody who holds a lock is waited for: longer than loading an image takes on a slow host.
LOCK_PATIENCE = 120.0

_REASON_BY_ERRNO = {
    errno.ENOENT: "absent",
    errno.ENOTDIR: "absent",
    errno.ENODEV: "absent",
    errno.ENXIO: "absent",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.ELOOP: "foreign",
}
_SENTENCE_BY_REASON = {
    "absent": "does not exist",
    "denied": "may not be accessed",
    "too_large": "is larger than can be right",
    "foreign": "is not a regular file of root's",
    "failed": "could not be used",
}


class HostError(KhoError):
    """A file or program of the host could not be used.

    ``path`` names it; ``reason`` is one of ``absent``, ``denied``, ``too_large``, ``foreign`` and ``failed``. The
    error's code is ``host_`` followed by the reason, and its text is a sentence.
    """

    def __init__(self, path: str, reason: str, detail: str = "") -> None:
        explanation = f" ({detail})" if detail else ""
        super().__init__("host_" + reason, f"{path} {_SENTENCE_BY_REASON[reason]}{explanation}.")
        self.path = path
        self.reason = reason


class Completed(NamedTuple):
    """How a program ended: its exit code (negative: killed by that signal) and what it wrote."""

    rc: int
    stdout: str
    stderr: str

    def ending(self, limit: int = 500) -> str:
        """Return how it ended, for people: ``ended with exit code 1 and said: ...``, on one line."""
        said = printable(" ".join((self.stderr or self.stdout).split()), limit) or "nothing"
        return f"ended with exit code {self.rc} and said: {said}"


class Ownership(NamedTuple):
    """Who may write a file: the owner's user id, the group's id, and the permission bits (``0o7777`` at most)."""

    uid: int
    gid: int
    mode: int


class FileIdentity(NamedTuple):
    """What changes when a file is replaced or written: its size in bytes, time of change in nanoseconds, and inode."""

    size: int
    mtime_ns: int
    inode: int


class Host(abc.ABC):
    """The host as the core sees it. Paths are absolute. Every method may raise ``HostError``, and nothing else."""

    @abc.abstractmethod
    def read_bytes(self, path: str, limit: int = 1 << 16) -> bytes:
        """Return the whole file; ``too_large`` when it holds more than ``limit`` bytes."""

    @abc.abstractmethod
    def read_roots(self, path: str, limit: int = 1 << 16) -> bytes:
        """Return a file of root's (or this user's) from where others may write; ``foreign`` when it is none."""

    @abc.abstractmethod
    def read_part(self, path: str, start: int, size: int) -> bytes:
        """Return ``size`` bytes of the file from byte ``start`` on, or as many as there are."""

    def read_text(self, path: str, limit: int = 1 << 16) -> str:
        """Return the whole file as text; what is not UTF-8 becomes U+FFFD."""
        return self.read_bytes(path, limit).decode("utf-8", "replace")

    @abc.abstractmethod
    def exists(self, path: str) -> bool:
        """Tell whether the path can be seen to exist; False also when a directory on the way may not be searched."""

    @abc.abstractmethod
    def listdir(self, path: str) -> List[str]:
        """Return the sorted names in a directory."""

    @abc.abstractmethod
    def resolve(self, path: str) -> str:
        """Return the path with all symbolic links resolved."""

    @abc.abstractmethod
    def owner_and_mode(self, path: str) -> Ownership:
        """Return who owns the file that the path leads to (links are followed), and its permission bits."""

    @abc.abstractmethod
    def attribute(self, path: str, name: str) -> bytes:
        """Return an extended attribute of a file (xattr(7)); empty where none can be read."""

    @abc.abstractmethod
    def identity(self, path: str) -> FileIdentity:
        """Return what tells the file that the path leads to (links are followed) from a later one."""

    @abc.abstractmethod
    def kernel_log(self, limit: int = 4 << 20) -> bytes:
        """Return the records of the kernel's ring buffer, oldest first, joined by line ends.

        Format: Documentation/ABI/testing/dev-kmsg in the kernel's source. At most about ``limit`` bytes are read: the
        newest records are missing then.
        """

    @abc.abstractmethod
    def run(self, argv: Sequence[str], timeout: float = 60.0) -> Completed:
        """Run a program without a shell, without input and with ``LC_ALL=C``; wait at most ``timeout`` seconds.

        ``absent`` when there is no such program, ``failed`` when it did not end in time. Any exit code is a result.
        """

    @abc.abstractmethod
    def pipe(self, argv: Sequence[str], data: Data, timeout: float = 60.0) -> Generator[bytes, None, None]:
        """Yield, piece by piece, what a program makes of ``data``, which it gets as its input; otherwise as ``run``.

        ``failed`` also when its exit code is not 0, so only output that ended without an error is whole. Close
        the iterator to have enough of it: the program is killed then.
        """

    @abc.abstractmethod
    def write_atomically(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """Replace the file so that after a crash either the old or the new content is there, whole.

        A missing parent directory is made, with mode 0700.
        """

    @abc.abstractmethod
    def make_directories(self, path: str, mode: int) -> None:
        """Make the directory and those above it that are missing, all with exactly this mode; others stay."""

    @abc.abstractmethod
    def remove(self, path: str) -> bool:
        """Remove the file; tells whether it was there. Of two that remove the same file, one is told so."""

    @abc.abstractmethod
    def locked(self, path: str) -> ContextManager[None]:
        """Keep other processes out that lock the same file. Its parent directory is made if missing.

        Others are waited for, and ``failed`` when that takes longer than ``LOCK_PATIENCE``.
        """


@contextmanager
def _host_errors(path: str) -> Iterator[None]:
    """Turn what the operating system raises into ``HostError``."""
    try:
        yield
    except OSError as error:
        reason = _REASON_BY_ERRNO.get(error.errno or 0, "failed")
        raise HostError(path, reason, error.strerror or str(error)) from error


class LocalHost(Host):
    """The host on which this Python runs."""

    def read_bytes(self, path: str, limit: int = 1 << 16) -> bytes:
        with _host_errors(path), open(path, "rb") as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise HostError(path, "too_large", f"more than {limit} bytes")
        return data

    def read_roots(self, path: str, limit: int = 1 << 16) -> bytes:
        with _host_errors(path), open(path, "rb", opener=_open_carefully) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, os.geteuid()):
                raise HostError(path, "foreign")
            if status.st_size > limit:
                raise HostError(path, "too_large", f"more than {limit} bytes")
            return stream.read(status.st_size)

    def read_part(self, path: str, start: int, size: int) -> bytes:
        with _host_errors(path), open(path, "rb") as stream:
            stream.seek(start)
            return stream.read(size)

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def listdir(self, path: str) -> List[str]:
        with _host_errors(path):
            return sorted(os.listdir(path))

    def resolve(self, path: str) -> str:
        with _host_errors(path):
            os.stat(path)
            return os.path.realpath(path)

    def owner_and_mode(self, path: str) -> Ownership:
        with _host_errors(path):
            status = os.stat(path)
        return Ownership(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))

    def attribute(self, path: str, name: str) -> bytes:
        try:
            return os.getxattr(path, name)
        except OSError:
            return b""

    def identity(self, path: str) -> FileIdentity:
        with _host_errors(path):
            status = os.stat(path)
        return FileIdentity(status.st_size, status.st_mtime_ns, status.st_ino)

    def kernel_log(self, limit: int = 4 << 20) -> bytes:
        from ansible_collections.kho.kexec.plugins.module_utils._host.pipe import read_kmsg

        with _host_errors(KMSG):
            return read_kmsg(KMSG, limit)

    def run(self, argv: Sequence[str], timeout: float = 60.0) -> Completed:
        environment = _environment_with(argv[0])
        with _host_errors(argv[0]):
            try:
                # AnsibleModule.run_command knows no time limit, and the core knows no Ansible.
                done = subprocess.run(  # pylint: disable=ansible-bad-function
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    env=environment,
                    timeout=timeout,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise HostError(argv[0], "failed", f"not finished after {timeout:g} s") from error
        stdout, stderr = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
        return Completed(done.returncode, stdout, stderr)

    def pipe(self, argv: Sequence[str], data: Data, timeout: float = 60.0) -> Generator[bytes, None, None]:
        # Modules are compiled anew on each host at each run, so those that few need wait until they are needed.
        from ansible_collections.kho.kexec.plugins.module_utils._host.pipe import PipeError, pipe

        environment = _environment_with(argv[0])
        with _host_errors(argv[0]):
            try:
                yield from pipe(argv, data, environment, timeout)
            except PipeError as error:
                raise HostError(argv[0], "failed", printable(str(error))) from error

    def write_atomically(self, path: str, data: bytes, mode: int = 0o600) -> None:
        parent = os.path.dirname(path)
        with _host_errors(path):
            os.makedirs(parent, mode=0o700, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=parent, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    os.fchmod(stream.fileno(), mode)
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.rename(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
            _sync_directory(parent)

    def make_directories(self, path: str, mode: int) -> None:
        missing: List[str] = []
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for directory in reversed(missing):
            with _host_errors(directory):
                os.mkdir(directory, 0o700)
                os.chmod(directory, mode)  # mkdir's own mode is reduced by the umask

    def remove(self, path: str) -> bool:
        with _host_errors(path):
            try:
                os.unlink(path)
            except FileNotFoundError:
                return False
            _sync_directory(os.path.dirname(path))
        return True

    @contextmanager
    def locked(self, path: str) -> Iterator[None]:
        with _host_errors(path):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, path)
            yield
        finally:
            os.close(descriptor)


def _open_carefully(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _environment_with(program: str) -> Dict[str, str]:
    """Return this process's environment with messages in English and the system's programs on the PATH.

    ``absent`` when the program is not among them.
    """
    paths = [path for path in os.environ.get("PATH", "").split(os.pathsep) if path]
    paths.extend(path for path in SYSTEM_PATHS if path not in paths)
    environment = dict(os.environ, LC_ALL="C", PATH=os.pathsep.join(paths))
    if shutil.which(program, path=environment["PATH"]) is None:
        raise HostError(program, "absent", "not found in " + environment["PATH"])
    return environment


def _lock(descriptor: int, path: str) -> None:
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            with _host_errors(path):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except HostError as error:
            if not isinstance(error.__cause__, BlockingIOError):
                raise
            if time.monotonic() > deadline:
                detail = f"another process has held it for {LOCK_PATIENCE:g} s"
                raise HostError(path, "failed", detail) from error
        time.sleep(0.1)


def _sync_directory(path: str) -> None:
    """Make a rename or removal in the directory survive a crash."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lossless(host: Host, path: str, limit: int = 1 << 16) -> str:
    """A file's text, in which bytes that are not UTF-8 survive (as surrogates); empty when it cannot be read."""
    try:
        return host.read_bytes(path, limit).decode("utf-8", "surrogateescape")
    except HostError:
        return ""


def line_of(host: Host, path: str, limit: int = 64) -> Optional[str]:
    """The one line of a small file, such as those of sysfs, printable; None when it is empty or cannot be read."""
    try:
        return printable(host.read_text(path, 4096).strip(), limit) or None
    except HostError:
        return None


def number_of(host: Host, path: str) -> Optional[int]:
    """The number in a small file, decimal or with 0x; None when there is none."""
    try:
        return int(line_of(host, path) or "", 0)
    except ValueError:
        return None
