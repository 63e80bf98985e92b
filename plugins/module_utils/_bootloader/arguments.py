# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping arguments on the command line that the boot loader gives kernels, and taking them away again."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import (
    KERNEL_COMMAND_LINE,
    BootCommandLine,
    Edit,
    edited,
)
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.detect import boot_loader_of
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import BootLoader
from ansible_collections.kho.kexec.plugins.module_utils._host.access import require_access
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import (
    for_kernel,
    join,
    last_value,
    name,
    split,
    value,
)

PRESENT = "present"
ABSENT = "absent"
FILE_LIMIT = 4 << 20
# dracut and update-initramfs, which kernel-install(8) runs, take minutes on slow machines.
UPDATE_TIMEOUT = 900.0

# What no shell, no script of GRUB and no pattern of grubby takes for anything but itself.
_PLAIN = regex(r"[A-Za-z0-9][A-Za-z0-9_.,:/@+%=-]{0,255}")


def keep_arguments(host: Host, arguments: Sequence[str], state: str, check_mode: bool) -> Dict[str, Any]:
    """Make the boot loader give the kernels the arguments (``present``), or not give them (``absent``).

    Returns the module's result. What others put on the command line stays; of a parameter that is present with another
    value, the new value is the one that counts. When anything fails, all files are put back as they were.

    Raises Refusal (container, not_root, kernel_argument_invalid, boot_loader_unknown, boot_entry_unknown,
    drop_in_foreign, boot_loader_update_failed, kernel_arguments_not_effective), and HostError.
    """
    require_access(host)
    _check(arguments)
    present = state == PRESENT
    loader = boot_loader_of(host)
    entry = _observe(loader)
    before = after = entry.all
    changed = not _is_done(before, arguments, present)
    if changed:
        after = tuple(join(edited(split(text), arguments, present)) for text in before)
    if changed and not check_mode:
        after = _apply(host, loader.edit(entry, arguments, present), arguments, present)
    return {
        "changed": changed,
        "loader": entry.loader,
        "release": entry.release,
        "command_line": after[0],
        "diff": {"before": _shown(before), "after": _shown(after)},
    }


def lacking(command_line: str, arguments: Sequence[str]) -> List[str]:
    """Those of the arguments that do not count on the command line: not there, or with another value."""
    present = for_kernel(split(command_line))
    return [argument for argument in arguments if not _counts(argument, command_line, present)]


def lacking_somewhere(command_lines: Sequence[str], arguments: Sequence[str]) -> List[str]:
    """Those of the arguments that do not count on one of the command lines or more."""
    return [argument for argument in arguments if any(lacking(text, [argument]) for text in command_lines)]


def _counts(argument: str, command_line: str, present: Sequence[str]) -> bool:
    if value(argument) is None:
        return argument in present
    return last_value(command_line, name(argument)) == value(argument)


def _is_done(command_lines: Sequence[str], arguments: Sequence[str], present: bool) -> bool:
    if present:
        return not lacking_somewhere(command_lines, arguments)
    own = [for_kernel(split(text)) for text in command_lines]
    return [edited(words, arguments, present) for words in own] == own


def _check(arguments: Sequence[str]) -> None:
    for argument in arguments:
        if not _PLAIN.fullmatch(argument):
            raise Refusal(
                "kernel_argument_invalid",
                f"The kernel argument {printable(argument)!r} cannot be kept: it begins with something else than a "
                "letter or digit, is longer than 256 characters, or holds more than letters, digits and _.,:/@+%=-. "
                "The files of boot loaders are scripts, which could run it. Give one argument without quotes and "
                "blanks, or set it with the boot loader's own tools.",
            )


def _observe(loader: BootLoader) -> BootCommandLine:
    found = loader.command_line(line_of(loader.host, "/proc/sys/kernel/osrelease"))
    if found.problem is not None:
        raise Refusal(found.problem.code, found.problem.message)
    return found


def _apply(host: Host, edit: Edit, arguments: Sequence[str], present: bool) -> Tuple[str, ...]:
    """Do it and return the command lines that the boot loader then gives; on failure, put everything back."""
    saved = {path: _content(host, path) for path in (*edit.files, *edit.touched)}
    modes = {path: host.owner_and_mode(path).mode for path, content in saved.items() if content is not None}
    try:
        for path, content in edit.files.items():
            _put(host, path, content, modes.get(path, 0o644))
        for argv in edit.commands:
            _run(host, argv)
        after = _observe(boot_loader_of(host)).all
        _require_effect(after, edit, arguments, present)
        return after
    except KhoError:
        for path, content in saved.items():
            _put(host, path, content, modes.get(path, 0o644))
        raise


def _require_effect(after: Sequence[str], edit: Edit, arguments: Sequence[str], present: bool) -> None:
    given = split(after[0])
    lost = [argument for argument in edit.others if argument not in given]
    made = [word for word in edit.comments if word in given]
    if lost:
        problem = f"it would have lost {printable(join(lost), 1000)}"
    elif made:
        problem = f"comments in {KERNEL_COMMAND_LINE} would have become arguments: {printable(join(made), 1000)}"
    elif not _is_done(after, arguments, present):
        wrong = next(text for text in after if not _is_done([text], arguments, present))
        problem = f"it gives a kernel: {printable(wrong, 2000)}"
    else:
        return
    raise Refusal(
        "kernel_arguments_not_effective",
        f"The boot loader was told to have {join(arguments)} {PRESENT if present else ABSENT}, and then {problem}. "
        "Another setting overrides it, or the boot loader's tool changed it. Everything was put back as it "
        "was. Look for these arguments in the boot loader's configuration, and change them there.",
    )


def _run(host: Host, argv: Sequence[str]) -> None:
    done = host.run(argv, UPDATE_TIMEOUT)
    if done.rc != 0:
        raise Refusal(
            "boot_loader_update_failed",
            f"{join(argv)} {done.ending(1000)}. Without it the boot loader does not know the arguments. "
            "Everything was put back as it was. Fix what it reports, and try again.",
        )


def _content(host: Host, path: str) -> Optional[bytes]:
    try:
        return host.read_bytes(path, FILE_LIMIT)
    except HostError as error:
        if error.reason == "absent":
            return None
        raise


def _put(host: Host, path: str, content: Optional[bytes], mode: int) -> None:
    if content == _content(host, path):
        return
    if content is None:
        host.remove(path)
    else:
        host.make_directories(path.rpartition("/")[0], 0o755)
        host.write_atomically(path, content, mode)


def _shown(command_lines: Sequence[str]) -> str:
    """One argument a line, so a diff shows which ones differ."""
    return "\n".join("".join(argument + "\n" for argument in split(text)) for text in command_lines)
