# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's guests need of a kernel, as options of its configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lab.kernel_tree import OFF, setting

PLAIN, WITH_INITRAMFS = "plain", "initramfs"
"""Kinds of guests: one finds its root by what is built into the kernel, the other by an initramfs."""


@dataclass(frozen=True)
class Need:
    """One option; ``module`` says who could load it as a module: nobody, an initramfs, or the running guest."""

    option: str
    why: str
    module: str = "nobody"


_SYSTEMD = "systemd needs it (README of systemd, requirements)"
NEEDS = (
    Need("CONFIG_64BIT", "the guests are x86_64"),
    Need("CONFIG_PCI", "the guest's devices are on a PCI bus"),
    Need("CONFIG_VIRTIO_PCI", "the guest's disk and network are virtio devices on the PCI bus", "initramfs"),
    Need("CONFIG_VIRTIO_BLK", "it is the guest's disk", "initramfs"),
    Need("CONFIG_EXT4_FS", "it is the guest's root file system", "initramfs"),
    Need("CONFIG_VIRTIO_NET", "the guest is reached by it", "guest"),
    Need("CONFIG_INET", "the guest is reached by SSH"),
    Need("CONFIG_SERIAL_8250_CONSOLE", "boots are seen from outside by the serial console"),
    Need("CONFIG_PRINTK", "boots are seen from outside by what the kernel prints"),
    Need("CONFIG_BINFMT_ELF", "programs are ELF files"),
    Need("CONFIG_BINFMT_SCRIPT", "the guest's own programs are scripts", "guest"),
    Need("CONFIG_KEXEC_CORE", "each kernel of the matrix is left by kexec"),
    *(
        Need(f"CONFIG_{name}", _SYSTEMD)
        for name in (
            "DEVTMPFS", "TMPFS", "PROC_FS", "SYSFS", "CGROUPS", "INOTIFY_USER", "SIGNALFD", "TIMERFD", "EPOLL",
            "FHANDLE", "UNIX",
        )
    ),
)  # fmt: skip
_INITRAMFS = Need("CONFIG_BLK_DEV_INITRD", "what is a module is loaded from an initramfs")
_COMPRESSIONS = ("CONFIG_RD_ZSTD", "CONFIG_RD_GZIP")


def settings(config: str) -> dict[str, str]:
    """The options of a .config and their values; those that are not there are off."""
    return dict(filter(None, map(setting, config.splitlines())))


def kind_of_guest(configs: Iterable[str | None]) -> str:
    """The kind of guest that all these kernels can find their root in; one that is not known gets an initramfs."""
    first = [need.option for need in NEEDS if need.module == "initramfs"]
    known = [None if config is None else settings(config) for config in configs]
    alone = all(values is not None and all(values.get(option) == "y" for option in first) for values in known)
    return PLAIN if alone else WITH_INITRAMFS


def lacks(config: str, has_modules: bool) -> list[str]:
    """What a kernel lacks, a line each with the option and the reason."""
    values = settings(config)
    needs = NEEDS if kind_of_guest([config]) == PLAIN else (*NEEDS, _INITRAMFS)
    found = [line for need in needs if (line := _lack(need, values.get(need.option, OFF), has_modules))]
    if _INITRAMFS in needs and not any(values.get(option) == "y" for option in _COMPRESSIONS):
        found.append(f"{' or '.join(_COMPRESSIONS)}: the guest's initramfs is compressed so")
    return found


def _lack(need: Need, value: str, has_modules: bool) -> str | None:
    if value == "y" or (value == "m" and need.module != "nobody" and has_modules):
        return None
    if value != "m":
        return f"{need.option}: {need.why}"
    if need.module == "nobody":
        return f"{need.option}=y: {need.why}, before a module could be loaded"
    return f"{need.option}: {need.why}; it is a module, and no modules were given"
