# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python environments under build/venv/, rebuilt when what they are made from changes, and never used half-made."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .layout import REQUIREMENTS, VENVS, locked

CONSTRAINTS = REQUIREMENTS / "constraints.txt"


@dataclass(frozen=True)
class Environment:
    """A virtual environment: its name, what it contains and the interpreter it is made with."""

    name: str
    requirements: str
    python: Path

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return VENVS / self.name

    @property
    def stamp(self) -> Path:
        """Written last; holds the fingerprint of what the environment was made from."""
        return self.folder / "complete"

    def tool(self, name: str) -> Path:
        """Return the path of a program in it."""
        return self.folder / "bin" / name

    def fingerprint(self) -> str:
        """Return a hash of everything that it is made from."""
        digest = hashlib.sha256(f"{self.folder} {self.python} {self.python.stat().st_mtime_ns}".encode())
        for path in [*requirement_files(REQUIREMENTS / self.requirements), CONSTRAINTS]:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def is_complete(self) -> bool:
        """Tell whether it is there as its requirements want it."""
        try:
            return self.stamp.read_text(encoding="ascii") == self.fingerprint()
        except FileNotFoundError:
            return False

    def ensure(self, run: Callable[..., None], say: Callable[[str], None]) -> None:
        """Make it unless it is complete. A half-made one has no stamp and is made anew."""
        with locked(VENVS / f"{self.name}.lock"):
            if self.is_complete():
                say(f"{self.name}: there")
                return
            say(f"{self.name}: making it with {self.python}")
            shutil.rmtree(self.folder, ignore_errors=True)
            run([self.python, "-m", "venv", self.folder])
            pip = [self.tool("python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
            run([*pip, "install", "--quiet", "-r", REQUIREMENTS / self.requirements, "-c", CONSTRAINTS])
            run([*pip, "check"])
            beside = self.stamp.with_suffix(f".{os.getpid()}")
            beside.write_text(self.fingerprint(), encoding="ascii")
            beside.replace(self.stamp)


def requirement_files(path: Path) -> list[Path]:
    """Return a requirement file and those that it includes by `-r`."""
    included = [
        path.parent / line.split(maxsplit=1)[1].strip()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("-r ")
    ]
    return [path, *(file for each in included for file in requirement_files(each))]
