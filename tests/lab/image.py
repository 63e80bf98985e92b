# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests' disk: Debian with systemd, sshd and a boot loader, which starts the older kernel by default."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import times
from lab.accel import choose
from lab.apt import GUEST_SUITE, sources
from lab.cache import Ingredients, build_once
from lab.errors import LabError
from lab.kernels import Kernel
from lab.kernels import ensure as ensure_kernels
from lab.paths import LAB_DIR
from lab.progress import run_logged, step
from lab.qemu import DirectBoot, Disk, Machine, command_line

_GUEST_FILES = LAB_DIR / "guest"
_PACKAGES = (
    # the system
    "systemd-sysv", "udev", "dbus", "kmod", "iproute2", "procps", "openssh-server", "sudo",
    # what Ansible and the collection need; the lab's kernels are compressed with LZ4
    "python3", "python3-apt", "kexec-tools", "lz4",
)  # fmt: skip


@dataclass(frozen=True)
class _Kind:
    """What makes guests of one kind: the packages of the boot loader, more, and the script that installs it.

    ``partitions`` are sizes in MiB of those that come after the root that the script finds.
    """

    boot_loader: tuple[str, ...] = ("grub-efi-amd64", "dosfstools")
    more: tuple[str, ...] = ()
    install: str = "install-boot-loader-and-kernel"
    partitions: tuple[int, ...] = ()


_INITRAMFS = ("initramfs-tools", "zstd")


def _moved(*packages: str) -> _Kind:
    """A guest whose root is where only an initramfs finds it; it has a partition for /boot, and one for that."""
    return _Kind(
        more=(*_INITRAMFS, "busybox", "e2fsprogs", *packages), install="install-and-move-root", partitions=(256, 2560)
    )


_KINDS = {
    "plain": _Kind(),
    "initramfs": _Kind(more=_INITRAMFS),
    "systemd-boot": _Kind(boot_loader=("systemd-boot",), install="install-systemd-boot-and-kernel"),
    "uki": _Kind(
        boot_loader=("systemd-boot", "systemd-boot-efi", "systemd-ukify"),
        more=_INITRAMFS,
        install="install-systemd-boot-and-kernel",
    ),
    "luks": _moved("cryptsetup-initramfs"),
    "lvm": _moved("lvm2"),
    "btrfs": _moved("btrfs-progs"),
}
KINDS = tuple(_KINDS)
_DISK_MIB = 3072
_EFI_MIB = 64
_ALIGNMENT_MIB = 1
_INSTALL_LASTS = 1200.0  # seconds, under emulation on a busy machine
_OVMF = Path("/usr/share/OVMF")


@dataclass(frozen=True)
class Image:
    """A base disk that no guest writes to; ``release`` is the kernel that its boot loader starts."""

    path: Path
    format: str
    kind: str
    release: str
    ovmf_code: Path
    ovmf_vars: Path


def ensure_all(kinds: Iterable[str]) -> dict[str, Image]:
    """The images of these kinds, built side by side: most of the time is one guest's, and a guest keeps one core busy.

    Raises:
        LabError: as `ensure`.
    """
    ensure_kernels(["old"])
    with ThreadPoolExecutor() as pool:
        return dict(pool.map(lambda kind: (kind, ensure(kind)), dict.fromkeys(kinds)))


def ensure(kind: str) -> Image:
    """Build the image of this kind when it is not built yet.

    Raises:
        LabError: an unknown kind, firmware that is not installed, or a build that fails.
    """
    if kind not in KINDS:
        raise LabError(f"the lab has no guests of the kind {kind}; it has {', '.join(KINDS)}")
    code, variables = _firmware()
    (kernel,) = ensure_kernels(["old"])
    root = build_root(kind)
    made_from: Ingredients = {
        "kernel": kernel.deb.parent.name,
        "root": root.parent.name,
        "install": _text(_KINDS[kind].install),
    }
    folder = build_once("images", kind, made_from, lambda made: _install(kind, kernel, root, made))
    return Image(folder / "disk.raw", "raw", kind, kernel.release, code, variables)


def build_root(kind: str) -> Path:
    """The root file system of this kind as a tar archive, without a kernel."""
    packages = [*_PACKAGES, *_KINDS[kind].boot_loader, *_KINDS[kind].more]
    made_from: Ingredients = {"suite": GUEST_SUITE, "packages": packages, "prepare": _text("prepare-root")}
    return build_once("roots", kind, made_from, lambda made: _bootstrap(kind, packages, made)) / "root.tar"


def _text(name: str) -> str:
    return (_GUEST_FILES / name).read_text()


def _firmware() -> tuple[Path, Path]:
    code, variables = _OVMF / "OVMF_CODE_4M.fd", _OVMF / "OVMF_VARS_4M.fd"
    if not code.exists() or not variables.exists():
        raise LabError(f"{code} and {variables.name} are not there: install Debian's package ovmf")
    return code, variables


def _bootstrap(kind: str, packages: list[str], folder: Path) -> None:
    with step(f"root file system for {kind} guests (Debian {GUEST_SUITE})"):
        mirror_list = folder / "sources.list"
        mirror_list.write_text(sources([GUEST_SUITE]))
        argv = [
            "mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}",
            "--aptopt=APT::Install-Recommends \"false\"",
            "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
            f"--customize-hook={_GUEST_FILES / 'prepare-root'}",
            GUEST_SUITE, str(folder / "root.tar"), str(mirror_list),
        ]  # fmt: skip
        run_logged(argv, folder / "build.log", environment={**os.environ, "LC_ALL": "C.UTF-8"})
        mirror_list.unlink()


def _install(kind: str, kernel: Kernel, root: Path, folder: Path) -> None:
    """Put the root file system on a disk, then let the guest itself install its boot loader and kernel."""
    with step(f"disk for {kind} guests"):
        _make_disk(kind, kernel, root, folder)
    with (
        step(f"installing boot loader and {kernel.package} inside the {kind} guest"),
        times.measured("image", kind),
    ):
        _boot_once(kernel, folder)


def _make_disk(kind: str, kernel: Kernel, root: Path, folder: Path) -> None:
    log, disk, tree = folder / "build.log", folder / "disk.raw", folder / "tree"
    tree.mkdir()
    install, more = _GUEST_FILES / _KINDS[kind].install, _KINDS[kind].partitions
    root_mib = _DISK_MIB - _EFI_MIB - 2 * _ALIGNMENT_MIB
    script = tree.with_name("fill")
    script.write_text(
        "set -eu\n"
        f"tar -x --numeric-owner --exclude=./dev/* -C '{tree}' -f '{root}'\n"
        f"install -D -m 0755 '{install}' '{tree}/var/lib/lab/install'\n"
        f"install -m 0644 '{kernel.deb}' '{tree}/var/lib/lab/'\n"
        f"echo '{kind}' >'{tree}/var/lib/lab/kind'\n"
        f"mke2fs -q -t ext4 -L root -E lazy_itable_init=0 -d '{tree}' '{folder}/root.ext4' {root_mib}M\n"
        f"rm -rf '{tree}'\n"
    )
    run_logged([*_as_root(), "sh", str(script)], log)
    script.unlink()
    run_logged(["mkfs.vfat", "-n", "EFI", "-C", str(folder / "efi.vfat"), str(_EFI_MIB * 1024)], log)
    with disk.open("wb") as made:
        made.truncate(_DISK_MIB + sum(more) << 20)
    table = f"label: gpt\nstart={_ALIGNMENT_MIB}MiB, size={_EFI_MIB}MiB, type=U\nsize={root_mib}MiB, type=L\n"
    table += "".join(f"size={mib}MiB, type=L\n" for mib in more)
    subprocess.run(["sfdisk", "--quiet", str(disk)], input=table, text=True, check=True, capture_output=True)
    for part, start in (("efi.vfat", _ALIGNMENT_MIB), ("root.ext4", _ALIGNMENT_MIB + _EFI_MIB)):
        place = ["bs=1M", f"seek={start}", "conv=notrunc,sparse", "status=none"]
        run_logged(["dd", f"if={folder / part}", f"of={disk}", *place], log)
        (folder / part).unlink()


def _as_root() -> list[str]:
    """Files of a root file system belong to many users: root makes them, others do in a user namespace."""
    return [] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--map-auto"]


def _boot_once(kernel: Kernel, folder: Path) -> None:
    console = folder / "install.console.log"
    subprocess.run(["dpkg-deb", "-x", str(kernel.deb), str(folder / "kernel")], check=True)
    machine = Machine(
        name="image",
        console=console,
        accelerator=choose().accelerator,
        disks=(Disk(folder / "disk.raw", "raw"),),
        direct_boot=DirectBoot(
            folder / "kernel" / "boot" / f"vmlinuz-{kernel.release}",
            command_line="console=ttyS0,115200 root=/dev/vda2 rw panic=-1 net.ifnames=0 no_timer_check "
            "pty.legacy_count=0 highres=off systemd.run=/var/lib/lab/install "
            "systemd.run_success_action=poweroff systemd.run_failure_action=poweroff",
        ),
        ssh_port=None,
        reboot=False,
    )
    run_logged(["timeout", f"{_INSTALL_LASTS:.0f}", *command_line(machine)], folder / "build.log")
    shutil.rmtree(folder / "kernel")
    said = console.read_text(errors="replace")
    if "LAB-IMAGE: complete" not in said:
        until_it_failed = re.sub(r"(LAB-IMAGE: failed[^\n]*).*", r"\1", said, flags=re.DOTALL)
        raise LabError(f"the guest did not install its boot loader and kernel; its console:\n{until_it_failed[-3000:]}")
