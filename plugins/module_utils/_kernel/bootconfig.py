# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a boot configuration adds to a kernel's command line (Documentation/admin-guide/bootconfig.rst).

It hangs at the end of the initrd, or is built into the kernel. What is below ``kernel`` is put before the arguments
that the kernel was given, what is below ``init`` before those for init. ``/proc/cmdline`` shows them as one line.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import (
    BLANKS,
    begins_with,
    for_kernel,
    split,
)

PATH = "/proc/bootconfig"
# What a kernel takes has 32 KiB at most (XBC_DATA_MAX in include/linux/bootconfig.h); shown, each key is written out.
TEXT_LIMIT = 1 << 18

# The end of an initrd with a boot configuration. Boot loaders may align its size to 4.
MAGIC = b"#BOOTCONFIG\n"
END_SIZE = len(MAGIC) + 3

_VALUE = r"""(?:"[^"]*"|'[^']*')"""
_ENTRY = regex(rf"([A-Za-z0-9_.-]+) = ({_VALUE}(?:, ?{_VALUE})*)(?:, ?)?\n?")
_VALUES = regex(_VALUE)
# Since 6.10 the kernel adds what it was given, as comments.
_COMMENTS = regex(r"# [^\0]*\Z")


class BootConfig(NamedTuple):
    """The arguments that it adds: ``kernel`` goes before those that the kernel was given, ``init`` before init's."""

    kernel: str = ""
    init: str = ""


NO_BOOT_CONFIG = BootConfig()


def parse_bootconfig(text: str) -> BootConfig | None:
    """What a kernel made of the boot configuration that it shows (fs/proc/bootconfig.c); None when that is not clear.

    The kernel writes a value in quotes that has blanks in it, and up to Linux 6.10 every value (xbc_snprint_cmdline()).
    """
    found: dict[str, list[str]] = {"kernel": [], "init": []}
    at = 0
    while at < len(text) and not _COMMENTS.match(text, at):
        entry = _ENTRY.match(text, at)
        if entry is None:
            return None
        root, _dot, key = entry[1].partition(".")
        if root in found:
            values = [quoted[1:-1] for quoted in _VALUES.findall(entry[2])]
            if not key or any('"' in one for one in values):
                return None
            found[root] += _rendered(key, values)
        at = entry.end()
    return BootConfig(" ".join(found["kernel"]), " ".join(found["init"]))


def _rendered(key: str, values: Sequence[str]) -> list[str]:
    """A key without value is shown with an empty one."""
    if list(values) == [""]:
        return [key]
    return [f'{key}="{one}"' if any(blank in one for blank in BLANKS) else f"{key}={one}" for one in values]


def was_added(added: BootConfig, command_line: str) -> bool:
    """Whether the command line has what was added, where the kernel puts it."""
    arguments = split(command_line)
    kernel = for_kernel(arguments)
    init = arguments[len(kernel) + 1 :]
    return begins_with(kernel, split(added.kernel)) and begins_with(init, split(added.init))


def has_bootconfig(end: bytes) -> bool:
    """Whether an initrd that ends so carries a boot configuration (get_boot_config_from_initrd() in init/main.c)."""
    return MAGIC in end[-END_SIZE:]
