# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel complained about in this boot: oopses, broken memory, hardware errors, bugs of the firmware.

Only messages of the facility *kernel* count (what comes through /dev/kmsg never has it), and a message must begin as
the kernel's own code has it begin. The name of a process or of a USB device then does not pass for a complaint: a
process chooses the first 15 characters of some messages, and more than those have to be the kernel's. The texts are
those of Linux 4.18 to 7.3; the tests cite their files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import (
    KERNEL_FACILITY,
    first_sequence,
    is_of_a_name,
    journal_messages,
    kmsg_messages,
)

COMPLETE, INCOMPLETE, UNREADABLE = "complete", "incomplete", "unreadable"
# The largest ring buffers of distributions hold 1 MiB of text; records need up to four times as much.
RING_LIMIT = 16 << 20
COMPLAINTS_LIMIT = 200
EVIDENCE_LIMIT = 300
JOURNAL_LINES = 5000
JOURNAL_TIMEOUT = 20.0
# An oops names its place within this many messages.
PLACE_DISTANCE = 100

# dev_err() and its kind begin with the driver's name and the device's.
DEVICE = r"\S{1,64} \S{1,64}: "
TAINT = r"(?:Not tainted|Tainted: [A-Z ()-]{1,80})"

# What the kernel complains about, and how such messages begin. The first that fits counts. No part of a pattern can
# match in more ways than its small bound, so hostile text costs no more than other text.
PATTERNS = (
    (
        "bad_page",
        r"BUG: (?:Bad page (?:state|map|cache) in process |Bad rss-counter state |non-zero pgtables_bytes on freeing )",
    ),
    (
        "memory_access_invalid",
        r"BUG: K(?:ASAN|FENCE|MSAN): [a-z][a-z -]{2,60} (?:in|on) \S|"
        r"Kernel memory (?:exposure|overwrite) attempt detected",
    ),
    (
        "slab_corruption",
        rf"BUG \S{{1,100}} \({TAINT}\): [A-Z]|Slab corruption (?:\({TAINT}\): |start=)|"
        r"slab error in \w{1,64}\(\): |cache_from_obj: Wrong slab cache",
    ),
    ("list_corruption", r"list_(?:add|del) corruption"),
    ("page_poison", r"pagealloc: (?:single bit error|memory corruption)|Corrupted low memory at "),
    ("refcount_error", r"refcount_t: [a-z0-9 ]{3,32}; (?:use-after-free|leaking memory)"),
    ("kernel_bug", r"[kK]ernel BUG at \S{1,300}(?::\d{1,10}!|\+0x)"),
    (
        "kernel_oops",
        r"BUG: (?:kernel NULL pointer|unable to handle )|Unable to handle kernel |"
        r"(?:Oops|Internal error|general protection fault|invalid opcode|divide error|double fault)\b"
        r"[\w ,.:()/-]{0,200} \[#\d{1,10}\](?:\s{1,2}[A-Z][A-Z0-9_=]{1,24}(?:\([a-z]{1,16}\))?){0,12}\s{0,4}$",
    ),
    ("soft_lockup", r"(?:NMI )?(?:watchdog: )?BUG: soft lockup - CPU#"),
    ("hard_lockup", r"(?:NMI )?watchdog: (?:CPU\d{1,5}: )?Watchdog detected hard LOCKUP"),
    ("hung_task", r"INFO: task .{1,20}?:\d{1,10} blocked (?:in I/O wait )?for more than \d{1,10} seconds"),
    ("rcu_stall", r"(?:rcu: )?INFO: \S{1,64} (?:self-detected stall|detected (?:expedited )?stalls)"),
    (
        "kernel_warning",
        r"WARNING: (?:CPU: \d{1,5} PID: \d{1,10} at \S{1,300}(?: |$)|.{1,600}:\d{1,10} at \S{1,300}"
        r"(?: \[[^\]]{1,120}\])?, CPU#\d{1,5}: |at (?:\S{1,300}:\d{1,10} )?\S{1,200}\+0x[0-9a-f]{1,8}/0x|"
        r"possible (?:circular|recursive|irq)|suspicious RCU|inconsistent lock)|"
        r"UBSAN: [A-Za-z][a-z -]{2,60} in \S{1,300}:\d",
    ),
    (
        "kernel_fault",
        r"BUG: (?:scheduling while atomic|sleeping function called|using \w{1,64}(?:\(\))? in preemptible |"
        r"workqueue (?:lockup - pool|leaked )|(?:spinlock|rwlock) (?:bad magic|recursion|wrong|lockup|already|cpu rec|"
        r"trylock) ?\w{0,16} ?\w{0,16} on |Dentry [0-9a-f]{8,16}\{|(?:\S{1,32} )?stack guard page was hit at |"
        r"MAX_[A-Z_]{8,40} too low|key \S{1,32} (?:not in \.data|has not been registered)|"
        r"looking up invalid subclass|atomic counter underflow|Invalid wait context)",
    ),
    (
        "filesystem_error",
        r"EXT4-fs error \(device \S{1,64}\): |"
        r"XFS \(\S{1,64}\): (?:Metadata corruption|Corruption (?:of|detected|warning)|[iI]n-memory corruption|"
        r"Metadata I/O [eE]rror|log I/O error)|"
        r"BTRFS:? (?:error|critical) \(device \S{1,64}\)|Aborting journal on device ",
    ),
    ("memory_error", r"EDAC [^:]{1,64}: \d{1,10} [CU]E |Memory failure: 0x[0-9a-f]{1,16}: "),
    (
        "machine_check",
        r"(?:mce: )?(?:\{\d{1,10}\})?\[Hardware Error\]: "
        r"(?:CPU \d{1,5}: Machine Check|Machine check events logged|Hardware error from APEI|"
        r"(?:Corrected|Deferred|Uncorrected) error)",
    ),
    (
        "pcie_error",
        DEVICE + r"(?:(?:AER: )?(?:PCIe|CXL) Bus Error: |AER: (?:Multiple )?(?:Corrected|Correctable|Uncorrect)|"
        r"AER: device recovery failed|DPC: containment event)",
    ),
    (
        "iommu_fault",
        r"DMAR: ?(?:\[(?:DMA (?:Read|Write)[ \w]{0,40}|INTR-REMAP)\] Request device |DRHD: handling fault|"
        r"VT-d detected)|"
        r"(?:" + DEVICE + r")?AMD-Vi: (?:Event logged \[|Completion-Wait loop timed out)|"
        r"arm-smmu\S{0,16} \S{1,64}: (?:event 0x|\s?Unhandled context fault|Unexpected global fault)",
    ),
    (
        "interrupt_error",
        r"irq \d{1,10}: nobody cared|(?:do_IRQ|__common_interrupt): \d{1,5}\.\d{1,5} No irq handler|"
        r"Uhhuh\. NMI received|NMI: (?:PCI system error|IOCK error \(debug)",
    ),
    (
        "io_error",
        r"(?:blk_update_request: |print_req_error: )?"
        r"(?:I/O|critical medium|critical target|critical nexus|timeout|protection|recoverable transport) error, "
        r"dev (?!fd\d|sr\d)\S{1,64}, sector \d|Buffer I/O error on dev(?:ice)? (?!fd\d|sr\d)|"
        r"ata\d{1,5}(?:\.\d{1,2})?: (?:exception Emask|COMRESET failed)|"
        r"nvme \S{1,64}: (?:I/O (?:tag )?\d{1,10} .{0,64}?timeout, |controller is down)",
    ),
    ("transmit_timeout", r"(?:\S{1,64} \S{1,64} \S{1,64}: )?NETDEV WATCHDOG: "),
    (
        "probe_failed",
        DEVICE + r"probe with driver \S{1,64} failed with error |\S{1,64}: probe of \S{1,64} failed with error ",
    ),
    (
        "firmware_missing",
        DEVICE + r"(?:Direct firmware load for .{1,200}? failed|firmware: failed to load |[nN]o suitable firmware)",
    ),
    ("firmware_bug", r"(?:\S{1,64} \S{1,64}: |\S{1,64}: )?\[Firmware Bug\]: |efi: EFI runtime service \d{1,5} wedged"),
    ("acpi_error", r"ACPI (?:BIOS )?(?:Error|Exception)(?: \(bug\))?: .{1,400}\(\d{8}/\w"),
)
# Their place tells one from another, and is repeated in a later message.
PLACED = ("kernel_bug", "kernel_oops")
PLACE = r"RIP: \S{1,16}:\S{1,200}\+0x|pc : \S{1,200}\+0x"
FIRST_MESSAGE = r"Linux version "

ANY_COMPLAINT = "|".join(pattern for _what, pattern in PATTERNS)
JOURNAL_ARGV = (
    "journalctl",
    "--boot",
    "--quiet",
    "--no-pager",
    "--reverse",
    f"--lines={JOURNAL_LINES}",
    "--output=json",
    "--output-fields=MESSAGE,_TRANSPORT,SYSLOG_FACILITY",
    f"--grep=^(?:{FIRST_MESSAGE}|{PLACE}|{ANY_COMPLAINT})",
    "--case-sensitive=yes",
    "_TRANSPORT=kernel",
    f"SYSLOG_FACILITY={KERNEL_FACILITY}",
)

_COMPLAINT = regex("|".join(f"(?P<p{at}>{pattern})" for at, (_what, pattern) in enumerate(PATTERNS)))
_PLACE = regex(r"(?:RIP: \S{1,16}:|pc : )(\S{1,200})\+0x")
# The function in which a warning was given, as all versions of __warn() (kernel/panic.c) name it.
_WARNED_IN = regex(r"(\S{1,200})\+0x[0-9a-f]{1,8}/0x")
# What differs from boot to boot. Addresses of PCI devices do not, and tell one device from another.
_VARIABLE = regex(
    r"(?P<kept>\b[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b)|0x[0-9a-fA-F]+|"
    r"\b(?=[a-f]{0,16}\d)[0-9a-f]{4,}\b|\b[a-f]{8,}\b|\d+"
)


@dataclass(frozen=True)
class Complaint:
    """One thing that the kernel complained about.

    ``what`` is one of those of ``PATTERNS``. Two complaints with the same ``signature`` (no addresses, numbers and
    times) are taken for the same. ``line`` is the first message, as printable ASCII.
    """

    what: str
    signature: str
    line: str


class ComplaintLog(NamedTuple):
    """The complaints of this boot, each signature once, in the order in which they were made.

    ``state``: ``complete``, ``incomplete`` (there may have been others) or ``unreadable``; ``obstacle`` says why.
    """

    state: str
    complaints: Tuple[Complaint, ...]
    obstacle: Optional[Note]


def read_complaints(host: Host) -> ComplaintLog:
    """Read the ring buffer and, when it no longer holds the whole boot, the journal of this boot."""
    try:
        raw = host.kernel_log(RING_LIMIT)
    except HostError as error:
        return _with_journal(host, None, f"The kernel's ring buffer could not be read: {error}")
    said = complaints(kmsg_messages(raw))
    if len(raw) >= RING_LIMIT:
        return _log(INCOMPLETE, said, f"The kernel's ring buffer holds more than {RING_LIMIT >> 20} MiB.")
    if first_sequence(raw) != 0:
        return _with_journal(host, said, "The kernel's ring buffer no longer holds the beginning of this boot.")
    return _log(COMPLETE, said, "")


def complaints(messages: Iterable[str]) -> Tuple[Complaint, ...]:
    """Return what is complained about in messages of printable ASCII, each signature once."""
    found: Dict[Tuple[str, str], Complaint] = {}
    for complaint in _complaints(messages):
        found.setdefault((complaint.what, complaint.signature), complaint)
        if len(found) > COMPLAINTS_LIMIT:
            break
    return tuple(found.values())


def tells_of_complaint(message: str) -> bool:
    """Whether ``complaints`` needs this message of printable ASCII: a complaint, or the place of one."""
    return _PLACE.match(message) is not None or _complained_about(message) is not None


def signature_of(message: str) -> str:
    """Return what stays the same when a message is given again, in this boot or in another."""
    return _VARIABLE.sub(_without_variable, message)[:EVIDENCE_LIMIT]


def _with_journal(host: Host, said: Optional[Tuple[Complaint, ...]], why: str) -> ComplaintLog:
    """Add what the journal knows to what the ring buffer said (None: nothing could be read)."""
    messages = _journal(host)
    known = {(complaint.what, complaint.signature): complaint for complaint in complaints(messages)}
    known.update(((complaint.what, complaint.signature), complaint) for complaint in said or ())
    if messages and messages[0].startswith(FIRST_MESSAGE):
        return _log(COMPLETE, tuple(known.values()), "")
    if said is None and not messages:
        return _log(UNREADABLE, (), f"{why} The journal tells nothing of this boot either.")
    return _log(INCOMPLETE, tuple(known.values()), f"{why} The journal does not hold it either.")


def _log(state: str, said: Tuple[Complaint, ...], why: str) -> ComplaintLog:
    """Cut what is too much, which makes a complete log incomplete."""
    if state == COMPLETE and len(said) > COMPLAINTS_LIMIT:
        state, why = INCOMPLETE, f"The kernel complained about more than {COMPLAINTS_LIMIT} different things."
    note = None if state == COMPLETE else Note("log_incomplete", f"{why} There may have been other complaints.")
    return ComplaintLog(state, said[:COMPLAINTS_LIMIT], note)


def _journal(host: Host) -> List[str]:
    """Return this boot's messages that count, oldest first; none when the journal cannot be read."""
    try:
        done = host.run(JOURNAL_ARGV, timeout=JOURNAL_TIMEOUT)
    except HostError:
        return []
    return list(journal_messages(done.stdout))[::-1] if done.rc == 0 else []


def _complaints(messages: Iterable[str]) -> Iterator[Complaint]:
    """Yield every complaint. What is said between an oops and its place belongs to it."""
    oops: Optional[Tuple[str, str]] = None
    distance = 0
    for message in messages:
        place = _PLACE.match(message) if oops else None
        distance += 1
        if oops and (place or distance > PLACE_DISTANCE):
            yield _complaint(*oops, place)
            oops = None
        what = _complained_about(message)
        if what in PLACED and oops is None:
            oops, distance = (what, message), 0
        elif what is not None and what not in PLACED:
            yield _complaint(what, message, _WARNED_IN.search(message) if what == "kernel_warning" else None)
    if oops:
        yield _complaint(*oops, None)


def _complained_about(message: str) -> Optional[str]:
    match = _COMPLAINT.match(message)
    if match is None or match.lastgroup is None or is_of_a_name(message):
        return None
    return PATTERNS[int(match.lastgroup[1:])][0]


def _complaint(what: str, message: str, place: Optional[re.Match[str]]) -> Complaint:
    # What the compiler appends to a function's name (".isra.0", ".cold") differs between builds.
    signature = place.group(1).split(".", 1)[0] if place else signature_of(message)
    return Complaint(what, signature, message[:EVIDENCE_LIMIT])


def _without_variable(match: re.Match[str]) -> str:
    return match.group("kept") or "#"
