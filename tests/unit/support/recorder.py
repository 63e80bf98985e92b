# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that copies everything that is read from it into a directory, which ``FakeRoot`` then plays back.

On a real guest: ``observe_running(Recorder(LocalHost(), Path("tree")))``, then fetch ``tree``. What programs answered
is in ``recorder.runs``; what was piped through them is not kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Generator, List, Sequence, Tuple, Union

from ansible_collections.kho.kexec.plugins.module_utils._host import KMSG, Completed, FileIdentity, Host, Ownership


class Recorder(Host):
    """Passes everything on to ``host``, and keeps a copy of what came back below ``tree``."""

    def __init__(self, host: Host, tree: Path) -> None:
        self._host = host
        self._tree = tree
        self.runs: List[Tuple[Tuple[str, ...], Completed]] = []

    def read_bytes(self, path: str, limit: int = 1 << 16) -> bytes:
        return self._keep(path, self._host.read_bytes(path, limit))

    def exists(self, path: str) -> bool:
        found = self._host.exists(path)
        copy = self._copy_of(path)
        if found and not copy.exists():
            self._keep(path, b"")
        return found

    def listdir(self, path: str) -> List[str]:
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
        return self._keep(KMSG, self._host.kernel_log(limit))

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

    def remove(self, path: str) -> None:
        self._host.remove(path)

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
