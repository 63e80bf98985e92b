# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether upgrades with handover work on a host, and what it lacks. Pure but for ``assess``."""

from __future__ import annotations

from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.arguments import lacking, lacking_somewhere
from ansible_collections.kho.kexec.plugins.module_utils._host.access import require_access
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import COLD_BOOT
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import join
from ansible_collections.kho.kexec.plugins.module_utils._kernel.scratch import mib
from ansible_collections.kho.kexec.plugins.module_utils._observe.debugfs import MOUNT
from ansible_collections.kho.kexec.plugins.module_utils._prepare.arguments import (
    Wanted,
    Wishes,
    own_scratch_too_small,
    scratch_large,
    scratch_problem,
    wanted_arguments,
)
from ansible_collections.kho.kexec.plugins.module_utils._prepare.observe import Readiness, observe_readiness

# Who deals with what is missing: a part of the role kexec_prepare, or the operator.
PACKAGES = "packages"
ARGUMENTS = "kernel_arguments"
DEBUGFS = "debugfs"
JOURNAL = "journal"
SAVED_DEFAULT = "saved_default"
NAME_TRANSITION = "name_transition"
OPERATOR = "operator"

Missing = Tuple[Note, str]


class Assessment(NamedTuple):
    """What the host lacks, each with who deals with it; the arguments that it needs, and what to note."""

    readiness: Readiness
    wanted: Tuple[Wanted, ...]
    missing: Tuple[Missing, ...]
    notes: Tuple[Note, ...]

    def as_result(self) -> Dict[str, Any]:
        """Return what the module returns."""
        seen = self.readiness
        lacks = lacking_somewhere(seen.boot.all, [one.argument for one in self.wanted])
        saved = seen.saved_default if any(remedy == SAVED_DEFAULT for _note, remedy in self.missing) else None
        return {
            "running": seen.running.as_facts(),
            "ready": not self.missing,
            "missing": [{**note.as_dict(), "remedy": remedy} for note, remedy in self.missing],
            "packages": list(_packages(seen)),
            "arguments": [one.as_dict(configured=one.argument not in lacks) for one in self.wanted],
            "cold_boot_needed": cold_boot_needed(seen, self.wanted),
            "loader": seen.boot.loader,
            "default_entry": printable(saved.entry, 1000) if saved and saved.entry else None,
            "memory": {
                "scratch_bytes": seen.running.scratch_bytes,
                "cma_total_bytes": seen.running.cma_total_bytes,
                "cma_free_bytes": seen.running.cma_free_bytes,
                "pinning_drivers": list(seen.pinning),
            },
            "notes": [note.as_dict() for note in self.notes],
        }


def assess(host: Host, wishes: Wishes) -> Assessment:
    """Look at the host and say what it lacks. Raises Refusal ``container`` or ``not_root``."""
    require_access(host)
    return conclude(observe_readiness(host, wishes.name_transition), wishes)


def conclude(seen: Readiness, wishes: Wishes) -> Assessment:
    """Say what the host lacks, in the order in which one would deal with it. Pure."""
    wanted = tuple(wanted_arguments(seen, wishes))
    found = [
        *_of_the_kernel(seen),
        *_of_packages(seen),
        *_of_arguments(seen, wishes, wanted),
        *_of_the_system(seen, wishes),
    ]
    notes = (scratch_problem(seen, wishes), scratch_large(seen))
    return Assessment(seen, wanted, tuple(found), tuple(note for note in notes if note))


def cold_boot_needed(seen: Readiness, wanted: Tuple[Wanted, ...]) -> bool:
    """Whether arguments that are wanted come into force by a cold boot, and can."""
    return seen.running.built is not False and not _is_hopeless(seen, wanted) and any(one.awaits_boot for one in wanted)


def _is_hopeless(seen: Readiness, wanted: Tuple[Wanted, ...]) -> bool:
    """Whether the running kernel was given all that it needs for Kexec HandOver, and has it off nevertheless."""
    arguments = [one.argument for one in wanted if one.is_for_handover]
    return seen.running.enabled is False and not lacking(seen.site.command_line, arguments)


def _of_the_kernel(seen: Readiness) -> Iterator[Missing]:
    if seen.running.built is False:
        note = Note(
            "running_without_kho",
            f"The running kernel {seen.running.release} was built without CONFIG_KEXEC_HANDOVER. It cannot tell its "
            "successor anything, so no handover can be proven. Install a kernel that has it, and cold-boot into it.",
        )
        yield note, OPERATOR


def _of_packages(seen: Readiness) -> Iterator[Missing]:
    if seen.site.tools_problem is not None:
        note = Note(
            "kexec_tools_missing",
            f"The program kexec cannot be used: {printable(seen.site.tools_problem)} It loads the image. Install the "
            "package kexec-tools.",
        )
        yield note, PACKAGES
    if seen.kernels.programs:
        note = Note(
            "decompressor_missing",
            f"Kernels that are installed here are compressed, and {' and '.join(seen.kernels.programs)} to read them "
            "is not there. What they can do would stay unknown, and so would the end of an upgrade. Install the "
            "packages of these names.",
        )
        yield note, PACKAGES


def _packages(seen: Readiness) -> Iterator[str]:
    """The names are the same in Debian, Ubuntu, Fedora and RHEL."""
    if seen.site.tools_problem is not None:
        yield "kexec-tools"
    yield from seen.kernels.programs


def _of_arguments(seen: Readiness, wishes: Wishes, wanted: Tuple[Wanted, ...]) -> Iterator[Missing]:
    if seen.boot.problem is not None:
        yield seen.boot.problem, OPERATOR
    elif lacks := lacking_somewhere(seen.boot.all, [one.argument for one in wanted]):
        note = Note(
            "kernel_arguments_missing",
            f"The boot loader does not give the kernel {join(lacks)}; it gives {seen.boot.release}: "
            f"{printable(seen.boot.text or '', 1000)}. Upgrades with handover need them, from the next cold boot on. "
            "Put them into the boot loader's configuration (kho.kexec.kernel_arguments does).",
        )
        yield note, ARGUMENTS
    too_small = own_scratch_too_small(seen, wishes)
    if too_small is not None:
        yield too_small, OPERATOR
    if _is_hopeless(seen, wanted) and seen.running.built is not False:
        yield _kho_did_not_start(seen), OPERATOR
    elif cold_boot_needed(seen, wanted):
        yield _cold_boot(wanted), COLD_BOOT


def _kho_did_not_start(seen: Readiness) -> Note:
    scratch, memory = (None if seen.need is None else seen.need.total), seen.site.memory_bytes
    sizes = "" if scratch is None or memory is None else f" It needs about {mib(scratch)} of {mib(memory)} MiB."
    return Note(
        "kho_did_not_start",
        f"Kexec HandOver is off in the running kernel {seen.running.release}, although its command line asks for it. "
        f"Usually there was no room for its scratch memory.{sizes} Look for lines with KHO in the kernel's log, and "
        "set another kho_scratch= (kexec_prepare_scratch).",
    )


def _cold_boot(wanted: Tuple[Wanted, ...]) -> Note:
    waiting = join([one.argument for one in wanted if one.awaits_boot])
    return Note(
        "cold_boot_needed",
        f"The running kernel does not have in force what it needs: {waiting}. Only the boot loader can give it that. "
        "Cold-boot the host once (kexec_prepare_allow_cold_boot).",
    )


def _of_the_system(seen: Readiness, wishes: Wishes) -> Iterator[Missing]:
    if wishes.debugfs and not seen.debugfs:
        note = Note(
            "debugfs_not_mounted",
            f"debugfs is not mounted on {MOUNT}, where the kernel shows what was handed over. The same has then to be "
            "learned from the kernel's log, which may be overwritten. Mount it.",
        )
        yield note, DEBUGFS
    if wishes.journal and not seen.journal:
        note = Note(
            "journal_not_kept",
            "The journal of this host does not outlive a boot: it is not in /var/log/journal, or still in /run. What "
            "the old kernel said before it was left, or before it crashed, would be lost. Set Storage=persistent in "
            "journald.conf.",
        )
        yield note, JOURNAL
    if wishes.name_transition and seen.naming_lacks is not None:
        note = Note(
            "transition_not_named",
            f"This host does not name its boots in its kernel's log: {printable(seen.naming_lacks)} The record of a "
            "crash would not say after which transition that was, where nobody else can tell. Install the service "
            "(kexec_prepare does).",
        )
        yield note, NAME_TRANSITION
    if wishes.saved_default and seen.saved_default is not None and seen.saved_default.problem is not None:
        yield _saved_default(seen.saved_default.problem, seen.saved_default.entry, seen.saved_default.why)


def _saved_default(problem: str, entry: Optional[str], why: Optional[str]) -> Missing:
    if entry is not None:
        return Note("saved_default_off", problem), SAVED_DEFAULT
    note = Note(
        "saved_default_off",
        f"{problem} It cannot be told what the default is now, so it could not be kept. {why or ''} "
        "Set GRUB_DEFAULT=saved by hand, and choose a default with grub-set-default.",
    )
    return note, OPERATOR
