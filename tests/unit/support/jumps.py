# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways in which a ``KexecHost`` gets into another boot."""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._record.transition import RECORD_PATH, read_transition
from ansible_collections.kho.kexec.tests.unit.support.kernels import kho_files, kmsg, metadata, x86_host
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import LOADED
from ansible_collections.kho.kexec.tests.unit.support.transitions import LATER_BOOT_ID, NEW, OLD

WRITE = f"write {RECORD_PATH}"
TRIGGER = (
    "systemd-run --collect --on-active=1 --timer-property=AccuracySec=100ms --unit=kho-kexec-leave-42 systemctl kexec"
)

LOG_OF_HANDOVER = (
    f"Linux version {NEW}",
    "KHO: found kexec handover data.",
    f"KHO: exec from: {OLD} (count 1)",
    "Run /init as init process",
)


def state(host):
    """The state of the record, None without one."""
    record = read_transition(host)
    return record and record.state


def cold_boot(host):
    """The same kernel in another boot, which knows nothing of images that were loaded before."""
    host.add("/proc/sys/kernel/random/boot_id", LATER_BOOT_ID).add(LOADED, "0\n")
    host.steps.clear()
    return host


def handover(host):
    """The jump as it should be."""
    x86_host(host, release=NEW, loader=208, setup_data=[0xA], log=kmsg(*LOG_OF_HANDOVER))
    kho_files(host, {"kexec-metadata": metadata(OLD.encode(), 1)}, {"kexec-metadata": metadata(NEW.encode(), 2)})
    return cold_boot(host)
