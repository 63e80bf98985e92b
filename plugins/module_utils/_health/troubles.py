# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The troubles that a host can have: their codes, their kinds, and what to say of them.

The first three kinds are those of the bugs that a kexec brings and a cold boot does not: memory that something still
writes to, hardware in a state that its driver does not expect, and firmware that is called after it was left.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, printable

MEMORY, HARDWARE, FIRMWARE, KERNEL, SERVICES = (
    "memory_corruption",
    "hardware_state",
    "firmware",
    "kernel",
    "services",
)
EVIDENCE_LIMIT = 300

_CORRUPT = "Something writes to memory that is not its own. Data may be damaged already: cold-boot the host."
_DEVICE = "Cold-boot the host, which resets the device; when that does not help, look for its driver in the new kernel."
_BROKEN = "The kernel may no longer do what it should: keep its log, and leave this kernel."
_HARDWARE = "Find out with the hardware's own tools whether a part is broken; a cold boot resets its state."

# By code: the code again (for those who collect the codes), the kind, what is wrong, and what it means or asks for.
TROUBLES = {
    "bad_page": ("bad_page", MEMORY, "The kernel found a page of memory in an impossible state", _CORRUPT),
    "memory_access_invalid": (
        "memory_access_invalid",
        MEMORY,
        "The kernel caught code that uses memory that is not its own",
        _CORRUPT,
    ),
    "slab_corruption": ("slab_corruption", MEMORY, "The kernel found objects of its own overwritten", _CORRUPT),
    "list_corruption": ("list_corruption", MEMORY, "The kernel found a list of its own overwritten", _CORRUPT),
    "page_poison": ("page_poison", MEMORY, "The kernel found that free memory was written to", _CORRUPT),
    "refcount_error": ("refcount_error", MEMORY, "The kernel counted the users of an object wrongly", _CORRUPT),
    "kernel_bug": ("kernel_bug", KERNEL, "The kernel found itself in an impossible state (BUG)", _BROKEN),
    "kernel_oops": (
        "kernel_oops",
        KERNEL,
        "The kernel made an error and killed the running task (oops)",
        _BROKEN,
    ),
    "kernel_fault": ("kernel_fault", KERNEL, "The kernel reported a fault of its own", _BROKEN),
    "kernel_warning": (
        "kernel_warning",
        KERNEL,
        "The kernel warned of something that should not happen, and went on (WARN)",
        "Look at its log; ignore the code when it is known to be harmless.",
    ),
    "soft_lockup": ("soft_lockup", KERNEL, "A processor was stuck in the kernel (soft lockup)", _BROKEN),
    "hard_lockup": ("hard_lockup", KERNEL, "A processor was stuck with interrupts off (hard lockup)", _BROKEN),
    "hung_task": ("hung_task", KERNEL, "A task waits in the kernel and does not come back", _BROKEN),
    "rcu_stall": ("rcu_stall", KERNEL, "A part of the kernel made no progress (RCU stall)", _BROKEN),
    "filesystem_error": (
        "filesystem_error",
        KERNEL,
        "A file system is damaged or cannot be written",
        "Stop what writes to it, and check it.",
    ),
    "memory_error": ("memory_error", HARDWARE, "The memory's error correction reported an error", _HARDWARE),
    "machine_check": ("machine_check", HARDWARE, "The processor or the platform reported a hardware error", _HARDWARE),
    "out_of_specification": (
        "out_of_specification",
        HARDWARE,
        "The kernel considers the hardware's configuration to be out of specification",
        _HARDWARE,
    ),
    "pcie_error": ("pcie_error", HARDWARE, "PCI Express reported an error", _DEVICE),
    "iommu_fault": ("iommu_fault", HARDWARE, "A device accessed memory that is not meant for it", _DEVICE),
    "interrupt_error": ("interrupt_error", HARDWARE, "A device sends interrupts that nobody expects", _DEVICE),
    "io_error": ("io_error", HARDWARE, "A disk failed to read or write, or did not answer", _DEVICE),
    "transmit_timeout": ("transmit_timeout", HARDWARE, "A network interface does not send", _DEVICE),
    "probe_failed": ("probe_failed", HARDWARE, "A driver could not start its device", _DEVICE),
    "firmware_missing": (
        "firmware_missing",
        HARDWARE,
        "A driver did not find the firmware of its device",
        "Install the firmware that the new kernel asks for; its initrd may need it too.",
    ),
    "firmware_bug": (
        "firmware_bug",
        FIRMWARE,
        "The kernel found a bug in the platform's firmware",
        "A cold boot starts the firmware anew; look for an update of it.",
    ),
    "acpi_error": (
        "acpi_error",
        FIRMWARE,
        "ACPI code of the platform's firmware failed",
        "A cold boot starts the firmware anew; look for an update of it.",
    ),
    "device_lost": ("device_lost", HARDWARE, "A PCI device is not there any more", _DEVICE),
    "driver_lost": ("driver_lost", HARDWARE, "A PCI device has no driver any more", _DEVICE),
    "link_lost": ("link_lost", HARDWARE, "A network interface is not there any more", _DEVICE),
    "link_down": ("link_down", HARDWARE, "A network link was up and is down", _DEVICE),
    "disk_lost": ("disk_lost", HARDWARE, "A disk is not there any more", _DEVICE),
    "disk_path_lost": ("disk_path_lost", HARDWARE, "A disk is reached over fewer paths than before", _DEVICE),
    "partition_lost": ("partition_lost", HARDWARE, "A disk shows fewer partitions than before", _DEVICE),
    "cpus_lost": (
        "cpus_lost",
        HARDWARE,
        "Fewer processors are online than before",
        "Look in the kernel's log for those that did not start; a cold boot starts all of them anew.",
    ),
    "memory_lost": (
        "memory_lost",
        HARDWARE,
        "The kernel has less memory than before",
        "Look at the memory map at the beginning of the kernel's log; a cold boot counts the memory anew.",
    ),
    "crashkernel_lost": (
        "crashkernel_lost",
        KERNEL,
        "No memory is set aside for a crash kernel any more",
        "A crash would leave no dump: set a larger kho_scratch=, and cold-boot.",
    ),
    "crash_image_lost": (
        "crash_image_lost",
        KERNEL,
        "No crash kernel is loaded any more",
        "A crash would leave no dump: look at the service that loads it (kdump, kdump-tools).",
    ),
    "unit_failed": (
        "unit_failed",
        SERVICES,
        "A systemd unit failed",
        "Look at it with systemctl status and journalctl -u.",
    ),
    "command_failed": (
        "command_failed",
        SERVICES,
        "A health check of your own failed",
        "Run the command on the host.",
    ),
}


# Most machines say these at each boot, and go on.
SAID_AT_BOOT = frozenset(("firmware_bug", "acpi_error", "firmware_missing", "probe_failed"))
_OWN = (
    "This kernel says so after cold boots too ({where}), so it does not come from the kexec, and a cold boot does not "
    "help. Take another kernel, or ignore the code when it is known to be harmless."
)


class ColdBoots(NamedTuple):
    """How many cold boots of a kernel had a trouble, and on how many hosts; of the fleet, where its ledger tells.

    None where that is not known.
    """

    boots: Optional[int]
    hosts: Optional[int]
    of_fleet: bool

    @property
    def where(self) -> str:
        """In words, for the middle of a sentence."""
        if self.boots is None or self.hosts is None:
            return "as the task says"
        if self.of_fleet:
            return f"{counted(self.boots, 'boot')} of {counted(self.hosts, 'host')} in the ledger"
        return f"{counted(self.boots, 'boot')} of this host"


class Trouble(NamedTuple):
    """One trouble: its code and message, its kind, what shows it, and whether it is new since the transition.

    ``new`` is None when it may or may not have been there before; such a trouble does not count. ``own``: the kernel
    has it after cold boots too; None when no cold boot of it is known. Such a trouble counts, unless it is of those
    that most machines have at each boot (``SAID_AT_BOOT``): what a kernel breaks is as broken after any boot. ``cold``
    are those boots; None unless it is ``own``.
    """

    note: Note
    kind: str
    evidence: str
    new: Optional[bool]
    own: Optional[bool] = None
    cold: Optional[ColdBoots] = None

    @property
    def counts(self) -> bool:
        """Whether it makes the host unhealthy."""
        return self.new is True and not (self.own and self.note.code in SAID_AT_BOOT)

    def as_dict(self) -> Dict[str, Any]:
        """Return the trouble in the shape that modules return."""
        cold = self.cold or ColdBoots(None, None, of_fleet=False)
        return {
            **self.note.as_dict(),
            "kind": self.kind,
            "evidence": self.evidence,
            "new": self.new,
            "own": self.own,
            "own_boots": cold.boots,
            "own_hosts": cold.hosts,
        }


def trouble(
    what: str,
    evidence: str,
    new: Optional[bool] = True,
    own: Optional[bool] = None,
    cold: Optional[ColdBoots] = None,
) -> Trouble:
    """Return the trouble with the code ``what``, one of ``TROUBLES``, shown by ``evidence``.

    With ``cold``, the boots after which the kernel has it too, it is the kernel's ``own``.
    """
    code, kind, wrong, advice = TROUBLES[what]
    shown = printable(evidence, EVIDENCE_LIMIT).rstrip(".")
    advised = advice if cold is None else _OWN.format(where=cold.where)
    return Trouble(Note(code, f"{wrong}: {shown}. {advised}"), kind, shown, new, own if cold is None else True, cold)
