# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python environments under build/venv/, made once and kept until what they are made from changes.

None is used half-made, and none is removed while somebody uses it: steps hold a shared lock on theirs, and programs
that a person started by hand are found in /proc.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import processes
from .forks import Crew, Tell
from .interpreters import Version
from .layout import REQUIREMENTS, VENVS, locked
from .processes import Leftover

CONSTRAINTS = REQUIREMENTS / "constraints.txt"
LOOK_AGAIN = 2.0  # seconds between two looks at who uses an environment

Say = Callable[[str], None]


@dataclass(frozen=True)
class Environment:
    """A virtual environment: its name, what it contains and the interpreter it is made with."""

    name: str
    requirements: str
    python: Path
    version: Version

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
        """Return a hash of everything that it is made from.

        Of the interpreter that is the file itself: the same one is called python3 from a plain shell and python3.11
        from one where an environment is active, and its date changes with every update of the machine.
        """
        # The folder, because the programs in it name their interpreter by its path.
        digest = hashlib.sha256(f"{self.folder} {self.python.resolve()} {self.version}".encode())
        for path in [*requirement_files(REQUIREMENTS / self.requirements), CONSTRAINTS]:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def is_complete(self) -> bool:
        """Tell whether it is there as its requirements want it."""
        try:
            return self.stamp.read_text(encoding="ascii") == self.fingerprint()
        except FileNotFoundError:
            return False

    def in_use(self, say: Say) -> AbstractContextManager[None]:
        """Keep others from making it anew until the block ends."""
        return locked(VENVS / f"{self.name}.lock", f"another run that makes {self.name}", say, shared=True)

    def ensure(self, run: Callable[..., None], say: Say) -> None:
        """Make it unless it is complete. A half-made one has no stamp and is made anew."""
        with self.in_use(say):
            if self.is_complete():
                say(f"{self.name}: there")
                return
        with locked(VENVS / f"{self.name}.lock", f"the steps that use {self.name}, to make it anew", say):
            if not self.is_complete():
                wait_for_users(self.folder, say)
                self.make(run, say)

    def make(self, run: Callable[..., None], say: Say) -> None:
        """Make it, in place of what is there."""
        say(f"{self.name}: making it with {self.python}")
        shutil.rmtree(self.folder, ignore_errors=True)
        run([self.python, "-m", "venv", self.folder])
        pip = [self.tool("python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
        run([*pip, "install", "--quiet", "-r", REQUIREMENTS / self.requirements, "-c", CONSTRAINTS])
        run([*pip, "check"])
        beside = self.stamp.with_suffix(f".{os.getpid()}")
        beside.write_text(self.fingerprint(), encoding="ascii")
        beside.replace(self.stamp)


def ensure_all(environments: Iterable[Environment], run: Callable[..., None], say: Say) -> list[str]:
    """Make sure of several environments; return why some could not be made.

    As many at once as there are processors, because pip keeps one busy.
    """
    waiting = list(environments)
    failures: list[str] = []

    def ensure(environment: Environment, tell: Tell) -> None:
        try:
            environment.ensure(run, say)
        except Exception as error:
            tell({"failed": str(error)})

    with Crew() as crew:
        while crew.children or (waiting and not failures):
            while waiting and not failures and len(crew.children) < (os.cpu_count() or 1):
                environment = waiting.pop(0)
                crew.start(environment.name, partial(ensure, environment))
            for name, message in crew.listen():
                if message.get("failed") or message.get("gone"):
                    failures.append(f"{name}: {message.get('failed') or 'its process was ended'}")
    return failures


def wait_for_users(folder: Path, say: Say) -> None:
    """Wait until no program of this environment runs; say which do."""
    said: list[Leftover] = []
    while found := list(users(folder)):
        if found != said:
            say(f"waiting for what uses {folder.name}, to make it anew: {', '.join(map(str, found))}")
            said = found
        time.sleep(LOOK_AGAIN)


def users(folder: Path) -> Iterator[Leftover]:
    """Yield the processes that run a program of this environment, save this one and those it descends from."""
    known = {pid: (parent, name) for pid, parent, name in processes.parents()}
    own, above = set(), os.getpid()
    while above in known:
        own.add(above)
        above = known[above][0]
    for pid in known.keys() - own:
        proc = Path("/proc", str(pid))
        try:
            words = (proc / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
            started = (proc / "cwd").readlink() / words[0]
        except OSError:
            continue  # ended meanwhile, or another user's
        if started.is_relative_to(folder):
            yield Leftover(pid, known[pid][1])


def requirement_files(path: Path) -> list[Path]:
    """Return a requirement file and those that it includes by `-r`."""
    included = [
        path.parent / line.split(maxsplit=1)[1].strip()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("-r ")
    ]
    return [path, *(file for each in included for file in requirement_files(each))]
