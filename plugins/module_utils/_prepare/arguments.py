# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel arguments that a host needs for upgrades with handover, each with why. Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import is_on, last_value, truth
from ansible_collections.kho.kexec.plugins.module_utils._kernel.scratch import (
    NEW_PARAMETER,
    PARAMETER,
    Areas,
    Need,
    areas_for,
    is_bootmem_release,
    mib,
    parse_areas,
)
from ansible_collections.kho.kexec.plugins.module_utils._prepare.observe import Readiness

# The values of the wish ``scratch`` that are no value of kho_scratch=.
COMPUTED = "auto"
LEFT_TO_THE_KERNEL = "kernel"
STOP_ON_REBOOT = "watchdog.stop_on_reboot"


class Wishes(NamedTuple):
    """What the operator wants of the host.

    ``panic``: seconds for ``panic=``, 0 for none. ``scratch``: the value of ``kho_scratch=``, ``auto`` for one that is
    computed, or ``kernel`` for none. ``watchdog``, ``journal``, ``debugfs``, ``saved_default``: whether each matters.
    ``replace``: whether values that the command line has already are replaced, except those of ``kho=``.
    ``name_transition``: whether the host is to write into its kernel's log, at each boot, how that was started.
    """

    panic: int = 10
    scratch: str = COMPUTED
    watchdog: bool = True
    journal: bool = True
    debugfs: bool = True
    saved_default: bool = True
    replace: bool = False
    name_transition: bool = False


class Wanted(NamedTuple):
    """An argument, and why. ``awaits_boot``: it is not in force in the running kernel, and matters before a cold boot.

    ``is_for_handover``: without it, Kexec HandOver may stay off.
    """

    argument: str
    why: str
    awaits_boot: bool
    is_for_handover: bool = False

    def as_dict(self, configured: bool) -> Dict[str, Any]:
        """Return the argument in the shape that the module returns."""
        return {
            "argument": self.argument,
            "why": self.why,
            "configured": configured,
            "awaits_boot": self.awaits_boot,
        }


def wanted_arguments(seen: Readiness, wishes: Wishes) -> Iterator[Wanted]:
    """What the boot loader has to give the kernel."""
    yield _kho(seen)
    value = _scratch_value(seen, wishes)
    if value is not None:
        yield from _scratch(seen, value)
    if wishes.panic > 0:
        yield _panic(seen, wishes)
    if wishes.watchdog and seen.watchdog is not None:
        yield _watchdog(seen, wishes)


def _own(seen: Readiness, parameter: str) -> Optional[str]:
    """The value that the boot loader gives, or that the running kernel was given some other way."""
    configured = last_value(seen.boot.text or "", parameter)
    return last_value(seen.site.command_line, parameter) if configured is None else configured


def _kept(seen: Readiness, wishes: Wishes, parameter: str) -> Optional[str]:
    return None if wishes.replace else _own(seen, parameter)


def _parameters(seen: Readiness) -> Tuple[str, str]:
    """The two names of the argument for scratch memory; the one that the running kernel knows goes first."""
    is_new = is_bootmem_release(seen.running.release or "")
    return (NEW_PARAMETER, PARAMETER) if is_new else (PARAMETER, NEW_PARAMETER)


def _own_scratch(seen: Readiness) -> Optional[str]:
    return next((own for own in (_own(seen, name) for name in _parameters(seen)) if own is not None), None)


def _kho(seen: Readiness) -> Wanted:
    own, running = _own(seen, "kho"), seen.running.enabled
    in_force = is_on(seen.site.command_line, "kho") is True if running is None else running
    return Wanted(
        f"kho={own if truth(own) else 'on'}",
        "Switches Kexec HandOver on, without which a kernel neither hands over nor takes what it is handed.",
        awaits_boot=not in_force,
        is_for_handover=True,
    )


def _scratch_value(seen: Readiness, wishes: Wishes) -> Optional[str]:
    """The value of kho_scratch=; None when the kernel's own way stays, or nothing can be computed."""
    if wishes.scratch not in (COMPUTED, LEFT_TO_THE_KERNEL):
        return wishes.scratch
    kept = None if wishes.replace else _own_scratch(seen)
    if kept is not None:
        return kept
    areas = _computed(seen)
    return None if wishes.scratch == LEFT_TO_THE_KERNEL or areas is None else areas.value


def _computed(seen: Readiness) -> Optional[Areas]:
    """Areas that meet the need; None when it is not known, or would take more than half of the memory."""
    need, memory = seen.need, seen.site.memory_bytes
    if need is None or memory is None:
        return None
    areas = areas_for(need, memory, seen.nodes)
    return areas if areas.total <= memory // 2 else None


def _scratch(seen: Readiness, value: str) -> Iterator[Wanted]:
    """The argument by the name that the running kernel knows, and by the other where kernels of both kinds are there.

    Kernels pass over an argument that they do not know.
    """
    sizes = "" if seen.need is None else f" (the largest kernel and initrd here, a crash kernel, {_shown(seen.need)})"
    known, other = _parameters(seen)
    yield Wanted(
        f"{known}={value}",
        f"Reserves the memory that the next kernel starts in{sizes}. What the kernel would reserve by itself depends "
        "on what else is reserved at boot, and may be much more, or nothing at all.",
        awaits_boot=not _fits(seen, value),
        is_for_handover=True,
    )
    if seen.kernels.bootmem:
        yield Wanted(
            f"{other}={value}",
            "Says the same to kernels that call this memory by another name: since Linux 7.4 it is kho_bootmem=, "
            "before it was kho_scratch=. Kernels of both kinds may be started here.",
            awaits_boot=False,
        )


def _shown(need: Need) -> str:
    return f"{mib(need.kernel)}, {mib(need.initrd)} and {mib(need.crash)} MiB"


def _fits(seen: Readiness, value: str) -> bool:
    """Whether the running kernel has scratch memory in which the need is met; without sizes, whether it was asked."""
    need, running = seen.need, seen.running
    if running.enabled is False:
        return False
    if need is None or running.largest_scratch_bytes is None or running.scratch_bytes is None:
        return last_value(seen.site.command_line, _parameters(seen)[0]) == value
    has_room = running.largest_scratch_bytes >= need.largest and running.scratch_bytes >= need.total
    # More of the same does not help: own_scratch_too_small() tells.
    return has_room or last_value(seen.site.command_line, _parameters(seen)[0]) == value


def _panic(seen: Readiness, wishes: Wishes) -> Wanted:
    """It awaits no boot: each target is given one when it is loaded."""
    return Wanted(
        f"panic={_kept(seen, wishes, 'panic') or wishes.panic}",
        "Resets the machine that many seconds after a panic, instead of leaving it halted.",
        awaits_boot=False,
    )


def _watchdog(seen: Readiness, wishes: Wishes) -> Wanted:
    value = _kept(seen, wishes, STOP_ON_REBOOT) or "0"
    in_force = last_value(seen.site.command_line, STOP_ON_REBOOT) == value
    if seen.stop_on_reboot is not None:
        in_force = in_force or str(seen.stop_on_reboot) == value
    return Wanted(
        f"{STOP_ON_REBOOT}={value}",
        f"Lets the hardware watchdog ({printable(seen.watchdog or 'which does not tell its name')}) count on over a "
        "kexec, so it resets a target that hangs before its own driver is there.",
        awaits_boot=not in_force,
    )


def own_scratch_too_small(seen: Readiness, wishes: Wishes) -> Optional[Note]:
    """``kho_scratch_too_small``: a value that somebody chose, and in which the need is not met."""
    value, need = _scratch_value(seen, wishes), seen.need
    areas = parse_areas(value, seen.nodes) if value is not None else None
    if areas is None or need is None or (areas.largest >= need.largest and areas.total >= need.total):
        return None
    better = _computed(seen)
    return Note(
        "kho_scratch_too_small",
        f"kho_scratch={printable(value or '')} is too small for what is installed: the largest area has "
        f"{mib(areas.largest)} MiB of the {mib(need.largest)} that are needed, all together {mib(areas.total)} of "
        f"{mib(need.total)}. Kernels would not be loaded, panic while they boot, or run without a crash kernel. "
        + ("" if better is None else f"{better.value} would do. ")
        + "Change it, or let it be replaced (kexec_prepare_replace_arguments).",
    )


def scratch_large(seen: Readiness) -> Optional[Note]:
    """The kernel's own way may take gigabytes, and then people switch Kexec HandOver off."""
    taken, better = seen.running.scratch_bytes, _computed(seen)
    if taken is None or better is None or taken <= 2 * better.total:
        return None
    sizes = (seen.running.cma_total_bytes, seen.running.cma_free_bytes)
    total, free = (None if size is None else f"{mib(size)} MiB" for size in sizes)
    pins = f" Drivers that are loaded here do so: {', '.join(seen.pinning)}." if seen.pinning else ""
    name = _parameters(seen)[0]
    return Note(
        "scratch_large",
        f"The scratch memory of Kexec HandOver takes {mib(taken)} MiB (CmaTotal {total or 'unknown'}, CmaFree "
        f"{free or 'unknown'}), and {mib(better.total)} MiB are enough for what is installed. Programs may use it, but "
        f"nothing in it can be pinned for long, as RDMA, VFIO and GPUs do: this may fail.{pins} Do not switch "
        f"Kexec HandOver off: give the kernel {name}={better.value}, and cold-boot the host.",
    )


def scratch_problem(seen: Readiness, wishes: Wishes) -> Optional[Note]:
    """``kho_scratch_unknown``: no value can be computed, so the kernel's own way stays."""
    if wishes.scratch != COMPUTED or _scratch_value(seen, wishes) is not None:
        return None
    why = "no image of an installed kernel tells its size, or the host does not tell its memory"
    if seen.need is not None:
        why = f"it would be more than half of the memory; {mib(seen.need.total)} MiB are needed at least"
    return Note(
        "kho_scratch_unknown",
        f"No kho_scratch= can be computed: {why}. The kernel then chooses by itself how much memory it reserves, and "
        "may fail. Set one by hand (kexec_prepare_scratch).",
    )
