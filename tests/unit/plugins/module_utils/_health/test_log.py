# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every pattern against what the kernel's source prints (Linux 7.3 unless said otherwise), and against the rest."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._health.log import (
    COMPLAINTS_LIMIT,
    EVIDENCE_LIMIT,
    JOURNAL_ARGV,
    PATTERNS,
    PLACE_DISTANCE,
    complaints,
    read_complaints,
    signature_of,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.kernels import journal_entry, kmsg
from ansible_collections.kho.kexec.tests.unit.support.names import forged

START = "Linux version 7.3.4 (root@vm) #1 SMP PREEMPT"
BUG = "[Firmware Bug]: TSC doesn't count with P0 frequency!"
# Seconds that the worst line may take; the patterns need a thousandth, and a catastrophic one would not end.
PATIENCE = 1.0

GOLDEN = [
    # mm/page_alloc.c, mm/memory.c, mm/filemap.c, kernel/fork.c
    ("bad_page", "BUG: Bad page state in process kworker/0:1  pfn:12c45d"),
    ("bad_page", "BUG: Bad page map in process bash  pte:8000000123456067 pmd:10abcd067"),
    ("bad_page", "BUG: Bad page cache in process cp  pfn:0004e"),
    ("bad_page", "BUG: Bad rss-counter state mm:00000000c1b2d3e4 type:MM_ANONPAGES val:5 Comm:sh Pid:812"),
    ("bad_page", "BUG: non-zero pgtables_bytes on freeing mm: 4096"),
    # mm/kasan/report.c, mm/kfence/report.c, mm/kmsan/report.c, mm/usercopy.c
    ("memory_access_invalid", "BUG: KASAN: slab-use-after-free in ext4_find_extent+0x12a/0x5f0"),
    ("memory_access_invalid", "BUG: KFENCE: out-of-bounds read in e1000_clean_rx_irq+0x1b4/0x4a0"),
    ("memory_access_invalid", "BUG: KMSAN: uninit-value in nla_put+0x1b8/0x250"),
    (
        "memory_access_invalid",
        "Kernel memory overwrite attempt detected to SLUB object 'kmalloc-64' (offset 60, size 8)!",
    ),
    # mm/slub.c; the second is mm/slab.c of 6.6
    ("slab_corruption", "BUG kmalloc-64 (Tainted: G    B              ): Poison overwritten"),
    ("slab_corruption", "BUG :A-0000128 (Not tainted): Object already free"),
    ("slab_corruption", "Slab corruption (Not tainted): kmalloc-64 start=ffff888004a2f000, len=64"),
    # lib/list_debug.c
    ("list_corruption", "list_add corruption. prev->next should be next (ffff9f0012345678), but was ffff9f0087654321."),
    ("list_corruption", "list_del corruption, ffff9f0012345678->next is LIST_POISON1 (dead000000000100)"),
    # mm/page_poison.c, arch/x86/kernel/check.c
    ("page_poison", "pagealloc: memory corruption"),
    ("page_poison", "pagealloc: single bit error"),
    ("page_poison", "Corrupted low memory at 00000000c1b2d3e4 (8a0 phys) = 000000ff"),
    # lib/refcount.c
    ("refcount_error", "refcount_t: underflow; use-after-free."),
    # lib/bug.c
    ("kernel_bug", "kernel BUG at mm/slub.c:634!"),
    # arch/x86/mm/fault.c, arch/arm64/mm/fault.c, arch/x86/kernel/dumpstack.c, arch/arm64/kernel/traps.c;
    # the fifth is arch/x86/kernel/traps.c of 6.6
    ("kernel_oops", "BUG: kernel NULL pointer dereference, address: 0000000000000008"),
    ("kernel_oops", "BUG: unable to handle page fault for address: ffffeb0400000008"),
    ("kernel_oops", "Unable to handle kernel paging request at virtual address ffff800012345678"),
    ("kernel_oops", "Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP PTI"),
    ("kernel_oops", "general protection fault, probably for non-canonical address 0xdead: 0000 [#1] PREEMPT SMP"),
    ("kernel_oops", "Internal error: Oops: 0000000096000004 [#1]  SMP"),
    # kernel/watchdog.c; the third is kernel/watchdog_hld.c of 5.10
    ("soft_lockup", "watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [kworker/3:1:812]"),
    ("hard_lockup", "watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 3"),
    ("hard_lockup", "NMI watchdog: Watchdog detected hard LOCKUP on cpu 3"),
    # kernel/hung_task.c, kernel/rcu/tree_stall.h, kernel/rcu/tree_exp.h
    ("hung_task", "INFO: task jbd2/vda1-8:312 blocked in I/O wait for more than 122 seconds."),
    ("hung_task", "INFO: task mount:4711 blocked for more than 120 seconds."),
    ("rcu_stall", "rcu: INFO: rcu_preempt self-detected stall on CPU"),
    ("rcu_stall", "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:"),
    (
        "rcu_stall",
        "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... } 21 jiffies s: 93 root: 0x2/.",
    ),
    # kernel/panic.c, the second that of 6.12; kernel/locking/lockdep.c, lib/ubsan.c
    ("kernel_warning", "WARNING: drivers/gpu/drm/drm_atomic.c:1027 at drm_wait+0x1f0/0x210, CPU#1: kworker/1:2/88"),
    ("kernel_warning", "WARNING: CPU: 1 PID: 88 at drivers/gpu/drm/drm_atomic.c:1021 drm_wait+0x1f0/0x210 [drm]"),
    ("kernel_warning", "WARNING: drivers/misc/lkdtm/bugs.c:112 at 0xffffffff81234567, CPU#0: sh/512"),
    ("kernel_warning", "WARNING: CPU: 0 PID: 512 at drivers/misc/lkdtm/bugs.c:112 0xffffffff81234567"),
    ("kernel_warning", "WARNING: drivers/misc/lkdtm/bugs.c:112 at lkdtm_WARNING+0x15/0x20 [lkdtm], CPU#0: sh/512"),
    ("kernel_warning", "WARNING: at lkdtm_WARNING+0x15/0x20 [lkdtm], CPU#0: sh/512"),
    ("kernel_warning", "WARNING: CPU: 0 PID: 512 at lkdtm_WARNING+0x15/0x20"),
    ("kernel_warning", "WARNING: possible circular locking dependency detected"),
    ("kernel_warning", "UBSAN: array-index-out-of-bounds in drivers/net/foo.c:12:3"),
    # kernel/sched/core.c, kernel/workqueue.c
    ("kernel_fault", "BUG: scheduling while atomic: swapper/0/0/0x00000002"),
    ("kernel_fault", "BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 33s!"),
    # fs/ext4/super.c, fs/xfs/xfs_error.c, fs/btrfs/messages.c, fs/jbd2/journal.c
    (
        "filesystem_error",
        "EXT4-fs error (device vda1): ext4_lookup:1785: inode #2: comm ls: deleted inode referenced: 12",
    ),
    ("filesystem_error", "XFS (dm-0): Metadata corruption detected at xfs_agi_verify+0x10/0x1a0 [xfs]"),
    ("filesystem_error", "BTRFS: error (device sda2) in btrfs_run_delayed_refs:2149: errno=-5 IO failure"),
    ("filesystem_error", "Aborting journal on device vda1-8."),
    # drivers/edac/edac_mc.c, mm/memory-failure.c
    ("memory_error", "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Ha#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x12)"),
    ("memory_error", "Memory failure: 0x12c45d: recovery action for dirty LRU page: Recovered"),
    # arch/x86/kernel/cpu/mce/core.c, drivers/acpi/apei/ghes.c, drivers/edac/mce_amd.c
    ("machine_check", "mce: [Hardware Error]: Machine check events logged"),
    ("machine_check", "mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 5: be00000000800400"),
    ("machine_check", "{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 0"),
    ("machine_check", "[Hardware Error]: Corrected error, no action required."),
    # drivers/pci/pcie/aer.c, the second that of 6.6; drivers/pci/pcie/dpc.c
    ("pcie_error", "pcieport 0000:00:1c.0: AER: Correctable error message received from 0000:01:00.0"),
    ("pcie_error", "pcieport 0000:00:1c.0: AER: Corrected error received: 0000:01:00.0"),
    ("pcie_error", "nvme 0000:01:00.0: PCIe Bus Error: severity=Correctable, type=Physical Layer, (Receiver ID)"),
    ("pcie_error", "pcieport 0000:3a:00.0: DPC: containment event, status:0x1f01 source:0x0000"),
    # drivers/iommu/intel/dmar.c, drivers/iommu/amd/iommu.c, drivers/iommu/arm/
    (
        "iommu_fault",
        "DMAR: [DMA Write NO_PASID] Request device [0000:03:00.0] fault addr 0xfee00000 [fault reason 0x05] x",
    ),
    ("iommu_fault", "DMAR: DRHD: handling fault status reg 2"),
    (
        "iommu_fault",
        "mpt3sas 0000:03:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000b address=0xfdf8 flags=0x0070]",
    ),
    (
        "iommu_fault",
        "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:03:00.0 domain=0x000b address=0xfdf8 flags=0x0070]",
    ),
    ("iommu_fault", "arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:"),
    # kernel/irq/spurious.c, arch/x86/kernel/irq.c, arch/x86/kernel/nmi.c
    ("interrupt_error", 'irq 16: nobody cared (try booting with the "irqpoll" option)'),
    ("interrupt_error", "__common_interrupt: 1.55 No irq handler for vector"),
    ("interrupt_error", "Uhhuh. NMI received for unknown reason 3d on CPU 0."),
    # block/blk-mq.c (texts of block/blk-core.c), fs/buffer.c, drivers/ata/libata-eh.c, drivers/nvme/host/pci.c
    ("io_error", "I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2"),
    ("io_error", "critical medium error, dev nvme0n1, sector 81 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2"),
    ("io_error", "Buffer I/O error on dev sda1, logical block 256, async page read"),
    ("io_error", "ata1.00: exception Emask 0x0 SAct 0x40 SErr 0x0 action 0x6 frozen"),
    ("io_error", "nvme nvme0: I/O tag 3 (1003) opcode 0x2 (Read) QID 2 timeout, aborting req_op:READ(0) size:4096"),
    # net/sched/sch_generic.c, the second that of 6.6
    ("transmit_timeout", "e1000e 0000:00:19.0 eth0: NETDEV WATCHDOG: CPU: 0: transmit queue 0 timed out 5001 ms"),
    ("transmit_timeout", "NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out 5001 ms"),
    # drivers/base/dd.c, the second that of 6.6
    ("probe_failed", "mlx5_core 0000:03:00.0: probe with driver mlx5_core failed with error -110"),
    ("probe_failed", "mlx5_core: probe of 0000:03:00.0 failed with error -110"),
    # drivers/base/firmware_loader/main.c
    (
        "firmware_missing",
        "bnx2x 0000:01:00.0: Direct firmware load for bnx2x/bnx2x-e2-7.13.21.0.fw failed with error -2",
    ),
    # include/linux/printk.h, include/acpi/platform/aclinux.h, drivers/firmware/efi/runtime-wrappers.c
    ("firmware_bug", BUG),
    ("firmware_bug", "tpm tpm0: [Firmware Bug]: TPM interrupt not working, polling instead"),
    ("firmware_bug", "efi: EFI runtime service 3 wedged in firmware; disabling EFI runtime services"),
    (
        "acpi_error",
        "ACPI Error: Aborting method \\_SB.PCI0.LPCB.EC0._Q11 due to previous error (AE_NOT_FOUND) (20240827/psparse)",
    ),
    ("acpi_error", "ACPI BIOS Error (bug): Could not resolve symbol [\\_SB.PCI0], AE_NOT_FOUND (20240827/psargs-332)"),
]

HARMLESS = [
    "",
    "ACPI: bus type PCI registered",
    "ACPI: \\_SB_.GSIF: Enabled at IRQ 21",
    "ACPI Warning: SystemIO range conflicts",
    "Command line: BUG: soft lockup - CPU#1",
    'audit: type=1400 comm="BUG: Bad page state"',
    "usb 1-1: Product: Oops: 0000 [#1]",
    "traps: BUG: bad[123] general protection fault ip:7f sp:7f error:0 in libc.so[#1]",
    "BUG",
    "BUGS: none",
    "kworker BUG kmalloc-64 (Not tainted): Poison overwritten",
    "WARNING: this is not a trace",
    "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
    "pcieport 0000:00:1c.0: AER: enabled with IRQ 122",
    "pcieport 0000:00:1c.0: DPC: error containment capabilities: Int Msg #0, RPExt+ PoisonedTLP+",
    "DMAR: DRHD base: 0x000000fed90000 flags: 0x0",
    "DMAR: Host address width 39",
    "AMD-Vi: Interrupt remapping enabled",
    "EDAC MC: Ver: 3.0.0",
    "EDAC MC0: Giving out device to module skx_edac controller Skylake Socket#0",
    "mce: CPU0: Thermal monitoring enabled (TM1)",
    "mce: [Hardware Error]: PROCESSOR 0:306f2 TIME 1700000000 SOCKET 0 APIC 0 microcode 3d",
    "blk_update_request: I/O error, dev fd0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0",
    "I/O error, dev sr0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2",
    "operation not supported error, dev sda, sector 1 op 0x3:(DISCARD)",
    "EXT4-fs (vda1): mounted filesystem with ordered data mode",
    "XFS (vda1): Mounting V5 Filesystem",
    "rcu: RCU restricting CPUs from NR_CPUS=64 to nr_cpu_ids=2.",
    "rcu: Hierarchical RCU implementation.",
    "watchdog: Delayed init of the lockup detector failed: -19",
    "NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
    "INFO: lockdep is turned off.",
    "Scanning 1 areas for low memory corruption",
    "ata1: SATA link up 6.0 Gbps (SStatus 133 SControl 300)",
    "nvme nvme0: 2/0/0 default/read/poll queues",
    "Memory: 3983912K/4193784K available",
    "clocksource: Watchdog remote CPU 1 read timed out",
]


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def whats(log):
    return [complaint.what for complaint in log]


@pytest.mark.parametrize(("what", "line"), GOLDEN)
def test_what_the_kernel_complains_about(what, line):
    (complaint,) = complaints([START, line])
    assert (complaint.what, complaint.line) == (what, line)
    (pattern,) = (word[len("--grep=") :] for word in JOURNAL_ARGV if word.startswith("--grep="))
    assert re.search(pattern, line)


@pytest.mark.parametrize("line", [line for _what, line in GOLDEN])
def test_no_name_of_a_process_or_device_is_a_complaint(line):
    assert [said for said in forged(line) if complaints([said])] == []


def test_every_pattern_is_tried():
    assert {what for what, _line in GOLDEN} == {what for what, _pattern in PATTERNS}


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_complaint(line):
    assert complaints([line]) == ()


@pytest.mark.parametrize("log", ["cold_boot", "handover_1", "kho_v9", "kho_off"])
def test_real_guests_have_nothing_to_complain_about(log, pytestconfig):
    recording = json.loads((pytestconfig.rootpath / f"tests/unit/golden/guests/{log}.json").read_text("utf-8"))
    messages = [line.partition(";")[2] for line in recording["files"]["/dev/kmsg"].splitlines()]
    assert len(messages) > 100
    assert complaints(messages) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("XFS (sda1): Corruption of 4e10 at ffff", "XFS (sda1): Corruption of 99aa at ffff"),
        ("BUG: Bad page state in process sh  pfn:12c45d", "BUG: Bad page state in process sh  pfn:00991"),
        ("I/O error, dev sda, sector 2048 op 0x0:(READ)", "I/O error, dev sda, sector 77 op 0x1:(READ)"),
        ("nvme nvme0: controller is down; will reset", "nvme nvme1: controller is down; will reset"),
    ],
)
def test_the_same_complaint_of_another_boot(one, other):
    assert [found.signature for found in complaints([one])] == [found.signature for found in complaints([other])]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nvme 0000:01:00.0: PCIe Bus Error: x", "nvme 0000:02:00.0: PCIe Bus Error: x"),
        ("I/O error, dev sda, sector 2048", "I/O error, dev sdb, sector 2048"),
    ],
)
def test_complaints_about_different_things(one, other):
    assert signature_of(one) != signature_of(other)


def test_a_warning_is_known_by_its_function_in_all_forms_of_the_message():
    old = "WARNING: CPU: 1 PID: 88 at drivers/a.c:1021 drm_wait.isra.0+0x1f0/0x210 [drm]"
    new = "WARNING: drivers/b.c:1027 at drm_wait+0x1f0/0x214, CPU#1: kworker/1:2/88"
    assert [found.signature for found in complaints([old, new])] == ["drm_wait"]


OOPS = (
    "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "#PF: supervisor read access in kernel mode",
    "Oops: Oops: 0000 [#1] SMP PTI",
    "CPU: 1 UID: 0 PID: 812 Comm: sh Not tainted 7.3.4 #1",
)


@pytest.mark.parametrize("place", ["RIP: 0010:e1000_clean.cold+0x12/0x40 [e1000]", "pc : e1000_clean+0x12/0x40"])
def test_an_oops_is_one_complaint_known_by_its_place(place):
    (complaint,) = complaints([*OOPS, place, "RIP: 0033:0x7f0000"])
    assert (complaint.what, complaint.signature, complaint.line) == ("kernel_oops", "e1000_clean", OOPS[0])


def test_two_oopses_in_different_places():
    log = complaints([*OOPS, "RIP: 0010:one+0x1/0x2", *OOPS, "RIP: 0010:two+0x1/0x2"])
    assert [complaint.signature for complaint in log] == ["one", "two"]


def test_a_bug_and_its_oops_are_one():
    log = complaints(["kernel BUG at mm/slub.c:634!", "Oops: invalid opcode: 0000 [#1] SMP", "RIP: 0010:kfree+0x1/0x2"])
    assert [(complaint.what, complaint.signature) for complaint in log] == [("kernel_bug", "kfree")]


def test_an_oops_without_its_place_hides_no_later_one():
    log = complaints([OOPS[0], *["x"] * (PLACE_DISTANCE + 1), "kernel BUG at mm/a.c:1!"])
    assert whats(log) == ["kernel_oops", "kernel_bug"]


def test_each_complaint_is_there_once():
    assert len(complaints([BUG, BUG, BUG.replace("P0", "P1")])) == 1


def test_the_whole_boot_is_in_the_ring_buffer(host):
    host.add("/dev/kmsg", kmsg(START, BUG))
    log = read_complaints(host)
    assert (log.state, whats(log.complaints), log.obstacle) == ("complete", ["firmware_bug"], None)


@pytest.mark.parametrize("facility", [1, 3, 16])
def test_what_programs_write_into_the_ring_buffer_does_not_count(host, facility):
    host.add("/dev/kmsg", kmsg(START) + b"\n" + kmsg(BUG, first=1, facility=facility))
    assert read_complaints(host).complaints == ()


def test_a_wrapped_ring_buffer_is_completed_by_the_journal(host):
    host.add("/dev/kmsg", kmsg("BUG: scheduling while atomic: x", BUG, first=900))
    newest_first = [OOPS[0], BUG, START]
    host.expect_run(JOURNAL_ARGV, stdout="\n".join(map(journal_entry, newest_first)))
    log = read_complaints(host)
    assert (log.state, log.obstacle) == ("complete", None)
    assert whats(log.complaints) == ["firmware_bug", "kernel_oops", "kernel_fault"]
    host.assert_nothing_left()


def test_a_journal_that_lacks_the_beginning_too(host):
    host.add("/dev/kmsg", kmsg(BUG, first=900))
    host.expect_run(JOURNAL_ARGV, stdout=journal_entry(OOPS[0]))
    log = read_complaints(host)
    assert log.state == "incomplete"
    assert log.obstacle.code == "log_incomplete"
    assert set(whats(log.complaints)) == {"firmware_bug", "kernel_oops"}


def test_no_ring_buffer_and_a_whole_journal(host):
    host.deny("/dev/kmsg").expect_run(JOURNAL_ARGV, stdout="\n".join(map(journal_entry, [BUG, START])))
    assert read_complaints(host).state == "complete"


@pytest.mark.parametrize("rc", [0, 1])
def test_nothing_can_be_read(host, rc):
    host.deny("/dev/kmsg").expect_run(JOURNAL_ARGV, rc=rc)
    log = read_complaints(host)
    assert (log.state, log.complaints, log.obstacle.code) == ("unreadable", (), "log_incomplete")


def test_no_journal_program(host):
    host.add("/dev/kmsg", kmsg(BUG, first=900)).expect_missing(JOURNAL_ARGV)
    assert read_complaints(host).state == "incomplete"


def test_a_flood_of_complaints_is_cut_and_said(host):
    lines = [
        f"I/O error, dev sd{chr(97 + number // 26)}{chr(97 + number % 26)}, sector 1"
        for number in range(COMPLAINTS_LIMIT + 50)
    ]
    host.add("/dev/kmsg", kmsg(START, *lines))
    log = read_complaints(host)
    assert (log.state, len(log.complaints)) == ("incomplete", COMPLAINTS_LIMIT)


HEADS = [
    "BUG ",
    "BUG: ",
    "WARNING: ",
    "INFO: task ",
    "Oops",
    "a b: ",
    "a b c: ",
    "XFS (a): ",
    "EDAC ",
    "nvme a: I/O 1 ",
    "RIP: 0:",
]
PARTS = ["(", "+0x1", "/0x", ": ", " ", "a", "0", "[", "[#", ":1 ", "0000:00:00.0", "ffffffff", "\t", "Tainted", "at "]


@given(st.sampled_from(HEADS), st.lists(st.sampled_from(PARTS), min_size=1, max_size=4))
def test_no_text_takes_long(head, parts):
    line = (head + "".join(parts) * 8192)[:8192]
    started = time.process_time()
    found = complaints([line, line])
    assert time.process_time() - started < PATIENCE
    assert all(len(complaint.line) <= EVIDENCE_LIMIT and len(complaint.signature) <= 8192 for complaint in found)


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80), max_size=20))
def test_any_log_gives_complaints(messages):
    assert {complaint.what for complaint in complaints(messages)} <= {what for what, _pattern in PATTERNS}
