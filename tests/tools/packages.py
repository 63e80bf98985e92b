# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian packages that tests and demo need, each with its reason, and their installation."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Collection
from pathlib import Path

Run = Callable[..., None]

# Purpose -> package -> reason.
PACKAGES: dict[str, dict[str, str]] = {
    "python": {
        "python3-venv": "environments of the Python tools",
    },
    "unit": {
        "grub-common": "GRUB's own parser judges what is taken for its script (grub-script-check)",
        "lz4": "kernel images are decompressed as on managed hosts",
        "zstd": "kernel images are decompressed as on managed hosts",
    },
    "lab": {
        "apt-utils": "index of the guests' package repository (apt-ftparchive)",
        "bc": "kernel build",
        "bison": "kernel build",
        "ccache": "kernel build (what several kernels have in common is compiled once)",
        "cpio": "kernel build (headers) and initramfs",
        "debhelper": "kernel packages (bindeb-pkg)",
        "dosfstools": "EFI system partition of the guest image (mkfs.vfat)",
        "dpkg-dev": "kernel packages (bindeb-pkg)",
        "e2fsprogs": "root file system of the guest image (mke2fs -d)",
        "fdisk": "partition table of the guest image (sfdisk)",
        "flex": "kernel build",
        "gcc": "kernel build",
        "iproute2": "look at the lab's sockets",
        "kmod": "kernel build (depmod)",
        "libdw-dev": "kernel packages (bindeb-pkg asks for it)",
        "libelf-dev": "kernel build (objtool)",
        "libssl-dev": "kernel build (certificates)",
        "lz4": "compressed kernels and initramfs",
        "make": "kernel build",
        "mmdebstrap": "root file system of the guest image",
        "openssh-client": "connections to the guests, their keys",
        "ovmf": "firmware of the guests",
        "postgresql": "the database that slices of a rollout share; the machine's own service is not used",
        "python3": "kernel packages (bindeb-pkg asks for it)",
        "qemu-system-x86": "the guests",
        "qemu-utils": "their disks (qemu-img)",
        "rsync": "kernel build (headers)",
        "uidmap": "root file system of the guest image without being root (unshare --map-auto)",
        "util-linux": "locks and signals of the lab's helpers (flock, setpriv)",
        "xz-utils": "kernel sources and packages",
        "zstd": "compressed kernels and packages",
    },
    "integration": {
        "busybox": "the guard's program is run by each shell that a host may have",
        "openssh-server": "stand-in hosts in network namespaces; the machine's own service is not used",
        "systemd": "journals are read as on managed hosts (journalctl)",
        "systemd-journal-remote": "journals of made-up hosts",
        "postgresql": "ledgers in a server of the tests' own; the machine's own service is not used",
        "util-linux": "that server ends with its test, and is not root (setpriv)",
    },
}

LISTS = Path("/var/lib/apt/lists")
LISTS_STALE_AFTER = 24 * 3600  # seconds
UNATTENDED = ["--quiet", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
NO_QUESTIONS = {"DEBIAN_FRONTEND": "noninteractive"}


class PackagesMissing(Exception):
    """Packages are missing and cannot be installed by this user; says what to do instead."""


def missing(purposes: Collection[str]) -> dict[str, str]:
    """Return the packages of these purposes that are not installed, with their reasons."""
    wanted = {name: reason for purpose in sorted(purposes) for name, reason in PACKAGES[purpose].items()}
    if not wanted:
        return {}
    if not shutil.which("dpkg-query"):
        raise PackagesMissing(f"This is no Debian machine (no dpkg-query). Needed are: {', '.join(wanted)}.")
    shown = subprocess.run(
        ["dpkg-query", "--show", "--showformat", r"${Package} ${db:Status-Status}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,  # 1 when one of them is unknown to dpkg
    ).stdout
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return {name: reason for name, reason in wanted.items() if name not in installed}


def ensure(purposes: Collection[str], run: Run, say: Callable[[str], None]) -> None:
    """Install what is missing when root; raise PackagesMissing with the exact command otherwise."""
    lacking = missing(purposes)
    if not lacking:
        say("all there")
        return
    for name, reason in lacking.items():
        say(f"missing: {name} ({reason})")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *lacking]
    if os.geteuid() != 0:
        raise PackagesMissing(
            f"{len(lacking)} Debian packages are missing and only root can install them. Run this and try again:\n"
            f"  sudo apt-get update && sudo {' '.join(install)}"
        )
    if lists_are_stale():
        update(run)
    run([*install, *UNATTENDED], env=NO_QUESTIONS)
    still = missing(purposes)
    if still:
        raise PackagesMissing(f"apt-get succeeded, yet these are not installed: {', '.join(still)}.")


def lists_are_stale() -> bool:
    """Tell whether apt's package lists are absent or older than a day."""
    times = [path.stat().st_mtime for path in LISTS.glob("*_Packages*")]
    return not times or time.time() - max(times + [LISTS.stat().st_mtime]) > LISTS_STALE_AFTER


def update(run: Run) -> None:
    """Fetch apt's package lists."""
    run(["apt-get", "update", *UNATTENDED], env=NO_QUESTIONS)
