# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of kernel sources that several kernels are built in, one after the other.

What one kernel has in common with the one before is there already, or in the compiler's cache (ccache).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.paths import cache_dir
from lab.progress import progress_bar, run_logged, say

OFF = "n"
_LINES = 3250  # that the build of a whole tree prints, for those who wait
# Debian's ccache puts programs here that are called like the compilers that they stand before (ccache(1)).
_CCACHE = "/usr/lib/ccache"


@dataclass(frozen=True)
class Edit:
    """A replacement in a source file; ``pattern`` must be found exactly once."""

    file: str
    pattern: str
    replacement: str


def setting(line: str) -> tuple[str, str] | None:
    """The option and its value in a line of a kernel configuration, or None for another line."""
    found = re.fullmatch(r"(?:# )?(CONFIG_\w+)(?:=(.*)| is not set)", line)
    return (found[1], found[2] or OFF) if found else None


@dataclass(frozen=True)
class KernelTree:
    """The tree at ``path``; what commands say goes to ``log``. Only for who holds the tree's lock."""

    path: Path
    log: Path

    @staticmethod
    def unpack(deb: Path, archive: str, tree: Path) -> None:
        """Make the tree from the archive inside of a linux-source package."""
        tree.mkdir()
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as package:
            inner = ["tar", "-xO", archive]
            with subprocess.Popen(inner, stdin=package.stdout, stdout=subprocess.PIPE) as sources:
                subprocess.run(["tar", "-xJ", "--strip-components=1", "-C", tree], stdin=sources.stdout, check=True)

    def edit(self, edits: Sequence[Edit]) -> None:
        """Have these edits in the tree and no others, whatever the kernel before had, or a killed build left.

        Raises:
            LabError: the sources are not as an edit expects.
        """
        for original in [path for path in self._originals.rglob("*") if path.is_file()]:
            # As a new file: what was compiled with the edit is older than it, and is compiled again.
            shutil.copyfile(original, self.path / original.relative_to(self._originals))
        shutil.rmtree(self._originals, ignore_errors=True)
        for edit in edits:
            self._apply(edit)

    def configure(self, wanted: Sequence[str]) -> None:
        """tinyconfig and these lines; then check that every line of them survived.

        Raises:
            LabError: names those that did not.
        """
        run_logged(["make", "-C", str(self.path), "-s", "tinyconfig"], self.log)
        with (self.path / ".config").open("a") as config:
            config.write("\n".join([*wanted, ""]))
        run_logged(["make", "-C", str(self.path), "-s", "olddefconfig"], self.log)
        set_to = dict(filter(None, map(setting, (self.path / ".config").read_text().splitlines())))
        # An option whose prerequisites are off is not in the file at all, and off.
        lost = [line for line in wanted if (found := setting(line)) and set_to.get(found[0], OFF) != found[1]]
        if lost:
            raise LabError(
                f"the kernel's configuration dropped {', '.join(lost)}: an option that they depend on is missing from "
                "kernel.config, or one that needs them is on"
            )

    def package(self, what: str) -> None:
        """Compile the tree and make the package of its image beside it, and no packages of headers."""
        for old in self._made():
            old.unlink()
        environment = {
            **os.environ,
            "CCACHE_DIR": str(cache_dir() / "ccache"),
            # What headers a file has is asked of the compiler, which is run anyway, and not of a run before it.
            "CCACHE_DEPEND": "1",
            "CCACHE_MAXSIZE": "2G",
            "DEB_BUILD_PROFILES": "pkg.linux-upstream.nokernelheaders pkg.linux-upstream.nokerneldbg",
            "DEB_BUILD_OPTIONS": "terse",
            "KBUILD_BUILD_USER": "lab",
            "KBUILD_BUILD_HOST": "lab",
            "KDEB_COMPRESS": "zstd",
            "KDEB_PKGVERSION": "1",
            "PATH": os.pathsep.join([_CCACHE, os.environ.get("PATH", os.defpath)]),
        }
        cores = os.cpu_count() or 1
        is_new, began = not (self.path / "vmlinux").exists(), time.monotonic()
        say(f"{what}: compiling on {cores} cores" + ("" if is_new else ", what is not there yet"))

        def progress(lines: int, last: str) -> str:
            far = f"{progress_bar(lines / _LINES, time.monotonic() - began)}, " if is_new else f"{lines} steps, "
            return f"{what}: {far}now {last[:60]}"

        run_logged(
            ["make", "-C", str(self.path), f"-j{cores}", "bindeb-pkg", "DPKG_FLAGS=--rules-target=binary-image"],
            self.log,
            environment=environment,
            progress=progress,
        )

    def collect(self, folder: Path) -> Path:
        """Move the package into the folder; its path there."""
        (deb,) = (made for made in self._made() if made.name.startswith("linux-image-") and "-dbg_" not in made.name)
        place = folder / deb.name
        deb.rename(place)
        return place

    def _made(self) -> list[Path]:
        """What the packaging leaves beside the tree."""
        return list(self.path.parent.glob("linux-*_*"))

    @property
    def _originals(self) -> Path:
        """The files that an edit has changed, as they were."""
        return self.path.with_name("originals")

    def _apply(self, edit: Edit) -> None:
        file = self.path / edit.file
        text, count = re.subn(edit.pattern, edit.replacement, file.read_text())
        if count != 1:
            raise LabError(
                f"{edit.pattern!r} is {count} times in {edit.file}, not once: the sources have changed, and the "
                "variant has to follow them"
            )
        original = self._originals / edit.file
        if not original.exists():
            original.parent.mkdir(parents=True, exist_ok=True)
            # Not among the originals: what is there is put back.
            beside = self._originals.with_name("original.unfinished")
            shutil.copyfile(file, beside)
            beside.rename(original)
        file.write_text(text)
