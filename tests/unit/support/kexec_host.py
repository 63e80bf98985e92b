# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose kexec does to its files what the real one does, and which can be killed at any step."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Sequence, Union

from ansible_collections.kho.kexec.plugins.module_utils._health.baseline import BASELINE_PATH
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import FAILED_UNITS_ARGV
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.plugins.module_utils._image.cache import CACHE_PATH
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

LOADED = "/sys/kernel/kexec/loaded"
GOOD = Completed(0, "", "")
# What only saves time, and what is only there to be compared with.
UNIMPORTANT = (CACHE_PATH, BASELINE_PATH)
# Programs that change nothing.
ASKING = ("kexec --version", " ".join(FAILED_UNITS_ARGV))


class Killed(BaseException):
    """The module was killed: nothing after this happened."""


class KexecHost(FakeRoot):
    """Programs are not scripted: ``kexec`` loads and unloads, and everything else succeeds.

    ``steps`` lists what changed the host, in order, but for ``UNIMPORTANT`` files. ``kill_before``
    is the number of the step (from 1) before which the module is killed; 0: never. ``endings`` gives steps that begin
    with its keys another ending: a ``Completed`` has no effect, and a ``HostError`` is raised, for programs after their
    effect.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.steps: List[str] = []
        self.kill_before = 0
        self.endings: Dict[str, Union[Completed, HostError]] = {}

    def snapshot(self) -> Dict[str, bytes]:
        """Return the content of all files, but for the cache of images."""
        left_out = [self._real(path) for path in UNIMPORTANT]
        files = (path for path in self.root.rglob("*") if path.is_file() and path not in left_out)
        return {str(path): path.read_bytes() for path in files}

    @property
    def is_loaded(self) -> bool:
        """Whether an image is loaded."""
        return self.read_text(LOADED).strip() == "1"

    def run(self, argv: Sequence[str], timeout: float = 60.0) -> Completed:
        assert timeout > 0
        line = " ".join(argv)
        if line not in ASKING:
            self._begin(line)
        ending = self._ending(line)
        if isinstance(ending, Completed) and ending is not GOOD:
            return ending
        if line.startswith("kexec -s -l "):
            self.add(LOADED, "1\n")
        elif line == "kexec -s -u":
            self.add(LOADED, "0\n")
        if isinstance(ending, HostError):
            raise ending
        return ending

    def write_atomically(self, path: str, data: bytes, mode: int = 0o600) -> None:
        if path not in UNIMPORTANT:
            self._change(f"write {path}")
        super().write_atomically(path, data, mode)

    def remove(self, path: str) -> bool:
        self._change(f"remove {path}")
        return super().remove(path)

    def _change(self, step: str) -> None:
        self._begin(step)
        ending = self._ending(step)
        if isinstance(ending, HostError):
            raise ending

    def _begin(self, step: str) -> None:
        self.steps.append(step)
        if len(self.steps) == self.kill_before:
            self.kill_before = 0
            raise Killed

    def _ending(self, step: str) -> Union[Completed, HostError]:
        return next((ending for start, ending in self.endings.items() if step.startswith(start)), GOOD)
