# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a handover will reach the target, and what prevents it: one small pure function for each code.

Kernel facts come from kernel/liveupdate/kexec_handover.c, kernel/crash_reserve.c and
arch/x86/kernel/kexec-bzimage64.c. What cannot be known is a doubt, never a no.
"""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._image.read import KernelImage
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import is_on, last_value
from ansible_collections.kho.kexec.plugins.module_utils._kernel.crashkernel import crashkernel_bytes
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import VERSION, Record
from ansible_collections.kho.kexec.plugins.module_utils._kernel.scratch import mib, need_of, pages
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._plan.check import (
    ADVICE,
    ANY_KEXEC,
    ANY_WAY,
    DOUBT,
    LOSS,
    OBSTACLE,
    ONLY_HANDOVER,
    Ways,
)
from ansible_collections.kho.kexec.plugins.module_utils._plan.check_live_update import (
    abi_differs,
    live_update_handlers_differ,
    live_update_lost,
    luo_abi_mismatch,
    why_unknown,
)
from ansible_collections.kho.kexec.plugins.module_utils._plan.check_target import TargetCheck
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation, Target
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import Promise


def promise_of(running: RunningKernel, release: str) -> Promise | None:
    """What the release will report after a handover from the running kernel; None when the count is unknown.

    The outgoing record is what the next kernel will really be told. Without it, the kernel adds one to its own count
    (kernel/liveupdate/kexec_handover.c).
    """
    told = running.next
    if told is None and running.release is not None and running.kexec_count is not None:
        told = Record(running.release, running.kexec_count + 1)
    if told is None:
        return None
    return Promise(release, told.previous_release, told.kexec_count, running.abi)


def running_without_kho(_target: Target, situation: Situation) -> Note | None:
    """The kernel that is left must be able to hand over."""
    if situation.running.built is not False:
        return None
    return Note(
        "running_without_kho",
        f"The running kernel {situation.running.release} was built without CONFIG_KEXEC_HANDOVER. It cannot tell its "
        "successor anything, so no handover can be proven. Cold-boot a kernel that has it, with kho=on.",
    )


def running_kho_off(_target: Target, situation: Situation) -> Note | None:
    """The kernel that is left must have reserved its scratch memory when it booted."""
    if situation.running.enabled is not False or situation.running.built is False:
        return None
    given = last_value(situation.site.command_line, "kho")
    return Note(
        "running_kho_off",
        f"Kexec HandOver is off in the running kernel {situation.running.release} (kho= on its command line: "
        f"{printable(given) if given else 'not given'}). It can only be switched on at boot. Put kho=on on the kernel "
        "command line and cold-boot the host once; if it is there, look in the kernel log for why KHO was disabled.",
    )


def kexec_count_unknown(_target: Target, situation: Situation) -> Note | None:
    """A handover is proven by the count, so it must be known before."""
    running = situation.running
    if running.built is False or running.enabled is False or promise_of(running, "") is not None:
        return None
    why = " ".join(note.message for note in running.notes) or "The kernel reports neither a count nor what comes next."
    return Note(
        "kexec_count_unknown",
        f"It is not known what the next kernel will be told: {printable(why, 1000)} Without a promise nothing can be "
        "proven. Mount debugfs on /sys/kernel/debug, or keep the journal of this boot.",
    )


def running_kho_unknown(_target: Target, situation: Situation) -> Note | None:
    """The promise then rests on the count alone."""
    running = situation.running
    if running.next is not None or None not in (running.built, running.enabled):
        return None
    return Note(
        "running_kho_unknown",
        f"It is not known whether Kexec HandOver is on in {running.release}: its outgoing record cannot be read. The "
        "promise rests on the count of this boot. Mount debugfs on /sys/kernel/debug to know it before.",
    )


def target_without_kho(target: Target, _situation: Situation) -> Note | None:
    """The kernel that is started must understand what it is handed."""
    image = target.image
    if image is None or image.kho_built is not False:
        return None
    return Note(
        "target_without_kho",
        f"The target {target.release} was built without CONFIG_KEXEC_HANDOVER (learnt from: "
        f"{printable(image.learnt.get('kho_built', 'its image'))}). It would ignore what it is handed, and the chain "
        "would end. Choose a kernel that was built with it.",
    )


def target_kho_unknown(target: Target, _situation: Situation) -> Note | None:
    """Neither the payload nor a configuration could be read."""
    image = target.image
    if image is None or image.kho_built is not None:
        return None
    return Note(
        "target_kho_unknown",
        f"It is not known whether {target.release} was built with CONFIG_KEXEC_HANDOVER.{why_unknown(image)} If it "
        f"was not, the verdict will be kexec_without_handover. Install its configuration "
        f"(/boot/config-{target.release}), or what is missing to decompress its image, to know it before.",
    )


def target_kho_off(target: Target, _situation: Situation) -> Note | None:
    """The target's command line says kho=on, unless the target was built to listen to another one."""
    image = target.image
    if image is None or image.kho_built is False:
        return None
    line = _effective_command_line(target.command_line, image)
    given = last_value(line, "kho")
    wanted = is_on(line, "kho")
    if (image.kho_default if wanted is None else wanted) is True:
        return None
    return Note(
        "target_kho_off",
        f"Kexec HandOver would be off in the target {target.release} (kho= on the command line that it goes by: "
        f"{printable(given) if given else 'not given'}). It would ignore what it is handed, and the chain would end. "
        "Choose a kernel that was not built with a command line of its own (CONFIG_CMDLINE_OVERRIDE), or with one that "
        "says kho=on.",
    )


def kho_abi_mismatch(target: Target, situation: Situation) -> Note | None:
    """The target compares the compatible string of the tree with its own (kho_populate())."""
    image, running = target.image, situation.running
    if image is None or not abi_differs(running, image):
        return None
    return Note(
        "kho_abi_mismatch",
        f"The running kernel {running.release} hands over by {running.abi}, and the target {target.release} takes "
        f"{image.kho_abi}. The target would start, and ignore what it is handed. Choose a target with the same ABI; or "
        "let it happen: a kexec without handover is promised then, and the chain begins anew.",
    )


def kho_abi_unknown(target: Target, situation: Situation) -> Note | None:
    """Handovers happen only between kernels with the same ABI."""
    image, running = target.image, situation.running
    if image is None or not _may_reach(running, image) or (running.abi is not None and image.kho_abi is not None):
        return None
    whose = f"the running kernel {running.release}" if running.abi is None else f"the target {target.release}"
    return Note(
        "kho_abi_unknown",
        f"It is not known which version of the KHO ABI {whose} speaks.{why_unknown(image)} If the two differ, the "
        "target starts and the verdict will be kexec_without_handover.",
    )


def metadata_not_offered(_target: Target, situation: Situation) -> Note | None:
    """The running kernel's own note: debugfs shows what it will hand over, and no record is among it."""
    running = situation.running
    if not _has_note(running, "metadata_not_offered"):
        return None
    return Note(
        "metadata_not_offered",
        f"The running kernel {running.release} will hand over no kexec metadata (Linux has it since 7.1). The target "
        "could not tell from which kernel it was executed, so nothing could be proven. Cold-boot a newer kernel; or "
        "let it happen, and a kexec without handover is promised.",
    )


def metadata_unsupported(target: Target, situation: Situation) -> Note | None:
    """A kernel that does not know the metadata, or its version, takes the handover and tells nothing of it."""
    image, running = target.image, situation.running
    problem = _metadata_problem(image, running) if image is not None and _may_reach(running, image) else None
    if problem is None:
        return None
    return Note(
        "metadata_unsupported",
        f"{problem} So the target {target.release} would not report from which kernel it was executed, and nothing "
        "could be proven. Choose a target that takes the version of the kexec metadata that the running kernel "
        f"{running.release} gives; or let it happen, and a kexec without handover is promised.",
    )


def _metadata_problem(image: KernelImage, running: RunningKernel) -> str | None:
    if image.metadata is False:
        return "The target has Kexec HandOver without the kexec metadata (Linux has it since 7.1)."
    if running.next is None and _has_note(running, "metadata_unsupported"):
        return "The running kernel gives kexec metadata of a version that is not known here."
    if running.next is not None and image.metadata_version not in (None, VERSION):
        return f"The kexec metadata has version {VERSION}, and the target takes version {image.metadata_version}."
    return None


def metadata_unknown(target: Target, situation: Situation) -> Note | None:
    """Only the payload tells, and the version only its code (``_metadata_version``)."""
    image, running = target.image, situation.running
    if image is None or not _may_reach(running, image) or _metadata_problem(image, running):
        return None
    if None not in (image.metadata, image.metadata_version):
        return None
    unknown = "whether it has the kexec metadata (Linux has it since 7.1)"
    if image.metadata:
        unknown = "which version of the kexec metadata it takes: its code could not be read"
    return Note(
        "metadata_unknown",
        f"It is not known whether {target.release} will report from which kernel it was executed, because it is not "
        f"known {unknown}.{why_unknown(image)} If it does not report it, the verdict will be kexec_without_handover.",
    )


def scratch_too_small(target: Target, situation: Situation) -> Note | None:
    """Each segment must lie inside one scratch area (kho_locate_mem_hole()), which bzImage64_load() asks for.

    The kernel's segment has init_size bytes, in whole pages, at a multiple of 2 MiB; so do scratch areas begin.
    """
    largest = situation.running.largest_scratch_bytes
    if situation.running.enabled is not True or largest is None:
        return None
    needs = {"kernel": target.image.init_size if target.image else None, "initrd": target.initrd_bytes}
    large = {what: size for what, size in needs.items() if size is not None and pages(size) > largest}
    if not large:
        return None
    found = " and ".join(f"its {what} needs {mib(size)} MiB" for what, size in large.items())
    return Note(
        "scratch_too_small",
        f"The target {target.release} does not fit into the scratch memory of Kexec HandOver: {found}, and the largest "
        f"area has {mib(largest)} MiB. The kernel would refuse to load it. The size is fixed for the whole chain. Put "
        "a larger kho_scratch= on the kernel command line and cold-boot the host.",
    )


def scratch_tight(target: Target, situation: Situation) -> Note | None:
    """Until the handover is taken in, the target has only the scratch memory, for itself and its page structures."""
    scratch, memory, image = situation.running.scratch_bytes, situation.site.memory_bytes, target.image
    if scratch is None or memory is None or image is None or image.init_size is None:
        return None
    wanted = need_of(image.init_size, target.initrd_bytes or 0, 0, memory).total
    if wanted <= scratch:
        return None
    return Note(
        "scratch_tight",
        f"The scratch memory of Kexec HandOver has {mib(scratch)} MiB in all, and {target.release} will want about "
        f"{mib(wanted)} MiB before it may use any other: for itself, its initrd and the structures of this host's "
        "memory. It may panic while it boots. Put a larger kho_scratch= on the kernel command line and cold-boot the "
        "host.",
    )


def scratch_fit_unknown(target: Target, situation: Situation) -> Note | None:
    """Loading will tell; that is before the jump."""
    running, image = situation.running, target.image
    if running.enabled is not True or image is None:
        return None
    if running.largest_scratch_bytes is not None and image.init_size is not None:
        return None
    what = "how large the scratch memory is" if running.largest_scratch_bytes is None else "how much memory it needs"
    return Note(
        "scratch_fit_unknown",
        f"It is not known whether {target.release} fits into the scratch memory of Kexec HandOver: nobody says {what}. "
        "If it does not, it cannot be loaded, and the host stays as it is.",
    )


def crashkernel_lost(target: Target, situation: Situation) -> Note | None:
    """After a handover, only the scratch areas are free when the memory for a crash kernel is reserved."""
    largest = situation.running.largest_scratch_bytes
    wanted = crashkernel_bytes(target.command_line, situation.site.command_line, situation.site.crash_bytes)
    if largest is None or wanted is None or wanted <= largest:
        return None
    return Note(
        "crashkernel_lost",
        f"crashkernel= wants {mib(wanted)} MiB. After a handover they must come out of a scratch area, and the "
        f"largest has {mib(largest)} MiB. The target would probably run without a crash kernel, so its "
        "crashes leave no dump. Put a larger kho_scratch= on the kernel command line and cold-boot the host.",
    )


def crashkernel_tight(target: Target, situation: Situation) -> Note | None:
    """Where the target puts itself is random, and may divide the scratch area that would have room."""
    largest, image = situation.running.largest_scratch_bytes, target.image
    wanted = crashkernel_bytes(target.command_line, situation.site.command_line, situation.site.crash_bytes)
    if largest is None or wanted is None or wanted > largest or "nokaslr" in target.command_line.split():
        return None
    init_size = image.init_size if image is not None and image.init_size is not None else 0
    room = need_of(init_size, target.initrd_bytes or 0, wanted, 0).crash_room
    if room <= largest:
        return None
    return Note(
        "crashkernel_tight",
        f"crashkernel= wants {mib(wanted)} MiB in one piece. After a handover they must come out of a scratch area. "
        f"The largest has {mib(largest)} MiB, and the target puts itself at a random place in it (KASLR), so what "
        "is left may be too small on either side. The target may run without a crash kernel then, and its crashes "
        f"leave no dump. With {mib(room)} MiB in one area there is room wherever it goes: put a larger kho_scratch= on "
        "the kernel command line and cold-boot the host.",
    )


def _may_reach(running: RunningKernel, image: KernelImage) -> bool:
    """Whether nothing is known that keeps the handover itself from the target."""
    offered = running.built is not False and running.enabled is not False
    return offered and image.kho_built is not False and not abi_differs(running, image)


def _has_note(running: RunningKernel, code: str) -> bool:
    return any(note.code == code for note in running.notes)


def _effective_command_line(command_line: str, image: KernelImage) -> str:
    """What the target goes by: a kernel may be built to ignore what it is given (x86, arm64: Kconfig)."""
    builtin = image.config.get("CONFIG_CMDLINE", "")
    if "y" in (image.config.get("CONFIG_CMDLINE_OVERRIDE"), image.config.get("CONFIG_CMDLINE_FORCE")):
        return builtin
    return command_line


# In the order in which an operator should deal with it: what it concerns, how much it weighs, and the checks.
CHECKS: tuple[tuple[Ways, str, tuple[TargetCheck, ...]], ...] = (
    (ANY_WAY, OBSTACLE, (luo_abi_mismatch,)),
    (ANY_KEXEC, OBSTACLE, (scratch_too_small,)),
    (
        ONLY_HANDOVER,
        LOSS,
        (
            running_without_kho,
            running_kho_off,
            kexec_count_unknown,
            target_without_kho,
            target_kho_off,
            kho_abi_mismatch,
            metadata_not_offered,
            metadata_unsupported,
        ),
    ),
    (ONLY_HANDOVER, DOUBT, (running_kho_unknown, target_kho_unknown, kho_abi_unknown, metadata_unknown)),
    (ANY_KEXEC, DOUBT, (scratch_fit_unknown,)),
    (ONLY_HANDOVER, ADVICE, (scratch_tight, crashkernel_lost, crashkernel_tight)),
    (ANY_KEXEC, ADVICE, (live_update_lost, live_update_handlers_differ)),
)
