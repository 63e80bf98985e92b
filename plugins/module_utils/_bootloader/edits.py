# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each boot loader is told of kernel arguments: which files are written, and which programs run then."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import (
    GRUB,
    GRUB_CONFIG,
    GRUBBY,
    SYSTEMD_BOOT,
    BootCommandLine,
    bls_entries,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, read_lossless
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import find_candidates
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import join, name, split, value

# Debian's grub-mkconfig sources these after /etc/default/grub, in the order of their names.
DROP_IN = "/etc/default/grub.d/kho-kexec.cfg"
# kernel-install(8)
KERNEL_COMMAND_LINE = "/etc/kernel/cmdline"
VENDOR_COMMAND_LINE = "/usr/lib/kernel/cmdline"
GRUBBY_FILES = (KERNEL_COMMAND_LINE, "/etc/default/grub", "/boot/grub2/grubenv")

# At the end of the line of ordinary entries, so that it counts more than what stands before, and not in those for
# recovery.
_DROP_IN_TEXT = """\
# Written by kho.kexec.kernel_arguments. Arguments of your own belong into /etc/default/grub.
GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {arguments}"
"""
_DROP_IN = re.compile(re.escape(_DROP_IN_TEXT).replace(re.escape("{arguments}"), r"([A-Za-z0-9_.,:/@+%= -]+)"))
# What boot loaders add by themselves.
_NOT_KEPT = ("BOOT_IMAGE", "initrd", "systemd.machine_id")


@dataclass(frozen=True)
class Edit:
    """What is to be done: ``files`` are written (None: removed), then ``commands`` run.

    ``touched`` are the other files that the commands may change, and ``others`` the arguments that must still be there
    afterwards.
    """

    files: Mapping[str, Optional[bytes]]
    commands: Tuple[Tuple[str, ...], ...]
    touched: Tuple[str, ...]
    others: Tuple[str, ...] = ()


def edit_for(host: Host, entry: BootCommandLine, arguments: Sequence[str], present: bool) -> Edit:
    """How the arguments come to be ``present``, or absent. Raises Refusal ``drop_in_foreign``, and HostError."""
    editors: Dict[str, Callable[[Host, BootCommandLine, Sequence[str], bool], Edit]] = {
        GRUB: _grub,
        GRUBBY: _grubby,
        SYSTEMD_BOOT: _systemd_boot,
    }
    return editors[entry.loader or ""](host, entry, arguments, present)


def _grub(host: Host, _entry: BootCommandLine, arguments: Sequence[str], present: bool) -> Edit:
    kept = edited(_drop_in_arguments(host), arguments, present)
    text = _DROP_IN_TEXT.format(arguments=join(kept)).encode() if kept else None
    return Edit({DROP_IN: text}, (("update-grub",),), (GRUB_CONFIG,))


def _drop_in_arguments(host: Host) -> List[str]:
    """The arguments of our drop-in; none when there is no drop-in."""
    try:
        text = host.read_text(DROP_IN)
    except HostError as error:
        if error.reason == "absent":
            return []
        raise
    match = _DROP_IN.fullmatch(text)
    if match is None:
        raise Refusal(
            "drop_in_foreign",
            f"The file {DROP_IN} was not written by this collection, or was changed since. It would be overwritten. "
            "Move what is in it to a file of another name.",
        )
    return split(match.group(1))


def _grubby(host: Host, entry: BootCommandLine, arguments: Sequence[str], present: bool) -> Edit:
    """Old versions of grubby take the name of one argument for the beginning of another, hence ``others``."""
    option = "--args=" if present else "--remove-args="
    names = {name(argument) for argument in arguments}
    return Edit(
        files={},
        commands=(("grubby", "--update-kernel=ALL", option + join(arguments)),),
        touched=(*bls_entries(host), *GRUBBY_FILES),
        others=tuple(argument for argument in split(entry.text or "") if name(argument) not in names),
    )


def _systemd_boot(host: Host, entry: BootCommandLine, arguments: Sequence[str], present: bool) -> Edit:
    """kernel-install(8) writes each kernel's entry anew, from the file that it takes the command line from."""
    text = next(filter(None, (read_lossless(host, path) for path in (KERNEL_COMMAND_LINE, VENDOR_COMMAND_LINE))), "")
    own = [argument for argument in split(text or entry.text or "") if name(argument) not in _NOT_KEPT]
    line = join(edited(own, arguments, present)) + "\n"
    commands = tuple(("kernel-install", "add", release, image) for release, image in _packaged(host))
    content = line.encode("utf-8", "surrogateescape")
    return Edit({KERNEL_COMMAND_LINE: content}, commands, tuple(bls_entries(host)))


def _packaged(host: Host) -> List[Tuple[str, str]]:
    """Each kernel (release, image) with modules that is there beside what kernel-install(8) made of it."""
    found = []
    for candidate in find_candidates(host):
        images = (f"{candidate.modules}/vmlinuz", f"/boot/vmlinuz-{candidate.release}")
        image = next((path for path in images if host.exists(path)), None)
        if candidate.obstacle is None and candidate.modules is not None and image is not None:
            found.append((candidate.release, image))
    return found


def edited(own: Sequence[str], arguments: Sequence[str], present: bool) -> List[str]:
    """With the arguments instead of others of their names, or without those that they mean."""
    if present:
        names = {name(argument) for argument in arguments}
        return [*(argument for argument in own if name(argument) not in names), *arguments]
    meant = {(name(argument), value(argument)) for argument in arguments}
    return [argument for argument in own if not meant & {(name(argument), None), (name(argument), value(argument))}]
