# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole hosts, as real guests of their kind showed themselves."""

from __future__ import annotations

from typing import Optional, Sequence

from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.kernels import (
    BOOT_ID,
    MEMORY,
    kho_files,
    kmsg,
    metadata,
    x86_host,
)

START = "Linux version 7.3.4 (root@vm) #1 SMP PREEMPT"
FOUND = "KHO: found kexec handover data."
EXEC = "KHO: exec from: 7.2.13 (count 2)"
INIT = "Run /init as init process"
LUO_BLOB = b"luo-v5\0\0" + bytes(16)
RNG_SEED, KHO_DATA = 0x9, 0xA
LOADER_KEXEC = 208
BUILT = "CONFIG_64BIT=y\nCONFIG_KEXEC_HANDOVER=y\nCONFIG_KEXEC_HANDOVER_DEBUGFS=y\n"
NOT_BUILT = "CONFIG_64BIT=y\n# CONFIG_KEXEC_HANDOVER is not set\n"


def handed_over(host: FakeRoot, log: bytes, release: bytes = b"7.2.13", count: int = 2) -> FakeRoot:
    """7.3.4 in a chain, started by ``release`` with a handover that it accepted; debugfs tells all."""
    x86_host(host, loader=LOADER_KEXEC, setup_data=[RNG_SEED, KHO_DATA], log=log)
    return kho_files(
        host,
        {"kexec-metadata": metadata(release, count), "LUO": LUO_BLOB},
        {"kexec-metadata": metadata(b"7.3.4", count + 1), "LUO": LUO_BLOB},
    )


def without_debugfs(host: FakeRoot, log: Optional[bytes] = None) -> FakeRoot:
    """The same host with debugfs not mounted."""
    x86_host(host, loader=LOADER_KEXEC, setup_data=[RNG_SEED, KHO_DATA], log=log or kmsg(START, FOUND, EXEC, INIT))
    (host.root / "sys/kernel/debug/tracing").rmdir()
    return host.add("/boot/config-7.3.4", BUILT)


def arm64_host(host: FakeRoot, chosen: Sequence[str], log: Optional[bytes] = None) -> FakeRoot:
    """An arm64 host whose device tree has the properties in /chosen."""
    host.add("/proc/sys/kernel/osrelease", "7.3.4\n").add("/proc/sys/kernel/random/boot_id", BOOT_ID + "\n")
    host.add("/proc/meminfo", MEMORY).add("/proc/cmdline", "kho=on\n").add("/dev/kmsg", log or kmsg(START, INIT))
    host.add("/sys/kernel/kexec/loaded", "0\n").add("/sys/kernel/kexec/crash_loaded", "0\n")
    host.add_directory("/sys/kernel/debug/tracing")
    for name in ("bootargs", *chosen):
        host.add("/proc/device-tree/chosen/" + name)
    return host
