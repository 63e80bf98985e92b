# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became worse between two observations of a host's health. Pure.

What was there before is no new trouble, and a thing that only has another name is no loss.
"""

from __future__ import annotations

from collections import Counter
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from ansible_collections.kho.kexec.plugins.module_utils._health.hardware import Device, Disk, Link
from ansible_collections.kho.kexec.plugins.module_utils._health.log import COMPLETE, UNREADABLE
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import Health, taint_names
from ansible_collections.kho.kexec.plugins.module_utils._health.troubles import (
    SAID_AT_BOOT,
    ColdBoots,
    Trouble,
    trouble,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, regex

# Kernels use different amounts of memory for themselves: their images differ by tens of MiB, and what they keep for
# each page by 1 % of all memory. What is lost with hardware is more: one of 32 memory modules is 3 %.
MEMORY_SHARE = 0.02
MEMORY_LEAST = 64 << 20
# By a bit of the taint that means trouble: the trouble, and the complaints with which the kernel sets the bit.
TAINT_TROUBLES: Mapping[str, Tuple[str, Tuple[str, ...]]] = {
    "out_of_specification": ("out_of_specification", ()),
    "machine_check": ("machine_check", ("machine_check",)),
    "bad_page": (
        "bad_page",
        ("bad_page", "memory_access_invalid", "slab_corruption", "list_corruption", "page_poison"),
    ),
    "died": ("kernel_oops", ("kernel_oops", "kernel_bug")),
    "warning": ("kernel_warning", ("kernel_warning",)),
    "firmware_workaround": ("firmware_bug", ("firmware_bug",)),
    "soft_lockup": ("soft_lockup", ("soft_lockup",)),
}
EXAMPLES = 5
# Units that any kexec makes fail, whatever the kernel is like: what they wait for comes from the boot loader, which did
# not run. By name, where that is known from.
FAILED_BY_KEXEC: Mapping[str, str] = {"systemd-bless-boot.service": "https://github.com/systemd/systemd/issues/43738"}

_DIGITS = regex(r"\d+")

Found = Union[Trouble, Note]


class OwnComplaints(NamedTuple):
    """What a kernel complains about after cold boots: how often, by ``what`` and ``signature``.

    ``complete``: all of some cold boots is known, so it does not say after these what is not told here.
    """

    told: Mapping[Tuple[str, str], ColdBoots]
    complete: bool


class Comparison(NamedTuple):
    """What was found: all troubles, old ones too, and the notes of the observation and of the comparison.

    ``conclusive`` is false when nothing could be read of the kernel's log, so the absence of troubles says little.
    """

    troubles: Tuple[Trouble, ...]
    notes: Tuple[Note, ...]
    conclusive: bool = True

    @property
    def healthy(self) -> Optional[bool]:
        """False when a trouble counts; None when none was seen and the log could not be read."""
        if any(found.counts for found in self.troubles):
            return False
        return True if self.conclusive else None

    @property
    def new_codes(self) -> List[str]:
        """The codes of the troubles that count, each once."""
        return sorted({found.note.code for found in self.troubles if found.counts})

    def without(self, codes: Collection[str]) -> Comparison:
        """The same comparison without the troubles that have these codes."""
        return self._replace(troubles=tuple(found for found in self.troubles if found.note.code not in codes))

    def with_troubles(self, more: Sequence[Trouble]) -> Comparison:
        """The same comparison with more troubles."""
        return self._replace(troubles=(*self.troubles, *more))

    def as_dict(self) -> Dict[str, Any]:
        """Return the comparison in the shape that modules return."""
        return {
            "troubles": [found.as_dict() for found in self.troubles],
            "healthy": self.healthy,
            "notes": [note.as_dict() for note in self.notes],
        }


def compare_health(before: Optional[Health], after: Health, own: Optional[OwnComplaints] = None) -> Comparison:
    """Tell what became worse. Without ``before``, everything that went wrong in this boot counts.

    ``own`` are complaints that this kernel has after cold boots too; None when nobody knows any of its cold boots.
    """
    said = _complaints(before, after, own)
    found: List[Found] = [*after.notes, *said, *_taint(before, after), *_units(before, after)]
    if before is None:
        message = (
            "There is no health from before the transition to compare with: every trouble of this boot counts as new, "
            "and whether devices, links, disks, processors or memory were lost is not known."
        )
        found.append(Note("baseline_absent", message))
    else:
        found += [*_hardware(before, after), *_crash_kernel(before, after), *_not_compared(before, after)]
    return Comparison(
        troubles=tuple(item for item in found if isinstance(item, Trouble)),
        notes=tuple(item for item in found if isinstance(item, Note)),
        conclusive=after.log != UNREADABLE,
    )


def _complaints(before: Optional[Health], after: Health, own: Optional[OwnComplaints]) -> Iterator[Found]:
    # When the log of the boot before is not whole, what is said at each boot was probably in the part that is missing.
    known = {(complaint.what, complaint.signature) for complaint in before.complaints} if before else set()
    unsure = SAID_AT_BOOT if before and before.log != COMPLETE else frozenset()
    doubted = 0
    for complaint in after.complaints:
        new: Optional[bool] = (complaint.what, complaint.signature) not in known
        if new and complaint.what in unsure:
            new, doubted = None, doubted + 1
        cold = own.told.get((complaint.what, complaint.signature)) if own else None
        yield trouble(complaint.what, complaint.line, new, False if own and own.complete else None, cold)
    if doubted:
        message = (
            f"{doubted} troubles of the kinds that most kernels report while they boot may have been there before: the "
            "log from before the transition had lost its beginning. They do not count. Keep a persistent journal."
        )
        yield Note("log_not_compared", message)


def _taint(before: Optional[Health], after: Health) -> Iterator[Found]:
    """Take a bit for trouble when no complaint explains it; the log may have lost that."""
    said = {complaint.what for complaint in after.complaints}
    old = _names(before)
    harmless = []
    for name in _names(after):
        if name not in TAINT_TROUBLES:
            harmless += [name] if before and before.taint is not None and name not in old else []
            continue
        code, explained_by = TAINT_TROUBLES[name]
        if said.isdisjoint(explained_by):
            yield trouble(code, f"the kernel's taint has the flag {name}", _is_new(before, name not in old))
    if harmless:
        yield Note("taint_added", f"The kernel's taint has flags that it had not before: {', '.join(harmless)}.")


def _is_new(before: Optional[Health], absent: bool) -> Optional[bool]:
    return None if before is not None and before.taint is None else absent


def _names(health: Optional[Health]) -> List[str]:
    return [] if health is None or health.taint is None else taint_names(health.taint)


def _units(before: Optional[Health], after: Health) -> Iterator[Found]:
    """Numbers in names differ between the instances of one template."""
    unknown = before is not None and before.failed_units is None
    old = {_DIGITS.sub("#", name) for name in (before.failed_units if before else None) or ()}
    for name in after.failed_units or ():
        if name in FAILED_BY_KEXEC:
            message = f"{name} failed, as it does after any kexec ({FAILED_BY_KEXEC[name]}). That does not count."
            yield Note("unit_failed_by_kexec", message)
        else:
            yield trouble("unit_failed", name, None if unknown else _DIGITS.sub("#", name) not in old)


def _hardware(before: Health, after: Health) -> Iterator[Found]:
    if before.devices is not None and after.devices is not None:
        yield from _devices(before.devices, after.devices)
    if before.links is not None and after.links is not None:
        yield from _links(before.links, after.links)
    if before.disks is not None and after.disks is not None:
        yield from _disks(before.disks, after.disks)
    if before.cpus is not None and after.cpus is not None and after.cpus < before.cpus:
        yield trouble("cpus_lost", f"{before.cpus} before, {after.cpus} now")
    yield from _memory(before, after)


def _devices(before: Sequence[Device], after: Sequence[Device]) -> Iterator[Found]:
    """Compare by address; a device of the same make at a new address is the one that is missing at an old one."""
    now = {(device.identity, device.name): device for device in after}
    old = {(device.identity, device.name) for device in before}
    arrived = Counter(device.name for device in after if (device.identity, device.name) not in old)
    moved, changed = [], []
    for device in before:
        found = now.get((device.identity, device.name))
        if found is None and arrived[device.name] > 0:
            arrived[device.name] -= 1
            moved.append(device.identity)
        elif found is None:
            yield trouble("device_lost", _described(device))
        elif device.driver and not found.driver:
            yield trouble("driver_lost", _described(device))
        elif device.driver and found.driver != device.driver:
            changed.append(f"{device.identity} from {device.driver} to {found.driver}")
    if moved:
        yield Note("device_moved", f"PCI devices have other addresses than before: those of {_examples(moved)}.")
    if changed:
        yield Note("driver_changed", f"PCI devices have other drivers than before: {_examples(changed)}.")


def _described(device: Device) -> str:
    return f"{device.identity} ({device.name}), which {device.driver or 'no driver'} drove"


def _links(before: Sequence[Link], after: Sequence[Link]) -> Iterator[Found]:
    now = {link.identity: link for link in after}
    up = {link.identity for link in after if link.up}
    for link in before:
        if link.identity not in now:
            yield trouble("link_lost", f"{link.name} ({link.identity})")
        elif link.up and link.identity not in up:
            yield trouble("link_down", f"{now[link.identity].name} ({link.identity})")
    yield from _renamed("Network interfaces", before, after)


def _disks(before: Sequence[Disk], after: Sequence[Disk]) -> Iterator[Found]:
    """One disk that is reached over several paths is there several times."""
    had, has = (Counter(disk.identity for disk in disks) for disks in (before, after))
    most, now = (_partitions(disks) for disks in (before, after))
    names = {disk.identity: disk.name for disk in before}
    for identity, name in names.items():
        if not has[identity]:
            yield trouble("disk_lost", f"{name} ({identity})")
        elif has[identity] < had[identity]:
            yield trouble("disk_path_lost", f"{name} ({identity}), {had[identity]} before, {has[identity]} now")
        elif now[identity] < most[identity]:
            yield trouble("partition_lost", f"{name} ({identity}), {most[identity]} before, {now[identity]} now")
    yield from _renamed("Disks", before, after)


def _partitions(disks: Sequence[Disk]) -> Dict[str, int]:
    counts: Dict[str, int] = {}
    for disk in disks:
        counts[disk.identity] = max(disk.partitions, counts.get(disk.identity, 0))
    return counts


def _renamed(kind: str, before: Sequence[Union[Link, Disk]], after: Sequence[Union[Link, Disk]]) -> Iterator[Note]:
    """Tell of other names, where an identity has one name alone."""
    old, new = (_single_names(things) for things in (before, after))
    both = [(old[identity], new[identity]) for identity in old if identity in new]
    other = [f"{was} is {now}" for was, now in both if was != now]
    if other:
        yield Note("renamed", f"{kind} have other names than before: {_examples(other)}.")


def _single_names(things: Sequence[Union[Link, Disk]]) -> Dict[str, str]:
    counts = Counter(thing.identity for thing in things)
    return {thing.identity: thing.name for thing in things if counts[thing.identity] == 1}


def _memory(before: Health, after: Health) -> Iterator[Trouble]:
    if before.memory_bytes is None or after.memory_bytes is None:
        return
    had = before.memory_bytes + (before.crash_bytes or 0)
    has = after.memory_bytes + (after.crash_bytes or 0)
    if had - has > max(had * MEMORY_SHARE, MEMORY_LEAST):
        yield trouble("memory_lost", f"{had >> 20} MiB before, {has >> 20} MiB now")


def _crash_kernel(before: Health, after: Health) -> Iterator[Trouble]:
    if before.crash_bytes and not after.crash_bytes:
        yield trouble("crashkernel_lost", f"{before.crash_bytes >> 20} MiB before, none now")
    elif before.crash_image_loaded and after.crash_image_loaded is False:
        yield trouble("crash_image_lost", "one was loaded before")


# What both must know to be compared. A kernel without crash kernels says nothing of them.
_COMPARED: Mapping[str, Callable[[Health], Any]] = {
    "the kernel's taint": lambda health: health.taint,
    "failed units": lambda health: health.failed_units,
    "PCI devices": lambda health: health.devices,
    "network links": lambda health: health.links,
    "disks": lambda health: health.disks,
    "processors": lambda health: health.cpus,
    "memory": lambda health: health.memory_bytes,
}


def _not_compared(before: Health, after: Health) -> Iterator[Note]:
    names = [name for name, value in _COMPARED.items() if value(before) is None or value(after) is None]
    if names:
        message = f"Not known from before the transition or from now, and so not compared: {', '.join(names)}."
        yield Note("not_compared", message)


def _examples(items: Sequence[str]) -> str:
    return listed(items, EXAMPLES)
