# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that options, plans, records, verdicts and the controller share.

They stand in results and in files on hosts, so none is ever changed.
"""

from __future__ import annotations

# How the next kernel is started.
HANDOVER, KEXEC, COLD_BOOT = "handover", "kexec", "cold_boot"
WAYS = (HANDOVER, KEXEC, COLD_BOOT)

# How a transition ended; COLD_BOOT is one of these, too.
HANDOVER_VERIFIED = "handover_verified"
KEXEC_WITHOUT_HANDOVER = "kexec_without_handover"
ROLLED_BACK = "rolled_back"
WRONG_KERNEL = "wrong_kernel"
WRONG_PREVIOUS_RELEASE = "wrong_previous_release"
UNEXPECTED_COUNT = "unexpected_count"
NOT_REBOOTED = "not_rebooted"
UNHEALTHY = "unhealthy"

# What the ledger cautions against, and a plan must heed.
CRASHES_ON_ONE_HOST = "crashes_on_one_host"

# What an operator wants.
REQUIRE, PREFER, IGNORE, NEVER = "require", "prefer", "ignore", "never"
WARN, REFUSE = "warn", "refuse"
ANY = "any"
LATEST = "latest"
# The release that runs, instead of a release: it is started anew.
RUNNING = "running"
# The release that ran before the host's last change, instead of a release: for the way back.
PREVIOUS = "previous"

# What may have become worse on a host.
TROUBLE_CODES = (
    "acpi_error",
    "bad_page",
    "command_failed",
    "cpus_lost",
    "crash_image_lost",
    "crashkernel_lost",
    "device_lost",
    "disk_lost",
    "disk_path_lost",
    "driver_lost",
    "filesystem_error",
    "firmware_bug",
    "firmware_missing",
    "hard_lockup",
    "hung_task",
    "interrupt_error",
    "io_error",
    "iommu_fault",
    "kernel_bug",
    "kernel_fault",
    "kernel_oops",
    "kernel_warning",
    "link_down",
    "link_lost",
    "list_corruption",
    "machine_check",
    "memory_access_invalid",
    "memory_error",
    "memory_lost",
    "out_of_specification",
    "page_poison",
    "partition_lost",
    "pcie_error",
    "probe_failed",
    "rcu_stall",
    "refcount_error",
    "slab_corruption",
    "soft_lockup",
    "transmit_timeout",
    "unit_failed",
)
