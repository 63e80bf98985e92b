# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that copies everything that is read from it into a directory, which ``FakeRoot`` then plays back.

What programs answered is in ``recorder.runs``, without what was piped through them; what may not be read is in
``recorder.denied``. ``recording`` makes one document of all that.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import ContextManager, Generator, Iterator, List, Sequence, Set, Tuple, Union

from ansible_collections.kho.kexec.plugins.module_utils._host.port import (
    KMSG,
    Completed,
    FileIdentity,
    Host,
    HostError,
    Ownership,
)


class Recorder(Host):
    """Passes everything on to ``host``, and keeps a copy of what came back below ``tree``."""

    def __init__(self, host: Host, tree: Path) -> None:
        self._host = host
        self._tree = tree
        self.runs: List[Tuple[Tuple[str, ...], Completed]] = []
        self.denied: Set[str] = set()

    def read_bytes(self, path: str, limit: int = 1 << 16) -> bytes:
        with self._noting_denial(path):
            data = self._host.read_bytes(path, limit)
        return self._keep(path, data)

    def read_roots(self, path: str, limit: int = 1 << 16) -> bytes:
        with self._noting_denial(path):
            data = self._host.read_roots(path, limit)
        return self._keep(path, data)

    def read_part(self, path: str, start: int, size: int) -> bytes:
        return self._host.read_part(path, start, size)

    def attribute(self, path: str, name: str) -> bytes:
        return self._host.attribute(path, name)

    def exists(self, path: str) -> bool:
        found = self._host.exists(path)
        copy = self._copy_of(path)
        if found and not copy.exists():
            self._keep(path, b"")
        return found

    def listdir(self, path: str) -> List[str]:
        with self._noting_denial(path):
            names = self._host.listdir(path)
        directory = self._make_directory(self._copy_of(path))
        for name in names:
            if not (directory / name).exists():
                (directory / name).touch()
        return names

    def resolve(self, path: str) -> str:
        return self._host.resolve(path)

    def owner_and_mode(self, path: str) -> Ownership:
        return self._host.owner_and_mode(path)

    def identity(self, path: str) -> FileIdentity:
        return self._host.identity(path)

    def kernel_log(self, limit: int = 4 << 20) -> bytes:
        with self._noting_denial(KMSG):
            log = self._host.kernel_log(limit)
        return self._keep(KMSG, log)

    def run(self, argv: Sequence[str], timeout: float = 60.0) -> Completed:
        done = self._host.run(argv, timeout)
        self.runs.append((tuple(argv), done))
        return done

    def pipe(
        self, argv: Sequence[str], data: Union[bytes, memoryview], timeout: float = 60.0
    ) -> Generator[bytes, None, None]:
        return self._host.pipe(argv, data, timeout)

    def write_atomically(self, path: str, data: bytes, mode: int = 0o600) -> None:
        self._host.write_atomically(path, data, mode)

    def make_directories(self, path: str, mode: int) -> None:
        self._host.make_directories(path, mode)

    def remove(self, path: str) -> bool:
        return self._host.remove(path)

    def locked(self, path: str) -> ContextManager[None]:
        return self._host.locked(path)

    @contextmanager
    def _noting_denial(self, path: str) -> Iterator[None]:
        try:
            yield
        except HostError as error:
            if error.reason == "denied":
                self.denied.add(path)
            raise

    def _copy_of(self, path: str) -> Path:
        return self._tree / path.lstrip("/")

    def _make_directory(self, directory: Path) -> Path:
        """Make a directory, also where an empty file stands for something that was only known to exist."""
        for path in (*reversed(directory.parents), directory):
            if path.is_file():
                path.unlink()
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def _keep(self, path: str, data: bytes) -> bytes:
        copy = self._copy_of(path)
        self._make_directory(copy.parent)
        copy.write_bytes(data)
        return data
