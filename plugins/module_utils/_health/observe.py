# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of a running host, observed in a moment: files of /proc and /sys, the kernel's log, and one program.

``_health_compare`` tells what has become worse between two of them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, TypeVar

from ansible_collections.kho.kexec.plugins.module_utils._health.hardware import (
    Device,
    Disk,
    Link,
    read_cpus,
    read_devices,
    read_disks,
    read_links,
)
from ansible_collections.kho.kexec.plugins.module_utils._health.log import (
    COMPLETE,
    INCOMPLETE,
    UNREADABLE,
    Complaint,
    read_complaints,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.kexec_state import read_kexec_state
from ansible_collections.kho.kexec.plugins.module_utils._host.memory import crash_bytes, memory_bytes
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed

TAINTED = "/proc/sys/kernel/tainted"
# Documentation/admin-guide/tainted-kernels.rst, by bit.
TAINT_NAMES = (
    "proprietary_module",
    "forced_module",
    "out_of_specification",
    "forced_unload",
    "machine_check",
    "bad_page",
    "user_request",
    "died",
    "overridden_acpi_table",
    "warning",
    "staging_driver",
    "firmware_workaround",
    "out_of_tree_module",
    "unsigned_module",
    "soft_lockup",
    "live_patch",
    "auxiliary",
    "randomized_structures",
    "test",
    "fwctl_mutation",
)
FAILED_UNITS_ARGV = ("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full", "--no-pager")
SYSTEMCTL_TIMEOUT = 10.0
# What is stored and read again holds no more of anything, and no longer texts.
MOST = 10000
TEXT_LIMIT = 1024

Item = TypeVar("Item")


@dataclass(frozen=True)
class Health:
    """What a host's health is judged by. None: could not be observed, and a note says why.

    ``taint`` is the kernel's bit mask, ``log`` one of ``complete``, ``incomplete`` and ``unreadable``; ``memory_bytes``
    does not count what is set aside for a crash kernel (``crash_bytes``). ``notes`` are not stored.
    """

    taint: Optional[int]
    log: str
    complaints: Tuple[Complaint, ...]
    failed_units: Optional[Tuple[str, ...]]
    devices: Optional[Tuple[Device, ...]]
    links: Optional[Tuple[Link, ...]]
    disks: Optional[Tuple[Disk, ...]]
    cpus: Optional[int]
    memory_bytes: Optional[int]
    crash_bytes: Optional[int]
    crash_image_loaded: Optional[bool]
    notes: Tuple[Note, ...] = field(default=(), compare=False)

    @property
    def taint_names(self) -> Optional[List[str]]:
        """The taint's bits in words; None when it is unknown."""
        return None if self.taint is None else taint_names(self.taint)

    def as_dict(self) -> Dict[str, Any]:
        """Return the health as it is stored and as modules return it, without its notes."""
        shown = {name: _listed(value) for name, value in asdict(self).items() if name != "notes"}
        return {**shown, "taint_names": self.taint_names}


def taint_names(taint: int) -> List[str]:
    """Return the names of the bits that are set; a bit that is not known here is ``bit_N``."""
    bits = (bit for bit in range(taint.bit_length()) if taint >> bit & 1)
    return [TAINT_NAMES[bit] if bit < len(TAINT_NAMES) else f"bit_{bit}" for bit in bits]


@timed("health")
def observe_health(host: Host) -> Health:
    """Observe the host; nothing that is absent or denied is an error."""
    notes: List[Note] = []
    log = read_complaints(host)
    if log.obstacle:
        notes.append(log.obstacle)
    kexec = read_kexec_state(host)
    return Health(
        taint=_known(notes, lambda: _taint(host)),
        log=log.state,
        complaints=log.complaints,
        failed_units=_known(notes, lambda: _failed_units(host)),
        devices=_known(notes, lambda: read_devices(host)),
        links=_known(notes, lambda: read_links(host)),
        disks=_known(notes, lambda: read_disks(host)),
        cpus=_known(notes, lambda: read_cpus(host)),
        memory_bytes=memory_bytes(host),
        crash_bytes=crash_bytes(host),
        crash_image_loaded=kexec.crash_image_loaded,
        notes=tuple(notes),
    )


def parse_health(fields: Mapping[str, Any]) -> Health:
    """Read what ``Health.as_dict`` gave. Raises ValueError for anything that is not exactly that."""
    log = _field(fields, "log", str)
    if log not in (COMPLETE, INCOMPLETE, UNREADABLE):
        raise ValueError("its field 'log' is not a state of a log")
    return Health(
        taint=_count(fields, "taint"),
        log=log,
        complaints=_items(fields, "complaints", _complaint) or (),
        failed_units=_items(fields, "failed_units", _text),
        devices=_items(fields, "devices", _device),
        links=_items(fields, "links", _link),
        disks=_items(fields, "disks", _disk),
        cpus=_count(fields, "cpus"),
        memory_bytes=_count(fields, "memory_bytes"),
        crash_bytes=_count(fields, "crash_bytes"),
        crash_image_loaded=_field(fields, "crash_image_loaded", bool, type(None)),
    )


def _known(notes: List[Note], observe: Callable[[], Item]) -> Optional[Item]:
    """Return what is observed, or None with a note."""
    try:
        return observe()
    except HostError as error:
        notes.append(Note("not_observed", f"A part of the host's health is not known: {printable(str(error), 500)}"))
        return None


def _taint(host: Host) -> int:
    text = host.read_text(TAINTED, 64).strip()
    if not (text.isascii() and text.isdigit()):
        raise HostError(TAINTED, "failed", "it holds no number")
    return int(text)


def _failed_units(host: Host) -> Tuple[str, ...]:
    """Ask systemd for the units in the state *failed*."""
    done = host.run(FAILED_UNITS_ARGV, timeout=SYSTEMCTL_TIMEOUT)
    if done.rc != 0:
        raise HostError("systemctl", "failed", printable(done.stderr.strip()))
    names = (line.split(None, 1)[0] for line in done.stdout.splitlines()[:MOST] if line.strip())
    return tuple(printable(name, TEXT_LIMIT) for name in names)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


# Reading what was stored


def _field(fields: Any, name: str, *kinds: type) -> Any:
    """One field of a JSON object, of exactly one of these types (so that true is not taken for 1)."""
    if not isinstance(fields, Mapping) or name not in fields:
        raise ValueError(f"it has no field {name!r}")
    value = fields[name]
    if type(value) not in kinds:
        raise ValueError(f"its field {name!r} is {type(value).__name__}")
    return _text(value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise ValueError("it holds something else where a short text should be")
    return printable(value, TEXT_LIMIT)


def _count(fields: Any, name: str) -> Optional[int]:
    count: Optional[int] = _field(fields, name, int, type(None))
    if count is not None and not 0 <= count < 1 << 64:
        raise ValueError(f"its field {name!r} is not a count")
    return count


def _items(fields: Any, name: str, read: Callable[[Any], Item]) -> Optional[Tuple[Item, ...]]:
    items = _field(fields, name, list, type(None))
    if items is None:
        return None
    if len(items) > MOST:
        raise ValueError(f"its field {name!r} is longer than {MOST}")
    return tuple(read(item) for item in items)


def _complaint(item: Any) -> Complaint:
    return Complaint(_field(item, "what", str), _field(item, "signature", str), _field(item, "line", str))


def _device(item: Any) -> Device:
    return Device(_field(item, "identity", str), _field(item, "name", str), _field(item, "driver", str, type(None)))


def _link(item: Any) -> Link:
    return Link(_field(item, "identity", str), _field(item, "name", str), _field(item, "up", bool))


def _disk(item: Any) -> Disk:
    return Disk(_field(item, "identity", str), _field(item, "name", str), _field(item, "partitions", int))
