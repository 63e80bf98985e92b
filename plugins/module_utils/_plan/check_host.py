# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against leaving this host's kernel: one small pure function for each code.

A check returns a note when it objects, and None otherwise. A note says what is wrong, what was found, why it matters,
and what to do instead. Kernel facts come from kernel/liveupdate, kernel/kexec_core.c and kernel/kexec_file.c.
"""

from __future__ import annotations

from typing import Callable, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.access import access_problem
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.kexec_state import foreign_image
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import ACCEPTABLE, COLD_BOOT
from ansible_collections.kho.kexec.plugins.module_utils._plan.check import ANY_KEXEC, ANY_WAY, Ways
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import owns_image

HostCheck = Callable[[Situation], Optional[Note]]


def access(situation: Situation) -> Note | None:
    """``container`` or ``not_root``."""
    return access_problem(situation.site.container, situation.site.root)


def host_claimed(situation: Situation) -> Note | None:
    """Two runs at once would each take the other's jump for its own."""
    return None if situation.claim is None else situation.claim.as_note()


def running_unknown(situation: Situation) -> Note | None:
    """Without the running release and boot id a transition has no beginning."""
    running = situation.running
    if running.release is not None and running.boot_id is not None:
        return None
    return Note(
        "running_unknown",
        f"The running kernel cannot be identified: release {running.release!r}, boot id {running.boot_id!r}. Nothing "
        "could be compared after the jump. Mount /proc and let it be read.",
    )


def target_not_chosen(situation: Situation) -> Note | None:
    """``target_not_found`` or ``target_ambiguous``."""
    return situation.choice.refusal


def accept_impossible(situation: Situation) -> Note | None:
    """What can never work, or is never safe, cannot be accepted; a code that does not exist says nothing either."""
    wrong = sorted(set(situation.policy.accept) - set(ACCEPTABLE))
    if not wrong:
        return None
    return Note(
        "accept_impossible",
        f"The option accept names what cannot be accepted: {printable(', '.join(wrong), 500)}. It would not work, "
        "would start something else than was judged, or would crash the target. Remove it from the option and deal "
        f"with its cause. What can be accepted: {', '.join(ACCEPTABLE)}.",
    )


def panic_out_of_range(situation: Situation) -> Note | None:
    """A target that panics must come back by itself."""
    seconds = situation.policy.panic
    if seconds >= 1:
        return None
    return Note(
        "panic_out_of_range",
        f"The option panic is {seconds}. With 0 a target that panics stops forever, and below 0 it restarts "
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


def last_kexec_cold_booted(situation: Situation) -> Note | None:
    """Where the last kexec ended in the firmware, another one is likely to, in the middle of a way back for example."""
    transition = situation.transition
    verdict = transition.verdict if transition is not None else None
    if verdict is None or verdict["verdict"] != COLD_BOOT or verdict["accepted"]:
        return None
    if verdict["reported"]["boot_id"] != situation.running.boot_id:
        return None
    return Note(
        "last_kexec_cold_booted",
        f"{situation.running.release} was to be started by a kexec, and the firmware started it: the kexec itself did "
        "not work on this host, and another is likely to end in the same way. Find out why at the console and at the "
        "end of the previous boot's journal. Let the host be cold-booted (fallback: cold_boot), or accept "
        "last_kexec_cold_booted to try a kexec once more.",
    )


def shutdown_inhibited(situation: Situation) -> Note | None:
    """Somebody is in the middle of something, and says so to systemd-logind."""
    return next((note for note in situation.busy if note.code == "shutdown_inhibited"), None)


def packages_locked(situation: Situation) -> Note | None:
    """Packages are being installed or removed."""
    return next((note for note in situation.busy if note.code == "packages_locked"), None)


def image_already_loaded(situation: Situation) -> Note | None:
    """An image that somebody else loaded is theirs to execute or unload."""
    if not situation.running.image_loaded or owns_image(situation.transition, situation.running):
        return None
    return foreign_image()


# What ends the search for a plan at once: nothing else can be found out, or would matter.
FIRST: tuple[HostCheck, ...] = (access, running_unknown, accept_impossible, target_not_chosen)

# In the order in which an operator should deal with it: what it concerns, and the checks.
CHECKS: tuple[tuple[Ways, tuple[HostCheck, ...]], ...] = (
    (ANY_WAY, (panic_out_of_range,)),
    (
        ANY_KEXEC,
        (kexec_not_built, kexec_disabled, kexec_limit_exhausted, kexec_tools_missing, last_kexec_cold_booted),
    ),
    (ANY_WAY, (image_already_loaded, shutdown_inhibited, packages_locked)),
)
