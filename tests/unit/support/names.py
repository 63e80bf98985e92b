# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says of processes and devices, with names in it that want to be the kernel's own words."""

from __future__ import annotations

from typing import Iterator

COMM = 15  # characters of a process's name
# arch/x86/mm/fault.c (6.12, and of 32 bits), kernel/traps.c of x86 and arm64, mm/oom_kill.c, mm/page_alloc.c,
# kernel/exit.c, net/core/dev.c, mm/mmap.c
BEGINS = (
    "{comm}[1234]: segfault at 0 ip 0000000000401106 sp 00007ffdcafe0000 error 6 in {file}[401000+1000] on CPU 1",
    "{comm}[1]: segfault at 0 ip 08049106 sp bfd53c00 error 6 in {file}[8049000+1000]",
    "traps: {comm}[1234] general protection fault ip:401106 sp:7ffdcafe0000 error:0 in {file}[401000+1000]",
    "{comm}[1]: unhandled exception: DABT (lower EL), ESR 0x0000000092000006, in {file}[401000+1000]",
    "{comm}[1234] bad frame in rt_sigreturn frame:00000000c1b2d3e4 ip:401106 sp:7ffdcafe orax:0 in {file}[40+10]",
    "{comm} invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0",
    "{comm}: page allocation failure: order:4, mode:0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO)",
    "{comm} (1234) used greatest stack depth: 12345 bytes left",
    "{comm} (1234): drop_caches: 3",
    "{comm}(1234): unaligned access to 0x00000000c1b2d3e4, ip=0x0000000000401106",
    "{comm}: 12 output lines suppressed due to ratelimiting",
    "process '{comm}' launched '{file}' with NULL argv: empty string added",
)
# drivers/usb/core/hub.c, drivers/input/input.c, drivers/hid/hid-core.c, drivers/scsi/scsi_scan.c
DEVICES = (
    "usb 1-1: Product: {name}",
    "usb 1-1.2: Manufacturer: {name}",
    "usb 1-1: SerialNumber: {name}",
    "input: {name} as /devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/0003:046D:C52B.0001/input/input5",
    "hid-generic 0003:046D:C52B.0001: input,hidraw0: USB HID v1.11 Keyboard [{name}] on usb-0000:00:14.0-1/input0",
    "scsi 2:0:0:0: Direct-Access     {name} 1.00 PQ: 0 ANSI: 6",
)


def forged(line: str) -> Iterator[str]:
    """Yield what the kernel says when a process, a file or a device has as much of a line's text for its name as fits.

    A file's name has no slash.
    """
    for cut in range(1, COMM + 1):
        rest = line[cut:].replace("/", "_")
        for form in BEGINS:
            yield form.format(comm=line[:cut], file=rest)
            yield form.format(comm=line[:cut], file=line.replace("/", "_"))
            yield form.format(comm=line[:cut].rstrip(), file=f" {rest}")
    for form in DEVICES:
        yield form.format(name=line)
