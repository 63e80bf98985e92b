# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of live update (LUO) on the way to the target: one small pure function for each code.

Kernel facts come from kernel/liveupdate/luo_core.c. The names of ABIs are compared as a whole, as kernels do.
"""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._image.read import KernelImage
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation, Target


def luo_abi_mismatch(target: Target, situation: Situation) -> Note | None:
    """A kernel that accepts a handover and does not understand the state of live update in it panics.

    luo_early_startup() (kernel/liveupdate/luo_core.c) does so whether or not live update is on in the new kernel. It
    never looks when the handover itself is refused, or when it has no live update.
    """
    image, running = target.image, situation.running
    if not situation.site.live_update or image is None or image.luo_built is False or image.kho_built is False:
        return None
    if abi_differs(running, image) or (running.luo_abi is not None and running.luo_abi == image.luo_abi):
        return None
    return Note(
        "luo_abi_mismatch",
        f"Live update (LUO) is on. The running kernel {running.release} speaks {running.luo_abi or 'an unknown ABI'}, "
        f"the target {target.release} {image.luo_abi or 'an unknown one'}.{why_unknown(image)} A kernel that is "
        "handed a state that it does not understand panics while it boots. This is refused under every policy. Choose "
        "a target with the same LUO ABI, or take liveupdate=on off the command line and cold-boot.",
    )


def live_update_lost(target: Target, situation: Situation) -> Note | None:
    """What live update preserves is lost on a target that does not look for it."""
    image = target.image
    if not situation.site.live_update or image is None:
        return None
    if image.luo_built is not False and image.kho_built is not False and not abi_differs(situation.running, image):
        return None
    return Note(
        "live_update_lost",
        f"Live update (LUO) is on in the running kernel {situation.running.release}, and the target {target.release} "
        "does not take what it preserves. That is lost. Make sure that nobody relies on it.",
    )


def live_update_handlers_differ(target: Target, situation: Situation) -> Note | None:
    """A handler of files has a version of its own (mm/memfd_luo.c): with another one, no panic comes, and no file."""
    image, before = target.image, situation.luo_handlers
    if not situation.site.live_update or image is None or image.luo_handlers is None or before is None:
        return None
    missing = sorted(set(before) - set(image.luo_handlers))
    if not missing or live_update_lost(target, situation) is not None:
        return None
    return Note(
        "live_update_handlers_differ",
        f"Live update (LUO) is on. The running kernel {situation.running.release} preserves files as "
        f"{', '.join(missing)}, and the target {target.release} understands {', '.join(image.luo_handlers)}. It would "
        "start, and could not give back the files that it is handed: opening /dev/liveupdate fails then. Make sure "
        "that nobody relies on them, or choose a target that understands the same.",
    )


def abi_differs(running: RunningKernel, image: KernelImage) -> bool:
    """Whether the target certainly refuses the handover."""
    return running.abi is not None and image.kho_abi is not None and running.abi != image.kho_abi


def why_unknown(image: KernelImage) -> str:
    """What kept the image from being read, as sentences to put behind another."""
    return "".join(" " + note.message for note in image.obstacles)
