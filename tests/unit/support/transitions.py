# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of what a transition is planned and judged from: images, installed kernels, records, whole hosts."""

from __future__ import annotations

import struct
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._kernel_image import ImageHeader
from ansible_collections.kho.kexec.plugins.module_utils._metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._situation import Policy, Site, Situation, Target
from ansible_collections.kho.kexec.plugins.module_utils._transition import Left, Promise, StagedImage, Transition
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID, kho_files, metadata, x86_host

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
LATER_BOOT_ID = "9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11"
CREATED = "2026-11-22T15:00:00Z"
COMMAND_LINE = "root=LABEL=root console=ttyS0 kho=on panic=10"
KHO_CONFIG = "CONFIG_64BIT=y\nCONFIG_KEXEC_HANDOVER=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_EXT4_FS=y\n"


def bzimage(
    release: bytes = NEW.encode(),
    protocol: int = 0x20F,
    load_flags: int = 0x7F,
    command_line_limit: int = 2047,
    setup_sectors: int = 27,
    version_at: int = 0x3000,
    size: int = 65 * 512,
) -> bytes:
    """The beginning of an x86 image, as Documentation/arch/x86/boot.rst describes it."""
    image = bytearray(size)
    image[0x1F1] = setup_sectors
    image[0x1FE:0x200] = b"\x55\xaa"
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, protocol)
    struct.pack_into("<H", image, 0x20E, version_at)
    struct.pack_into("<H", image, 0x236, load_flags)
    struct.pack_into("<I", image, 0x238, command_line_limit)
    text = release + b" (root@build) #1 SMP\0"
    if version_at >= 0x100:  # below, it would overwrite the header
        image[version_at + 512 : version_at + 512 + len(text)] = text
    return bytes(image[:size])


def running(**changes: Any) -> RunningKernel:
    """A cold-booted kernel with KHO on, of which everything is known."""
    facts: dict[str, Any] = {
        "release": OLD,
        "boot_id": BOOT_ID,
        "boot": "cold",
        "previous_release": None,
        "kexec_count": 0,
        "source": "debugfs",
        "next": Record(OLD, 1),
        "built": True,
        "enabled": True,
        "abi": "kho-v4",
        "luo_abi": None,
        "subtrees": (),
        "scratch_bytes": 1 << 28,
        "largest_scratch_bytes": 3 << 26,
        "image_loaded": False,
        "crash_image_loaded": False,
        "notes": (),
    }
    return RunningKernel(**{**facts, **changes})


def arrived(**changes: Any) -> RunningKernel:
    """The target after the handover that ``transition()`` promises."""
    facts = {
        "release": NEW,
        "boot_id": LATER_BOOT_ID,
        "boot": "handover",
        "previous_release": OLD,
        "kexec_count": 1,
        "next": Record(NEW, 2),
    }
    return running(**{**facts, **changes})


def site(**changes: Any) -> Site:
    """A host on which everything is allowed."""
    facts: dict[str, Any] = {
        "container": None,
        "root": True,
        "architecture": "x86_64",
        "load_disabled": False,
        "load_limit": -1,
        "tools_problem": None,
        "releases": (OLD, NEW),
        "command_line": "BOOT_IMAGE=/boot/vmlinuz " + COMMAND_LINE + "\n",
    }
    return Site(**{**facts, **changes})


def target(**changes: Any) -> Target:
    """An installed kernel to which nothing objects."""
    facts: dict[str, Any] = {
        "release": NEW,
        "image": "/boot/vmlinuz-" + NEW,
        "initrd": "/boot/initrd.img-" + NEW,
        "command_line": COMMAND_LINE,
        "header": ImageHeader("x86_64", NEW, 2047),
        "image_problem": None,
        "unsafe": (),
        "kho_built": True,
        "needs_initrd": True,
        "needs_modules": True,
        "has_modules": True,
    }
    return Target(**{**facts, **changes})


def situation(**changes: Any) -> Situation:
    """A host on which a handover can be planned."""
    facts: dict[str, Any] = {
        "running": running(),
        "site": site(),
        "target": target(),
        "policy": Policy(),
        "transition": None,
    }
    return Situation(**{**facts, **changes})


def transition(state: str = "loaded", **changes: Any) -> Transition:
    """The record of ``situation()``'s handover."""
    facts: dict[str, Any] = {
        "state": state,
        "created": CREATED,
        "left": Left(OLD, BOOT_ID, 0),
        "promise": Promise(NEW, OLD, 1, "kho-v4"),
        "image": StagedImage("/boot/vmlinuz-" + NEW, ("/boot/initrd.img-" + NEW,), COMMAND_LINE),
        "verdict": closed_verdict() if state == "closed" else None,
    }
    return Transition(**{**facts, **changes})


def closed_verdict(verdict: str = "handover_verified", boot_id: str = LATER_BOOT_ID) -> dict[str, Any]:
    """Of a verdict, what later runs look at."""
    return {"verdict": verdict, "accepted": verdict == "handover_verified", "reported": {"boot_id": boot_id}}


def upgradable_host(host: FakeRoot) -> FakeRoot:
    """A cold-booted host like ``situation()``'s, with both kernels in /boot, seen by root."""
    x86_host(host, release=OLD, command_line="BOOT_IMAGE=/boot/vmlinuz " + COMMAND_LINE)
    kho_files(host, {}, {"kexec-metadata": metadata(OLD.encode(), 1)})
    host.add("/proc/self/status", "Name:\tpython3\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n")
    host.add("/proc/sys/kernel/arch", "x86_64\n")
    host.add("/proc/sys/kernel/kexec_load_disabled", "0\n").add("/proc/sys/kernel/kexec_load_limit_reboot", "-1\n")
    host.add("/proc/sys/kernel/kexec_load_limit_panic", "-1\n")
    for release in (OLD, NEW):
        host.add(f"/boot/vmlinuz-{release}", bzimage(release.encode()))
        host.add(f"/boot/initrd.img-{release}", b"an initrd")
        host.add(f"/boot/config-{release}", KHO_CONFIG)
        host.add(f"/lib/modules/{release}/modules.dep")
    return host
