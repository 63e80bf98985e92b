# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against handing over to this target: one small pure function for each code.

As in ``_host_checks``, a check returns a note when it objects, and None otherwise.
"""

from __future__ import annotations

from typing import Callable, Optional

from ansible_collections.kho.kexec.plugins.module_utils._cmdline import last_value
from ansible_collections.kho.kexec.plugins.module_utils._errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._releases import release_key
from ansible_collections.kho.kexec.plugins.module_utils._situation import Situation, Target
from ansible_collections.kho.kexec.plugins.module_utils._text import printable

TargetCheck = Callable[[Target, Situation], Optional[Note]]

# COMMAND_LINE_SIZE of x86 (arch/x86/include/asm/setup.h) and arm64 (arch/arm64/include/uapi/asm/setup.h) without the
# final NUL: the limit where the image does not name its own.
COMMAND_LINE_LIMIT = 2047
# bzImage64_load() always keeps room for "elfcorehdr=0x" and 64 bits (MAX_ELFCOREHDR_STR_LEN, 30), and for the NUL.
COMMAND_LINE_RESERVE = 31


def downgrade(target: Target, situation: Situation) -> Note | None:
    """Going back is a decision of the operator's."""
    running = situation.running.release
    if running is None or situation.policy.allow_downgrade:
        return None
    if release_key(target.release) >= release_key(running):
        return None
    return Note(
        "downgrade",
        f"The target {target.release} is older than the running kernel {running}. Older kernels lack fixes, and may "
        "not understand what the newer one left on disk. Set allow_downgrade if that is wanted.",
    )


def image_unreadable(target: Target, _situation: Situation) -> Note | None:
    """What cannot be read cannot be trusted to start."""
    if target.image_problem is None:
        return None
    return Note(
        "image_unreadable",
        f"The image {target.image} cannot be read as a kernel: {printable(target.image_problem)}. kexec would refuse "
        "it, or start something else. Install the kernel's package again.",
    )


def image_release_mismatch(target: Target, _situation: Situation) -> Note | None:
    """The file's name promises a release; the header says which one it is."""
    if target.header is None or target.header.release in (None, target.release):
        return None
    return Note(
        "image_release_mismatch",
        f"The image {target.image} holds the release {target.header.release}, not {target.release}. Its modules and "
        "initrd would not fit, and another kernel than the target would run. Install the kernel's package again.",
    )


def architecture_mismatch(target: Target, situation: Situation) -> Note | None:
    """kexec cannot change the architecture."""
    host = situation.site.architecture
    if target.header is None or host is None or target.header.architecture == host:
        return None
    return Note(
        "architecture_mismatch",
        f"The image {target.image} is for {target.header.architecture}, and this host is {host}. It cannot run here. "
        f"Install a kernel for {host}.",
    )


def image_unsafe(target: Target, _situation: Situation) -> Note | None:
    """Whoever can write the image, or a directory above it, could become root by it."""
    if not target.unsafe:
        return None
    return Note(
        "image_unsafe",
        f"Others than root can write what would be started: {printable(', '.join(target.unsafe), 1000)}. Whoever can "
        "change an image, an initrd or a directory above them controls the next kernel. Give them to root, take the "
        "write permission away, and make sure that the files are the packages' own.",
    )


def initrd_missing(target: Target, _situation: Situation) -> Note | None:
    """Most targets find their root file system only with an initrd."""
    if target.initrd is not None or not target.needs_initrd:
        return None
    return Note(
        "initrd_missing",
        f"There is no initrd for {target.release} in /boot (looked for initrd.img-RELEASE, initramfs-RELEASE.img and "
        "initrd-RELEASE). The target would probably not find its root file system. Make one with update-initramfs or "
        "dracut.",
    )


def modules_missing(target: Target, _situation: Situation) -> Note | None:
    """A target without its modules may come up without network."""
    if target.has_modules or not target.needs_modules:
        return None
    return Note(
        "modules_missing",
        f"There are no modules for {target.release} (looked for /lib/modules/{target.release}/modules.dep). The target "
        "could come up without network or disks. Install the modules' package, or run depmod.",
    )


def target_without_kho(target: Target, _situation: Situation) -> Note | None:
    """The kernel that is started must understand what it is handed."""
    if target.kho_built is not False:
        return None
    return Note(
        "target_without_kho",
        f"The target {target.release} was built without CONFIG_KEXEC_HANDOVER, as its config says. It would ignore "
        "what it is handed, and the chain would end. Choose a kernel that was built with it.",
    )


def command_line_too_long(target: Target, _situation: Situation) -> Note | None:
    """kexec_file_load() refuses a command line that the target has no room for."""
    limit = (target.header and target.header.command_line_limit) or COMMAND_LINE_LIMIT
    room = limit - COMMAND_LINE_RESERVE
    length = len(target.command_line.encode("utf-8", "surrogateescape"))
    if length <= room:
        return None
    return Note(
        "command_line_too_long",
        f"The target's command line has {length} bytes, and {target.release} takes {room}. The kernel would refuse to "
        "load it. Remove parameters that are not needed from the running kernel's command line, and cold-boot.",
    )


def target_config_unknown(target: Target, _situation: Situation) -> Note | None:
    """Without the config nothing says whether the target has KHO."""
    if target.kho_built is not None:
        return None
    return Note(
        "target_config_unknown",
        f"It is not known whether {target.release} was built with CONFIG_KEXEC_HANDOVER: there is neither "
        f"/boot/config-{target.release} nor /usr/lib/modules/{target.release}/config. If it was not, the verdict will "
        "be kexec_without_handover. Install the config to know it before.",
    )


def image_release_unknown(target: Target, _situation: Situation) -> Note | None:
    """Some formats have no place for the release."""
    if target.header is None or target.header.release is not None:
        return None
    return Note(
        "image_release_unknown",
        f"The image {target.image} does not say which release it holds. That it is {target.release} is only known from "
        "its name; the verdict will show it.",
    )


def panic_never_restarts(target: Target, _situation: Situation) -> Note | None:
    """A panic= that is already there is kept, even one that is of no help."""
    if last_value(target.command_line, "panic") != "0":
        return None
    return Note(
        "panic_never_restarts",
        "The command line says panic=0, which is kept. If the target panics, it stands still until somebody resets the "
        "host. Remove it, so that panic= is set to a number of seconds.",
    )


# What forbids a handover, in the order in which an operator should deal with it.
REFUSALS: tuple[TargetCheck, ...] = (
    downgrade,
    image_unreadable,
    image_release_mismatch,
    architecture_mismatch,
    image_unsafe,
    initrd_missing,
    modules_missing,
    target_without_kho,
    command_line_too_long,
)

WARNINGS: tuple[TargetCheck, ...] = (target_config_unknown, image_release_unknown, panic_never_restarts)
