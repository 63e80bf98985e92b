# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of what a transition is planned and judged from: images, installed kernels, records, whole hosts."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.port import FileIdentity
from ansible_collections.kho.kexec.plugins.module_utils._image.read import KernelImage
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import Choice
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._observe.site import Site
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.root_device import RootDevice
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation, Target
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import Left, Promise, StagedImage, Transition
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.images import kernel, x86_image
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID, kho_files, metadata, x86_host

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
LATER_BOOT_ID = "9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11"
BUILD = "#1 SMP"
CREATED = "2026-11-22T15:00:00Z"
RUN = RunIdentity(CREATED)
COMMAND_LINE = "root=LABEL=root console=ttyS0 kho=on panic=10"
KHO_CONFIG = "CONFIG_64BIT=y\nCONFIG_KEXEC_HANDOVER=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_EXT4_FS=y\n"


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
        "cma_total_bytes": 0,
        "cma_free_bytes": 1 << 28,
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
        "lockdown": None,
        "live_update": False,
        "crash_bytes": None,
        "memory_bytes": 1 << 30,
        "command_line": "BOOT_IMAGE=/boot/vmlinuz " + COMMAND_LINE + "\n",
    }
    return Site(**{**facts, **changes})


def candidate(release: str = NEW, **changes: Any) -> Candidate:
    """A kernel that is installed as distributions do."""
    facts: dict[str, Any] = {
        "release": release,
        "image": "/boot/vmlinuz-" + release,
        "uki": False,
        "initrds": ("/boot/initrd.img-" + release,),
        "modules": "/lib/modules/" + release,
        "config": "/boot/config-" + release,
        "found_in": ("boot",),
        "options": None,
    }
    return Candidate(**{**facts, **changes})


def image(**changes: Any) -> KernelImage:
    """What the image of a kernel with everything that a handover needs says."""
    facts: dict[str, Any] = {
        "format": "bzimage",
        "architecture": "x86_64",
        "release": NEW,
        "init_size": 1 << 26,
        "command_line_limit": 2047,
        "kho_built": True,
        "kho_default": False,
        "kho_abi": "kho-v4",
        "luo_abi": "luo-v5",
        "luo_built": True,
        "metadata": True,
        "metadata_version": 1,
        "config": {},
        "signed": False,
        "learnt": {"kho_built": "payload"},
        "obstacles": (),
        "uki": None,
    }
    return KernelImage(**{**facts, **changes})


def target(**changes: Any) -> Target:
    """An installed kernel to which nothing objects."""
    facts: dict[str, Any] = {
        "candidate": candidate(),
        "image": image(),
        "image_problem": None,
        "command_line": COMMAND_LINE,
        "files": (("/boot/vmlinuz-" + NEW, FileIdentity(1, 2, 3)), ("/boot/initrd.img-" + NEW, FileIdentity(4, 5, 6))),
        "unsafe": (),
        "initrd_bytes": 4,
        "needs_initrd": True,
        "needs_modules": True,
        "root": RootDevice("LABEL=root", True, "/dev/disk/by-label/root exists."),
    }
    return Target(**{**facts, **changes})


def situation(**changes: Any) -> Situation:
    """A host on which a handover can be planned."""
    facts: dict[str, Any] = {
        "running": running(),
        "site": site(),
        "choice": Choice(candidate(), (), None),
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
        "build": BUILD,
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
    host.add("/proc/meminfo", "MemTotal:        1048576 kB\nMemFree:          524288 kB\n")
    host.add("/proc/sys/kernel/kexec_load_disabled", "0\n").add("/proc/sys/kernel/kexec_load_limit_reboot", "-1\n")
    host.add("/proc/sys/kernel/kexec_load_limit_panic", "-1\n")
    host.add("/dev/disk/by-label/root")
    for release in (OLD, NEW):
        install(host, release)
    return host


def install(host: FakeRoot, release: str, **says: Any) -> FakeRoot:
    """Install a kernel with everything that a handover needs, unless its image ``says`` otherwise."""
    host.add(f"/boot/vmlinuz-{release}", x86_image(kernel(release, **says), release=release.encode()))
    host.add(f"/boot/initrd.img-{release}", b"an initrd")
    host.add(f"/boot/config-{release}", KHO_CONFIG)
    return host.add(f"/lib/modules/{release}/modules.dep")
