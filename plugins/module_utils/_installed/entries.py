# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where kernels are seen by the boot loaders: entries of the Boot Loader Specification, and GRUB's configuration."""

from __future__ import annotations

import posixpath
import re
from typing import Iterator, List, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of, read_lossless
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._image.header import ImageError
from ansible_collections.kho.kexec.plugins.module_utils._image.pe import parse_pe
from ansible_collections.kho.kexec.plugins.module_utils._image.uki import read_uki
from ansible_collections.kho.kexec.plugins.module_utils._installed.bls import BlsEntry, parse_bls_entry
from ansible_collections.kho.kexec.plugins.module_utils._installed.grub_entries import (
    MenuEntry,
    last_set,
    parse_grub_config,
)
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import (
    BOOT,
    IMAGE_LIMIT,
    KernelFile,
    Modules,
    is_kdump_initrd,
    label_of,
    leftover,
    names_in,
)
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import last_value
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import is_release

# Where the partitions with entries are mounted: XBOOTLDR or a plain /boot, and the EFI system partition.
PARTITIONS = (BOOT, "/efi", "/boot/efi")
GRUB_CONFIGS = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
ENTRIES_LIMIT = 512
UKIS_LIMIT = 32  # they are read, and have some 100 MiB
ENTRY_BYTES_LIMIT = 1 << 16
GRUB_BYTES_LIMIT = 4 << 20
PATH_LIMIT = 1024
# The parameters that say which file system, and which snapshot or deployment on it, is the system.
_SYSTEM = ("root", "rootflags", "ostree")
MOUNTS = "/proc/self/mountinfo"
MOUNTS_LIMIT = 4 << 20

# The name of a unified kernel image, with the counter of boots that are left ("+3-1"):
# https://uapi-group.org/specifications/specs/boot_loader_specification/#boot-counting
_UKI = regex(r"(.+?)(?:\+[0-9]+(?:-[0-9]+)?)?\.efi", re.IGNORECASE)
_OF_MACHINE = regex(r"([0-9a-f]{32})-")
# kernel-install(8) puts the machine's id or the distribution's name before the release, dracut(8) the id behind it.
_AT_RELEASE = regex(r"(?:^|-)([0-9]+\.[0-9].*?)(?:-[0-9a-f]{32})?$")


def bls_entries(host: Host) -> list[str]:
    """The paths of all entries of the Boot Loader Specification."""
    directories = [partition + "/loader/entries" for partition in PARTITIONS]
    return [
        posixpath.join(directory, name)
        for directory in directories
        for name in names_in(host, directory)[:ENTRIES_LIMIT]
        if name.endswith(".conf")
    ]


def seen_in_bls(host: Host, modules: Modules) -> Iterator[KernelFile]:
    """The kernels of all type 1 entries that can be read."""
    for partition in PARTITIONS:
        directory = partition + "/loader/entries"
        names = [name for name in names_in(host, directory) if name.endswith(".conf")]
        for name in names[:ENTRIES_LIMIT]:
            path = posixpath.join(directory, name)
            try:
                entry = parse_bls_entry(host.read_text(path, ENTRY_BYTES_LIMIT))
            except HostError:
                continue
            if entry.linux or entry.uki:
                seen = _bls_kernel(host, modules, partition, path, entry)
                named = _OF_MACHINE.match(name)
                machine_id = entry.machine_id or (named.group(1) if named else "")
                yield seen._replace(options=entry.options, machine_id=machine_id)


def _bls_kernel(host: Host, modules: Modules, partition: str, path: str, entry: BlsEntry) -> KernelFile:
    bases = (partition, "", *PARTITIONS)
    linux, version = entry.linux or entry.uki or "", (entry.version or "").rpartition("@")[2]
    if not entry.linux:
        image = _find(host, linux, bases)
        label = version if is_release(version) else ""
        seen = _kernel_file(host, "bls:" + path, linux, (_uname(host, image) if image else None) or label, (), bases)
        return seen._replace(uki=True)
    labels = (
        label_of(posixpath.basename(linux), modules),  # first: for OSTree the version is no release
        version,  # sdbootutil (SUSE) writes SNAPSHOT@RELEASE
        posixpath.basename(posixpath.dirname(linux)),  # kernel-install(8): /TOKEN/RELEASE/linux
    )
    initrds = [*entry.initrds, *(path for name in entry.more_initrds for path in _initrds_in(host, name))]
    return _kernel_file(host, "bls:" + path, linux, next(filter(is_release, labels), ""), initrds, bases)


def _initrds_in(host: Host, variable: str) -> Iterator[str]:
    """The initrds that a variable of GRUB names, as tuned sets it in grub.cfg."""
    for path in GRUB_CONFIGS:
        try:
            value = last_set(host.read_text(path, GRUB_BYTES_LIMIT), variable)
        except HostError:
            continue
        yield from (word for word in value.split() if word.startswith("/"))


def of_this_system(host: Host, kernel_files: Sequence[KernelFile]) -> List[KernelFile]:
    """Those by which the system that runs is started; without such, those that may be; without such, all.

    Others are for another snapshot of it, or were left behind when its machine id changed.
    """
    running = read_lossless(host, "/proc/cmdline")
    machine_id = line_of(host, "/etc/machine-id") or ""
    fits = [_fits(seen, running, machine_id) for seen in kernel_files]
    wanted = True if True in fits else None if None in fits else False
    return [seen for seen, fit in zip(kernel_files, fits) if fit is wanted]


def _fits(seen: KernelFile, running: str, machine_id: str) -> Optional[bool]:
    """Whether the system that runs is started so; None when that is not known."""
    if seen.machine_id and machine_id and seen.machine_id != machine_id:
        return False
    mine, its = ([last_value(text, name) for name in _SYSTEM] for text in (running, seen.options or ""))
    if its == mine and any(its):
        return True
    # The same file system may be called by several names.
    return False if its[0] == mine[0] and its[0] is not None else None


def seen_as_uki(host: Host) -> Iterator[KernelFile]:
    """Unified kernel images."""
    for partition in PARTITIONS:
        directory = partition + "/EFI/Linux"
        names = [name for name in names_in(host, directory) if _UKI.fullmatch(name)]
        for name in names[:UKIS_LIMIT]:
            yield _uki_kernel(host, posixpath.join(directory, name))


def _uki_kernel(host: Host, path: str) -> KernelFile:
    """The release is that of the section .uname; the file's name, which anybody may choose, counts only without one."""
    named = _UKI.fullmatch(posixpath.basename(path))
    at_release = _AT_RELEASE.search(named.group(1)) if named else None
    uname = _uname(host, path)
    label = uname or (at_release.group(1) if at_release else "")
    return KernelFile(path, "bls:" + path, label, uki=True, only_named=uname is None)


def _uname(host: Host, path: str) -> Optional[str]:
    """The release in the section .uname; None without it, and when the image cannot be read."""
    try:
        image = memoryview(host.read_bytes(path, IMAGE_LIMIT))
        pe = parse_pe(image)
        return read_uki(image, pe).release if pe is not None else None
    except (HostError, ImageError):
        return None


def seen_in_grub(host: Host, modules: Modules) -> Iterator[KernelFile]:
    """The kernels of GRUB's menu."""
    for path in GRUB_CONFIGS:
        try:
            entries = parse_grub_config(host.read_text(path, GRUB_BYTES_LIMIT))
        except HostError:
            continue
        for entry in entries:
            yield kernel_file_in_grub(host, modules, path, entry)


def kernel_file_in_grub(host: Host, modules: Modules, path: str, entry: MenuEntry) -> KernelFile:
    """What an entry of the GRUB configuration ``path`` names, on this host."""
    label = label_of(posixpath.basename(entry.linux), modules)
    seen = _kernel_file(host, "grub:" + path, entry.linux, label, entry.initrds, ("", BOOT))
    return seen._replace(options=entry.options)


def _find(host: Host, path: str, bases: Sequence[str]) -> Optional[str]:
    """The file that a boot loader calls ``path``; None when none of the file systems known here has it.

    GRUB names a file by its place in its file system: on btrfs below a subvolume, on ZFS below ``DATASET@``, each of
    which is mounted somewhere, or is not.
    """
    if ".." in path.split("/") or len(path) > PATH_LIMIT:
        return None
    path = posixpath.join("/", path)
    paths = [*(base + path for base in bases), *_below_subvolume(host, path)]
    return next((posixpath.normpath(found) for found in paths if host.exists(found)), None)


def _below_subvolume(host: Host, path: str) -> Iterator[str]:
    """The path where its subvolume or dataset is mounted; without a table of mounts, below /boot as names suggest."""
    try:
        table = host.read_text(MOUNTS, MOUNTS_LIMIT)
    except HostError:
        at_boot, dataset = path.find(BOOT + "/"), path.find("@/")
        yield from [path[at_boot:]] if at_boot > 0 else []
        yield from [BOOT + path[dataset + 1 :]] if dataset > 0 else []
        yield from ["/" + path[2:]] if path.startswith("/@boot/") else []
        return
    for line in table.split("\n"):
        prefix, point = _subvolume(line)
        if prefix and path.startswith(prefix + "/"):
            yield posixpath.join(point, path[len(prefix) :].lstrip("/"))


def _subvolume(line: str) -> Tuple[str, str]:
    """How GRUB's paths into a mounted subvolume or dataset begin, and where that is mounted; empty for other mounts.

    A line of mountinfo (proc(5)): ID PARENT DEVICE ROOT POINT OPTIONS FIELDS - TYPE SOURCE OPTIONS.
    """
    mount, _dash, file_system = line.partition(" - ")
    fields, (kind, source) = mount.split(), (file_system.split() + ["", ""])[:2]
    if len(fields) < 5 or fields[4] not in ("/", *PARTITIONS):
        return "", ""
    if kind == "btrfs":
        return fields[3].rstrip("/"), fields[4]
    if kind == "zfs":
        return "/".join(["", *source.split("/")[1:]]) + "@" if "/" in source else "/@", fields[4]
    return "", ""


def _kernel_file(
    host: Host, found_in: str, linux: str, label: str, initrds: Sequence[str], bases: Sequence[str]
) -> KernelFile:
    """What an entry names, on this host: its initrds only if all of them are there."""
    paths = [_find(host, path, bases) for path in initrds]
    found = tuple(path for path in paths if path is not None)
    image = _find(host, linux, bases)
    obstacle = _no_image(found_in, linux) if image is None else leftover(posixpath.basename(image), label)
    return KernelFile(
        image=image or posixpath.join("/", linux[:PATH_LIMIT]),
        found_in=found_in,
        label=label,
        initrds=found if len(found) == len(paths) else (),
        obstacle=obstacle or _for_kdump(found_in, found),
    )


def _for_kdump(found_in: str, initrds: Sequence[str]) -> Optional[Note]:
    initrd = next(filter(is_kdump_initrd, initrds), None)
    if initrd is None:
        return None
    return Note(
        "leftover",
        f"An entry in {_file_of(found_in)} starts a crash's capture kernel: {initrd} saves a dump, and does not start "
        "this system.",
    )


def _no_image(found_in: str, linux: str) -> Note:
    return Note(
        "no_image",
        f"An entry in {_file_of(found_in)} names the image {linux[:PATH_LIMIT]}, which is not on this host: its "
        "package was removed, its partition is not mounted, or it belongs to another system. Install the package "
        "again, or mount the partition.",
    )


def _file_of(found_in: str) -> str:
    """Return PATH of ``bls:PATH`` and ``grub:PATH``."""
    return found_in.partition(":")[2]
