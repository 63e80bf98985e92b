# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against the target as it is installed: one small pure function for each code.

As in ``_host_checks``, a check returns a note when it objects, and None otherwise.
"""

from __future__ import annotations

from typing import Callable, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import HANDOVER, KEXEC
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import last_value
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import built_in_arguments
from ansible_collections.kho.kexec.plugins.module_utils._plan.check import (
    ADVICE,
    ANY_KEXEC,
    ANY_WAY,
    DOUBT,
    OBSTACLE,
    Ways,
)
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation, Target

TargetCheck = Callable[[Target, Situation], Optional[Note]]

# COMMAND_LINE_SIZE of x86 (arch/x86/include/asm/setup.h) and arm64 (arch/arm64/include/uapi/asm/setup.h) without the
# final NUL: the limit where the image does not name its own.
COMMAND_LINE_LIMIT = 2047
# bzImage64_load() always keeps room for "elfcorehdr=0x" and 64 bits (MAX_ELFCOREHDR_STR_LEN, 30), and for the NUL.
COMMAND_LINE_RESERVE = 31
_BUILT_IN_UNKNOWN = (
    "It is not known which arguments the running kernel has added to those that it was given (CONFIG_CMDLINE), because "
    "its configuration cannot be read, so they are handed on."
)


def image_unreadable(target: Target, _situation: Situation) -> Note | None:
    """What cannot be read cannot be trusted to start."""
    if target.image_problem is None:
        return None
    return Note(
        "image_unreadable",
        f"The image {printable(target.candidate.image)} cannot be read as a kernel: {printable(target.image_problem)}. "
        "kexec would refuse it, or start something else. Install the kernel's package again.",
    )


def image_release_mismatch(target: Target, _situation: Situation) -> Note | None:
    """The file's name promises a release; the header says which one it is."""
    if target.image is None or target.image.release in (None, target.release):
        return None
    return Note(
        "image_release_mismatch",
        f"The image {printable(target.candidate.image)} holds the release {target.image.release}, not "
        f"{target.release}. Its modules and initrd would not fit, and another kernel than the target would "
        "run. Install the kernel's package again.",
    )


def architecture_mismatch(target: Target, situation: Situation) -> Note | None:
    """kexec cannot change the architecture."""
    host = situation.site.architecture
    if target.image is None or host is None or target.image.architecture in (None, host):
        return None
    return Note(
        "architecture_mismatch",
        f"The image {printable(target.candidate.image)} is for {target.image.architecture}, and this host is {host}. "
        f"It cannot run here. Install a kernel for {host}.",
    )


def page_size_differs(target: Target, situation: Situation) -> Note | None:
    """What the running kernel keeps for the target, swap and some file systems are laid out in pages."""
    host, image = situation.site.page_bytes, target.image
    if host is None or image is None or image.page_bytes in (None, host):
        return None
    return Note(
        "page_size_differs",
        f"The target {target.release} has pages of {image.page_bytes} bytes, and the running kernel of {host}. It "
        "could not read what is handed over to it, nor swap space and file systems that were made for these pages. "
        f"Choose a kernel with pages of {host} bytes; to change them, prepare the host for it, and boot that kernel "
        "by the boot loader.",
    )


def image_unsafe(target: Target, _situation: Situation) -> Note | None:
    """Anyone who can write the image, or a directory above it, could become root by it."""
    if not target.unsafe:
        return None
    return Note(
        "image_unsafe",
        f"Users other than root can write what would be started: {printable(', '.join(target.unsafe), 1000)}. Anyone "
        "who can change an image, an initrd or a directory above them controls the next kernel. Give them to root, "
        "take the write permission away, and make sure that the files are the packages' own.",
    )


def initrd_missing(target: Target, _situation: Situation) -> Note | None:
    """Most targets find their root file system only with an initrd."""
    if target.has_initrd or not target.needs_initrd:
        return None
    return Note(
        "initrd_missing",
        f"There is no initrd for {target.release}, neither beside {printable(target.candidate.image)} under one of the "
        "usual names, nor in a boot loader's entry. The target would probably not find its root file system. Make one "
        "with update-initramfs or dracut.",
    )


def initrd_left_by_firmware(target: Target, situation: Situation) -> Note | None:
    """A kernel that is given no initrd takes the one of EFI's table (drivers/firmware/efi/efi.c), though it is gone."""
    if target.has_initrd or not situation.initrd_left:
        return None
    return Note(
        "initrd_left_by_firmware",
        f"{target.release} would be executed without an initrd, and the firmware keeps the address of the one that "
        "this host was started with (INITRD= in the kernel's line `efi:`). Its memory has been used again since; a "
        "kernel that is given none takes address and size from there, and panics before its console. Make an initrd "
        "for the target, or reboot into it by the boot loader.",
    )


def modules_missing(target: Target, _situation: Situation) -> Note | None:
    """A target without its modules may come up without network."""
    if target.candidate.modules is not None or not target.needs_modules:
        return None
    return Note(
        "modules_missing",
        f"There are no modules for {target.release} (looked for modules.dep in /usr/lib/modules/{target.release} and "
        f"/lib/modules/{target.release}). The target could come up without network or disks. Install the modules' "
        "package, or run depmod.",
    )


def lockdown(target: Target, situation: Situation) -> Note | None:
    """Under lockdown only signed images are loaded (kimage_validate_signature() in kernel/kexec_file.c)."""
    mode = situation.site.lockdown
    if mode is None or target.image is None or target.image.signed is not False:
        return None
    return Note(
        "lockdown",
        f"Kernel lockdown ({mode}) is on, and the image {printable(target.candidate.image)} has no signature. The "
        "running kernel would refuse to load it, unless its IMA policy allows it. Install a signed kernel.",
    )


def built_in_arguments_unknown(_target: Target, situation: Situation) -> Note | None:
    """A kernel that was started by kexec may have arguments twice: what it was given, and once more its own."""
    if situation.built_in is not None or situation.running.boot not in (KEXEC, HANDOVER):
        return None
    return Note(
        "built_in_arguments_unknown",
        f"{_BUILT_IN_UNKNOWN} Each kexec then makes the command line longer. Install the running kernel's "
        f"configuration (/boot/config-{situation.running.release}) to have them taken out.",
    )


def boot_config_unclear(_target: Target, situation: Situation) -> Note | None:
    """A kernel puts the arguments of a boot configuration before those that it is given."""
    if not situation.boot_config_unclear:
        return None
    return Note(
        "boot_config_unclear",
        "It is not known which arguments a boot configuration has added to those that the running kernel was given: "
        "what /proc/bootconfig shows cannot be read or understood, or is not at the start of /proc/cmdline. "
        "A target with a boot configuration would have them twice, and each kexec would make the command line longer. "
        "Look at both files, and remove what is there twice (command_line_remove).",
    )


def command_line_too_long(target: Target, situation: Situation) -> Note | None:
    """kexec_file_load() refuses a command line that the target has no room for."""
    limit = (target.image and target.image.command_line_limit) or COMMAND_LINE_LIMIT
    own = built_in_arguments(target.image.config) if target.image else ""
    room = limit - COMMAND_LINE_RESERVE - (len(own) + 1 if own else 0)
    length = len(target.command_line.encode("utf-8", "surrogateescape"))
    if length <= room:
        return None
    more = f" beside the {counted(len(own), 'byte')} that it adds itself (CONFIG_CMDLINE)" if own else ""
    unknown = "" if situation.built_in is not None else " " + _BUILT_IN_UNKNOWN
    return Note(
        "command_line_too_long",
        f"The target's command line has {length} bytes, and {target.release} takes {room}{more}. The kernel would "
        f"refuse to load it, or cut its end off.{unknown} Remove parameters that are not needed (command_line_remove).",
    )


def root_device_missing(target: Target, _situation: Situation) -> Note | None:
    """Without its root file system the target would stop in the initrd, or panic."""
    if target.root.exists is not False:
        return None
    return Note(
        "root_device_missing",
        f"The target's command line says root={target.root.value}. {target.root.reason} The target would not find its "
        "root file system. Correct root= (command_line_replace), or attach the device.",
    )


def image_release_unknown(target: Target, _situation: Situation) -> Note | None:
    """Some formats have no place for the release."""
    if target.image is None or target.image.release is not None:
        return None
    return Note(
        "image_release_unknown",
        f"The image {printable(target.candidate.image)} does not say which release it holds. That it is "
        f"{target.release} is only known from its name; the verdict will show it.",
    )


def panic_never_restarts(target: Target, _situation: Situation) -> Note | None:
    """A panic= that is already there is kept, even one that is of no help."""
    if last_value(target.command_line, "panic") != "0":
        return None
    return Note(
        "panic_never_restarts",
        "The command line says panic=0, which is kept. If the target panics, it stops until somebody resets the "
        "host. Remove it, so panic= is set to a number of seconds.",
    )


def rebuilt(target: Target, situation: Situation) -> Note | None:
    """The release that runs may have been installed anew; its name alone does not tell."""
    runs, installed = situation.site.build, target.image.build if target.image else None
    if target.release != situation.running.release or None in (runs, installed) or runs == installed:
        return None
    return Note(
        "rebuilt",
        f"{target.release} was installed anew: {printable(runs or '', 100)} runs, and the image "
        f"{printable(target.candidate.image)} holds {printable(installed or '', 100)}. The verdict will compare the "
        "builds. There is no way back to the one that runs: its files were replaced, and a cold boot starts the new "
        "one, too.",
    )


# In the order in which an operator should deal with it: what it concerns, how much it weighs, and the checks.
CHECKS: tuple[tuple[Ways, str, tuple[TargetCheck, ...]], ...] = (
    (
        ANY_WAY,
        OBSTACLE,
        (
            image_unreadable,
            image_release_mismatch,
            architecture_mismatch,
            page_size_differs,
            image_unsafe,
            initrd_missing,
            modules_missing,
        ),
    ),
    (ANY_KEXEC, OBSTACLE, (lockdown, initrd_left_by_firmware, root_device_missing, command_line_too_long)),
    (ANY_WAY, DOUBT, (image_release_unknown,)),
    (ANY_KEXEC, ADVICE, (panic_never_restarts, built_in_arguments_unknown, boot_config_unclear)),
)
