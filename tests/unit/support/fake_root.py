# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host made of a directory: its files are the host's files, and its programs answer from a script."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Generator, Iterator, List, NamedTuple, NoReturn, Optional, Sequence, Set, Tuple, Union

from ansible_collections.kho.kexec.plugins.module_utils._host.port import (
    KMSG,
    Completed,
    FileIdentity,
    Host,
    HostError,
    Ownership,
)

PIECE = 1000


class Piped(NamedTuple):
    """What comes out of a program that bytes are piped through, and how it fails after that, if it does."""

    output: bytes
    error: Optional[HostError]


Answer = Union[Completed, Piped, HostError]


class FakeRoot(Host):
    """A ``Host`` below ``root``.

    Programs are scripted with ``expect_run`` and must be called in that order; a call that was not expected fails the
    test at once, and ``assert_nothing_left`` fails it for those that did not come. Files belong to root unless
    ``own`` says otherwise; ``deny`` makes a path, and all below it, unreadable.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reads: List[str] = []
        self.piped: List[bytes] = []
        self._answers: List[Tuple[Tuple[str, ...], Answer]] = []
        self._owners: Dict[str, Tuple[int, int]] = {}
        self._attributes: Dict[Tuple[str, str], bytes] = {}
        self._denied: Set[str] = set()

    # How a test prepares the host

    def add(self, path: str, content: Union[str, bytes] = b"", mode: int = 0o644) -> FakeRoot:
        """Put a file on the host, with the directories above it."""
        real = self._real(path)
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_bytes(content.encode() if isinstance(content, str) else content)
        real.chmod(mode)
        return self

    def add_directory(self, path: str, mode: int = 0o755) -> FakeRoot:
        """Put an empty directory on the host."""
        self._real(path).mkdir(parents=True, exist_ok=True)
        self._real(path).chmod(mode)
        return self

    def link(self, path: str, target: str) -> FakeRoot:
        """Put a symbolic link to the host's path ``target`` on the host."""
        real = self._real(path)
        real.parent.mkdir(parents=True, exist_ok=True)
        real.symlink_to(self._real(target))
        return self

    def own(self, path: str, uid: int, gid: int) -> FakeRoot:
        """Make the file belong to somebody else than root."""
        self._owners[path] = (uid, gid)
        return self

    def attach(self, path: str, name: str, value: bytes) -> FakeRoot:
        """Give a file an extended attribute."""
        self._attributes[path, name] = value
        return self

    def deny(self, *paths: str) -> FakeRoot:
        """Make the paths, and all below them, answer "permission denied"."""
        self._denied.update(paths)
        return self

    def expect_run(self, argv: Sequence[str], rc: int = 0, stdout: str = "", stderr: str = "") -> FakeRoot:
        """Expect a program to be run next, and say how it ends."""
        self._answers.append((tuple(argv), Completed(rc, stdout, stderr)))
        return self

    def expect_pipe(self, argv: Sequence[str], output: bytes, error: str = "") -> FakeRoot:
        """Expect bytes to be piped through a program next; with an ``error``, it fails after its output."""
        failure = HostError(argv[0], "failed", error) if error else None
        self._answers.append((tuple(argv), Piped(output, failure)))
        return self

    def expect_missing(self, argv: Sequence[str]) -> FakeRoot:
        """Expect a program to be run next that the host does not have."""
        self._answers.append((tuple(argv), HostError(argv[0], "absent")))
        return self

    def assert_nothing_left(self) -> None:
        """Fail when an expected program was not run."""
        assert not self._answers, f"not run: {[argv for argv, _answer in self._answers]}"

    # The host

    def read_bytes(self, path: str, limit: int = 1 << 16) -> bytes:
        self._check(path)
        self.reads.append(path)
        try:
            data = self._real(path).read_bytes()
        except OSError as error:
            self._raise(path, error)
        if len(data) > limit:
            raise HostError(path, "too_large")
        return data

    def read_roots(self, path: str, limit: int = 1 << 16) -> bytes:
        real = self._real(path)
        if real.is_symlink() or (real.exists() and not real.is_file()) or self._owners.get(path, (0, 0))[0] != 0:
            raise HostError(path, "foreign")
        return self.read_bytes(path, limit)

    def read_part(self, path: str, start: int, size: int) -> bytes:
        self._check(path)
        try:
            return self._real(path).read_bytes()[start : start + size]
        except OSError as error:
            self._raise(path, error)

    def exists(self, path: str) -> bool:
        return not self._is_denied(os.path.dirname(path)) and self._real(path).exists()

    def listdir(self, path: str) -> List[str]:
        self._check(path)
        try:
            return sorted(os.listdir(self._real(path)))
        except OSError as error:
            self._raise(path, error)

    def attribute(self, path: str, name: str) -> bytes:
        return self._attributes.get((path, name), b"")

    def resolve(self, path: str) -> str:
        self._check(path)
        real = self._real(path)
        if not real.exists():
            raise HostError(path, "absent")
        return "/" + os.path.relpath(os.path.realpath(real), os.path.realpath(self.root))

    def owner_and_mode(self, path: str) -> Ownership:
        self._check(path)
        uid, gid = self._owners.get(path, (0, 0))
        try:
            return Ownership(uid, gid, stat.S_IMODE(self._real(path).stat().st_mode))
        except OSError as error:
            self._raise(path, error)

    def identity(self, path: str) -> FileIdentity:
        self._check(path)
        try:
            status = self._real(path).stat()
        except OSError as error:
            self._raise(path, error)
        return FileIdentity(status.st_size, status.st_mtime_ns, status.st_ino)

    def kernel_log(self, limit: int = 4 << 20) -> bytes:
        return self.read_bytes(KMSG, 64 << 20)[:limit]

    def run(self, argv: Sequence[str], timeout: float = 60.0) -> Completed:
        assert timeout > 0
        answer = self._next_answer(argv)
        assert isinstance(answer, Completed), f"expected to be piped through: {list(argv)}"
        return answer

    def pipe(
        self, argv: Sequence[str], data: Union[bytes, memoryview], timeout: float = 60.0
    ) -> Generator[bytes, None, None]:
        assert timeout > 0
        answer = self._next_answer(argv)
        assert isinstance(answer, Piped), f"not expected to be piped through: {list(argv)}"
        self.piped.append(bytes(data))
        yield from (answer.output[at : at + PIECE] for at in range(0, len(answer.output), PIECE))
        if answer.error:
            raise answer.error

    def write_atomically(self, path: str, data: bytes, mode: int = 0o600) -> None:
        self._check(path)
        parent = self._real(path).parent
        if not parent.exists():
            parent.mkdir(parents=True, mode=0o700)
        self.add(path, data, mode)

    def make_directories(self, path: str, mode: int) -> None:
        self._check(path)
        if not self._real(path).exists():
            self.make_directories(os.path.dirname(path), mode)
            self.add_directory(path, mode)

    def remove(self, path: str) -> bool:
        self._check(path)
        if not self._real(path).exists():
            return False
        self._real(path).unlink()
        return True

    @contextmanager
    def locked(self, path: str) -> Iterator[None]:
        self._check(path)
        yield

    def _next_answer(self, argv: Sequence[str]) -> Union[Completed, Piped]:
        assert self._answers, f"unexpected program: {list(argv)}"
        expected, answer = self._answers.pop(0)
        assert tuple(argv) == expected, f"expected program {list(expected)}, got {list(argv)}"
        if isinstance(answer, HostError):
            raise answer
        return answer

    def _real(self, path: str) -> Path:
        assert path.startswith("/"), f"not absolute: {path}"
        return self.root / path.lstrip("/")

    def _is_denied(self, path: str) -> bool:
        return any(path == denied or path.startswith(denied + "/") for denied in self._denied)

    def _check(self, path: str) -> None:
        if self._is_denied(path):
            raise HostError(path, "denied")

    def _raise(self, path: str, error: OSError) -> NoReturn:
        absent = isinstance(error, (FileNotFoundError, NotADirectoryError))
        raise HostError(path, "absent" if absent else "failed") from error
