# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line that a boot loader gives a kernel at a cold boot, and what changes it. Data only."""

from __future__ import annotations

from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import join, name, split, value

# kernel-install(8)
KERNEL_COMMAND_LINE = "/etc/kernel/cmdline"


class BootCommandLine(NamedTuple):
    """What the boot loader ``loader`` (grub, grubby or systemd-boot) gives the kernel ``release``.

    ``others`` is what its other entries give, where each can be edited alone. With a ``problem`` (boot_loader_unknown,
    boot_entry_unknown), what is not known is None.
    """

    loader: Optional[str]
    release: Optional[str]
    text: Optional[str]
    problem: Optional[Note] = None
    others: Tuple[str, ...] = ()

    @property
    def all(self) -> Tuple[str, ...]:
        """What all entries give that count."""
        return (self.text or "", *self.others)


class Edit(NamedTuple):
    """What is to be done: ``files`` are written (None: removed), then ``commands`` run.

    ``touched`` are the other files that the commands may change, ``others`` the arguments that must still be there
    afterwards, and ``comments`` the words that must not have become arguments.
    """

    files: Mapping[str, Optional[bytes]]
    commands: Tuple[Tuple[str, ...], ...]
    touched: Tuple[str, ...]
    others: Tuple[str, ...] = ()
    comments: Tuple[str, ...] = ()


def edited(own: Sequence[str], arguments: Sequence[str], present: bool) -> List[str]:
    """With the arguments instead of others of their names, or without those that they mean."""
    return [*_left(own, arguments, present), *(arguments if present else ())]


def _left(own: Sequence[str], arguments: Sequence[str], present: bool) -> List[str]:
    if present:
        names = {name(argument) for argument in arguments}
        return [argument for argument in own if name(argument) not in names]
    meant = {(name(argument), value(argument)) for argument in arguments}
    return [argument for argument in own if not meant & {(name(argument), None), (name(argument), value(argument))}]


def edited_text(text: str, arguments: Sequence[str], present: bool) -> str:
    """The same for a text of several lines, of which those that begin with ``#`` are comments, and stay.

    Since systemd 257, kernel-install reads /etc/kernel/cmdline so (90-loaderentry.install). What is new gets a line of
    its own, unless there is but one.
    """
    if present and "\n" not in text.strip() and not _is_comment(text):
        return join(edited(split(text), arguments, present)) + "\n"
    kept = [_edited_line(line, arguments, present) for line in text.rstrip().split("\n")]
    added = [join(arguments)] if present else []
    return "".join(line + "\n" for line in (*kept, *added) if line is not None)


def comments_in(text: str) -> List[str]:
    """The words of the comments."""
    return [word for line in text.split("\n") if _is_comment(line) for word in line.split()]


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _edited_line(line: str, arguments: Sequence[str], present: bool) -> Optional[str]:
    """The line as it is to be; None when nothing is left in it."""
    own = split(line)
    left = own if _is_comment(line) else _left(own, arguments, present)
    return line if left == own else join(left) or None


def entry_unknown(why: str) -> Note:
    """The note that nobody can tell what the boot loader gives the kernel."""
    return Note(
        "boot_entry_unknown",
        f"It is not known which arguments the boot loader gives the kernel: {why}. Whether Kexec HandOver survives the "
        "next cold boot can then be neither determined nor changed here. Set the arguments with the boot loader's own "
        "tools.",
    )
