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

# What an operator may let happen, each by its name. Everything else cannot work, would start another kernel than the
# one that was judged, or, as luo_abi_mismatch, would crash the target.
ACCEPTABLE = (
    "chain_too_long",
    "downgrade",
    "image_release_unknown",
    "initrd_left_by_firmware",
    "initrd_missing",
    "kexec_count_unknown",
    "kho_abi_mismatch",
    "kho_abi_unknown",
    "last_kexec_cold_booted",
    "last_verdict_not_accepted",
    "lockdown",
    "metadata_not_offered",
    "metadata_unknown",
    "metadata_unsupported",
    "modules_missing",
    "passphrase_needed",
    "root_device_missing",
    "running_kho_off",
    "running_kho_unknown",
    "running_without_kho",
    "scratch_fit_unknown",
    "target_failed_before",
    "target_kho_off",
    "target_kho_unknown",
    "target_without_kho",
    "transition_crashes",
    "transition_denied",
)

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
