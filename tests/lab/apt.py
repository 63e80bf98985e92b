# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages of other suites than the machine's own, through an apt configuration of the lab's.

The mirror and its keys are those that the machine already uses; nothing is added to the machine itself.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.cache import age, locked
from lab.errors import LabError
from lab.paths import cache_dir
from lab.progress import step

GUEST_SUITE = "trixie"
KERNEL_SUITES = ("sid", "trixie-backports")
_INDEX_LASTS = 3600.0  # seconds
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirror() -> str:
    """The URL of the Debian archive that this machine is configured with.

    Raises:
        LabError: apt knows no Debian archive.
    """
    targets = _output(["apt-get", "indextargets", "--format", "$(SITE) $(LABEL)", "Created-By: Packages"])
    for line in targets.splitlines():
        site, _space, label = line.partition(" ")
        if label == "Debian":
            return site
    raise LabError(
        "apt-get indextargets shows no archive with the label Debian on this machine, and the lab takes its kernels' "
        "sources and its guests' packages from there: use a Debian machine, and run 'apt-get update' there"
    )


def sources(suites: Sequence[str]) -> str:
    """The lines of a sources.list for these suites."""
    return "".join(f"deb [signed-by={_KEYRING}] {mirror()} {suite} main\n" for suite in suites)


class KernelArchive:
    """The suites that kernels' sources come from."""

    def __init__(self) -> None:
        """Read the index, which is fetched when there is none or an old one."""
        self._folder = cache_dir() / "apt"
        self._environment = {**os.environ, "APT_CONFIG": str(self._folder / "apt.conf"), "LC_ALL": "C"}
        with locked("apt", "the index of Debian's kernel packages"):
            if age(self._folder / "fetched") > _INDEX_LASTS:
                self._fetch_index()

    def candidates(self, pattern: str) -> dict[str, str]:
        """The newest version that the suites offer of each package whose name matches the regular expression."""
        newest: dict[str, str] = {}
        for line in self._apt("apt-cache", "search", "--names-only", pattern).splitlines():
            name = line.split()[0]
            for version in _versions(name, self._apt("apt-cache", "madison", name)):
                if name not in newest or _is_newer(version, newest[name]):
                    newest[name] = version
        return newest

    def download(self, package: str, version: str, folder: Path) -> Path:
        """Fetch one package file into ``folder``; apt checks it against the signed index."""
        self._apt("apt-get", "download", f"{package}={version}", folder=folder)
        (deb,) = folder.glob(f"{package}_*.deb")
        return deb

    def _fetch_index(self) -> None:
        for folder in ("lists/partial", "archives/partial"):
            (self._folder / folder).mkdir(parents=True, exist_ok=True)
        (self._folder / "sources.list").write_text(sources(KERNEL_SUITES))
        (self._folder / "apt.conf").write_text(
            f'Dir::Etc::SourceList "{self._folder}/sources.list";\n'
            'Dir::Etc::SourceParts "-";\n'
            f'Dir::State::Lists "{self._folder}/lists";\n'
            f'Dir::Cache "{self._folder}";\n'
            'APT::Sandbox::User "root";\n'
        )
        with step("fetching the index of Debian's kernel packages"):
            self._apt("apt-get", "update", "-q")
        (self._folder / "fetched").touch()

    def _apt(self, *argv: str, folder: Path | None = None) -> str:
        return _output(argv, self._environment, folder)


def _versions(name: str, madison: str) -> list[str]:
    return re.findall(rf"^ *{re.escape(name)} \| *(\S+)", madison, re.MULTILINE)


def _is_newer(version: str, than: str) -> bool:
    return subprocess.run(["dpkg", "--compare-versions", version, "gt", than], check=False).returncode == 0


def _output(argv: Sequence[str], environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(argv, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise LabError(f"cannot start {argv[0]}: {error}; the lab builds its guests with Debian's tools") from error
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)} failed with status {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout
