# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing what decides whether upgrades with handover work on a host."""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import BootCommandLine
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.detect import boot_command_line, boot_loader_of
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import GRUB, BootLoader
from ansible_collections.kho.kexec.plugins.module_utils._host.access import has_program
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, line_of, number_of, read_lossless
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._image.payload import program_for
from ansible_collections.kho.kexec.plugins.module_utils._image.read import IMAGE_LIMIT, OpenImage, open_image
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate, find_candidates
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import names_in
from ansible_collections.kho.kexec.plugins.module_utils._kernel.crashkernel import crashkernel_bytes
from ansible_collections.kho.kexec.plugins.module_utils._kernel.scratch import Need, is_bootmem_release, need_of
from ansible_collections.kho.kexec.plugins.module_utils._observe.debugfs import MOUNT
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel, observe_running
from ansible_collections.kho.kexec.plugins.module_utils._observe.site import Site, observe_site
from ansible_collections.kho.kexec.plugins.module_utils._prepare.naming import naming_lacks

WATCHDOGS = "/sys/class/watchdog"
STOP_ON_REBOOT = "/sys/module/watchdog/parameters/stop_on_reboot"
# The identity of softdog (drivers/watchdog/softdog.c), which a kernel that hangs takes with it.
_MODULE = regex(r"^([A-Za-z0-9_]+) ", re.MULTILINE)
# Drivers that pin memory of programs for as long as these want (pin_user_pages() with FOLL_LONGTERM): RDMA, devices
# that are given to guests and programs, GPUs. Such pages are first moved out of scratch memory, which may fail.
_PINNING = frozenset(
    {
        *("ib_uverbs", "ib_core", "mlx5_ib", "irdma", "bnxt_re", "efa", "hns_roce_hw_v2", "siw", "rdma_rxe"),
        *("vfio", "vfio_pci", "vfio_iommu_type1", "iommufd", "vhost_vdpa"),
        *("nvidia", "nvidia_uvm", "nvidia_peermem", "amdgpu", "xe", "habanalabs"),
    }
)
_SOFTWARE = "Software Watchdog"
_NODES = "/sys/devices/system/node/has_memory"
_RANGE = regex(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_JOURNAL = "/journal/{machine}/system.journal"


class Kernels(NamedTuple):
    """What the installed kernels need: the most memory of each kind in bytes, and programs that the host lacks.

    ``init_size`` and ``initrd_bytes`` are None when no image could be read. ``bootmem``: whether one of them, or the
    kernel that runs, calls the scratch memory *bootmem*.
    """

    init_size: Optional[int]
    initrd_bytes: Optional[int]
    programs: Tuple[str, ...]
    bootmem: bool = False


class SavedDefault(NamedTuple):
    """GRUB's default. ``problem`` says why a default that is set would not count, None when it would.

    ``entry`` is what has to be saved so that the next boot stays the same; None when nobody can tell, and ``why`` says
    why.
    """

    problem: Optional[str]
    entry: Optional[str]
    why: Optional[str]


class Readiness(NamedTuple):
    """All that is looked at. ``boot`` is what the boot loader gives, ``nodes`` how many nodes of NUMA have memory.

    ``watchdog`` is the identity of the first hardware watchdog (empty when it tells none), None without one;
    ``stop_on_reboot`` the watchdog core's parameter, None when unknown. ``journal``: whether it outlives a boot.
    ``saved_default`` is None where GRUB does not decide. ``pinning`` are drivers that are loaded and pin memory for
    long. ``naming_lacks`` says what of the service that names boots in the kernel's log is not as it should be, None
    when nothing is.
    """

    running: RunningKernel
    site: Site
    boot: BootCommandLine
    kernels: Kernels
    nodes: int
    watchdog: Optional[str]
    stop_on_reboot: Optional[int]
    journal: bool
    debugfs: bool
    saved_default: Optional[SavedDefault]
    pinning: Tuple[str, ...] = ()
    naming_lacks: Optional[str] = None

    @property
    def need(self) -> Optional[Need]:
        """What a handover to any of the installed kernels takes of the scratch memory; None when it is not known."""
        kernels, site = self.kernels, self.site
        if kernels.init_size is None or kernels.initrd_bytes is None or site.memory_bytes is None:
            return None
        line = self.boot.text if self.boot.text is not None else site.command_line
        crash = crashkernel_bytes(line, site.command_line, site.crash_bytes) or 0
        return need_of(kernels.init_size, kernels.initrd_bytes, crash, site.memory_bytes)


def observe_readiness(host: Host, name_transition: bool = False) -> Readiness:
    """Look at everything, at the service that names boots only if wanted; what cannot be read is None."""
    running = observe_running(host)
    candidates = find_candidates(host)
    boot = boot_command_line(host, running.release)
    return Readiness(
        running=running,
        site=observe_site(host),
        boot=boot,
        kernels=_kernels(host, candidates, running.release),
        nodes=parse_node_count(read_lossless(host, _NODES)),
        watchdog=_hardware_watchdog(host),
        stop_on_reboot=number_of(host, STOP_ON_REBOOT),
        journal=_is_journal_kept(host),
        debugfs=bool(names_in(host, MOUNT)),
        saved_default=_saved_default(host) if boot.loader == GRUB else None,
        pinning=tuple(sorted(_PINNING & set(_MODULE.findall(read_lossless(host, "/proc/modules", 1 << 20))))),
        naming_lacks=naming_lacks(host) if name_transition else None,
    )


def parse_node_count(text: str) -> int:
    """How many numbers a list of the kernel's (``0-1,3``) has, 1 at least."""
    ranges = [_RANGE.fullmatch(part) for part in text.strip().split(",")]
    return max(1, sum(int(found.group(2) or found.group(1)) - int(found.group(1)) + 1 for found in ranges if found))


def _kernels(host: Host, candidates: Sequence[Candidate], running: Optional[str]) -> Kernels:
    sizes: List[int] = []
    initrds: List[int] = []
    programs = set()
    for candidate in candidates:
        try:
            image = None if candidate.obstacle else open_image(host.read_bytes(candidate.image, IMAGE_LIMIT))
            if image is None:
                continue
            initrds.append(_initrd_bytes(host, candidate, image))
        except KhoError:  # the plan says more about it, when it is the target
            continue
        programs.add(program_for(image.header.payload.compression))
        sizes += [image.header.init_size] if image.header.init_size else []
    missing = sorted(name for name in programs if name and not has_program(host, name))
    releases = [running or "", *(candidate.release for candidate in candidates if candidate.obstacle is None)]
    bootmem = any(is_bootmem_release(release) for release in releases)
    return Kernels(max(sizes, default=None), max(initrds, default=None), tuple(missing), bootmem)


def _initrd_bytes(host: Host, candidate: Candidate, image: OpenImage) -> int:
    if image.uki is not None:
        return image.uki.parts.initrd[1] if image.uki.parts.initrd else 0
    return sum(host.identity(path).size for path in candidate.initrds)


def _hardware_watchdog(host: Host) -> Optional[str]:
    names = names_in(host, WATCHDOGS)
    identities = [line_of(host, f"{WATCHDOGS}/{name}/identity") or "" for name in names]
    return next((identity for identity in identities if identity != _SOFTWARE), None)


def _is_journal_kept(host: Host) -> bool:
    """systemd-journald(8) writes below /var when it keeps the journal, and below /run until then."""
    journal = _JOURNAL.format(machine=line_of(host, "/etc/machine-id") or "")
    return host.exists("/var/log" + journal) and not host.exists("/run/log" + journal)


def _saved_default(host: Host) -> SavedDefault:
    try:
        grub = boot_loader_of(host)
        problem = _saving_problem(grub)
        default = grub.default()
        entry = grub.setting_for(default.release) if default.release else None
    except KhoError as error:
        return SavedDefault(error.message, None, None)
    return SavedDefault(problem, entry, default.why)


def _saving_problem(grub: BootLoader) -> Optional[str]:
    try:
        grub.require_changeable()
    except Refusal as refusal:
        return refusal.message
    return None
