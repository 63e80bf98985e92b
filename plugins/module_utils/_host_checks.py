# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against leaving this host's kernel by a handover: one small pure function for each code.

A check returns a note when it objects, and None otherwise. A note says what is wrong, what was found, why it matters,
and what to do instead. Kernel facts come from kernel/liveupdate, kernel/kexec_core.c and kernel/kexec_file.c.
"""

from __future__ import annotations

from typing import Callable, Optional

from ansible_collections.kho.kexec.plugins.module_utils._access import access_problem
from ansible_collections.kho.kexec.plugins.module_utils._cmdline import last_value
from ansible_collections.kho.kexec.plugins.module_utils._errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._kexec_state import foreign_image
from ansible_collections.kho.kexec.plugins.module_utils._metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._releases import release_key
from ansible_collections.kho.kexec.plugins.module_utils._running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._situation import LATEST, Situation
from ansible_collections.kho.kexec.plugins.module_utils._text import printable
from ansible_collections.kho.kexec.plugins.module_utils._transition import Promise, owns_image

HostCheck = Callable[[Situation], Optional[Note]]


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


def access(situation: Situation) -> Note | None:
    """``container`` or ``not_root``."""
    return access_problem(situation.site.container, situation.site.root)


def running_unknown(situation: Situation) -> Note | None:
    """Without the running release and boot id a transition has no beginning."""
    running = situation.running
    if running.release is not None and running.boot_id is not None:
        return None
    return Note(
        "running_unknown",
        f"The running kernel cannot be told: release {running.release!r}, boot id {running.boot_id!r}. Nothing could "
        "be compared after the jump. Mount /proc and let it be read.",
    )


def target_not_found(situation: Situation) -> Note | None:
    """There must be an image of the wanted release."""
    if situation.target is not None:
        return None
    wanted = situation.policy.release
    what = "any kernel" if wanted == LATEST else f"the kernel {printable(wanted)}"
    found = ", ".join(sorted(situation.site.releases, key=release_key)) or "none"
    return Note(
        "target_not_found",
        f"There is no image of {what} in /boot (looked for vmlinuz-RELEASE, found: {found}). There is nothing to hand "
        "over to. Install the kernel's package, or name an installed release.",
    )


def panic_out_of_range(situation: Situation) -> Note | None:
    """A target that panics must come back by itself."""
    seconds = situation.policy.panic
    if seconds >= 1:
        return None
    return Note(
        "panic_out_of_range",
        f"The option panic is {seconds}. With 0 a target that panics stands still for ever, and below 0 it restarts "
        "before anybody can read why. Give a number of seconds of at least 1.",
    )


def kexec_not_built(situation: Situation) -> Note | None:
    """Every kernel with CONFIG_KEXEC_CORE says in sysfs whether an image is loaded."""
    if situation.running.image_loaded is not None:
        return None
    return Note(
        "kexec_not_built",
        f"The running kernel {situation.running.release} does not offer kexec: neither /sys/kernel/kexec/loaded nor "
        "/sys/kernel/kexec_loaded can be read. No image can be loaded. Boot a kernel with CONFIG_KEXEC_FILE=y first.",
    )


def kexec_disabled(situation: Situation) -> Note | None:
    """The sysctl goes from 0 to 1 and never back."""
    if not situation.site.load_disabled:
        return None
    return Note(
        "kexec_disabled",
        "Loading kernels is switched off: kernel.kexec_load_disabled is 1. It cannot be switched on again in this "
        "boot. Remove the setting (look in /etc/sysctl.d) and cold-boot the host.",
    )


def kexec_limit_exhausted(situation: Situation) -> Note | None:
    """Each load and unload, also one that fails, uses up one of the limit; it can only be lowered."""
    if situation.site.load_limit != 0:
        return None
    return Note(
        "kexec_limit_exhausted",
        "No more kernels may be loaded: kernel.kexec_load_limit_reboot is 0. The limit cannot be raised in this boot. "
        "Remove the setting (look in /etc/sysctl.d) or make it larger, and cold-boot the host.",
    )


def kexec_tools_missing(situation: Situation) -> Note | None:
    """The image is loaded by kexec(8)."""
    problem = situation.site.tools_problem
    if problem is None:
        return None
    return Note(
        "kexec_tools_missing",
        f"The program kexec cannot be used: {printable(problem)} It loads the image. Install the package kexec-tools.",
    )


def running_without_kho(situation: Situation) -> Note | None:
    """The kernel that is left must be able to hand over."""
    if situation.running.built is not False:
        return None
    return Note(
        "running_without_kho",
        f"The running kernel {situation.running.release} was built without CONFIG_KEXEC_HANDOVER. It cannot tell its "
        "successor anything, so no handover can be proven. Cold-boot a kernel that has it, with kho=on.",
    )


def running_kho_off(situation: Situation) -> Note | None:
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


def kexec_count_unknown(situation: Situation) -> Note | None:
    """A handover is proven by the count, so that it must be known before."""
    running = situation.running
    if running.built is False or running.enabled is False or promise_of(running, "") is not None:
        return None
    why = " ".join(note.message for note in running.notes) or "The kernel reports neither a count nor what comes next."
    return Note(
        "kexec_count_unknown",
        f"It is not known what the next kernel will be told: {printable(why, 1000)} Without a promise nothing can be "
        "proven. Mount debugfs on /sys/kernel/debug, or keep the journal of this boot.",
    )


def image_already_loaded(situation: Situation) -> Note | None:
    """An image that somebody else loaded is theirs to execute or unload."""
    if not situation.running.image_loaded or owns_image(situation.transition, situation.running):
        return None
    return foreign_image()


def running_kho_unknown(situation: Situation) -> Note | None:
    """The promise then rests on the count alone."""
    running = situation.running
    if running.next is not None or None not in (running.built, running.enabled):
        return None
    return Note(
        "running_kho_unknown",
        f"It is not known whether Kexec HandOver is on in {running.release}: its outgoing record cannot be read. The "
        "promise rests on the count of this boot. Mount debugfs on /sys/kernel/debug to know it before.",
    )


# What ends the search for a plan at once: nothing else can be found out, or would matter.
FIRST: tuple[HostCheck, ...] = (access, running_unknown, target_not_found)

# What forbids a handover, in the order in which an operator should deal with it.
REFUSALS: tuple[HostCheck, ...] = (
    panic_out_of_range,
    kexec_not_built,
    kexec_disabled,
    kexec_limit_exhausted,
    kexec_tools_missing,
    running_without_kho,
    running_kho_off,
    kexec_count_unknown,
    image_already_loaded,
)

WARNINGS: tuple[HostCheck, ...] = (running_kho_unknown,)
