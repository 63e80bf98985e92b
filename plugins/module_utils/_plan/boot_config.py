# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot configurations: what that of the running kernel has added to its arguments, and whether the target has one."""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._image.read import KernelImage
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate
from ansible_collections.kho.kexec.plugins.module_utils._kernel.bootconfig import (
    END_SIZE,
    NO_BOOT_CONFIG,
    PATH,
    TEXT_LIMIT,
    BootConfig,
    has_bootconfig,
    parse_bootconfig,
    was_added,
)


def observe_boot_config(host: Host, command_line: str) -> BootConfig | None:
    """What a boot configuration has added to the running kernel's arguments; None when it cannot be told apart.

    As long as it is on, the kernel shows it, and what it added (fs/proc/bootconfig.c, setup_command_line()).
    """
    if not host.exists(PATH):  # the kernel knows none (CONFIG_BOOT_CONFIG)
        return NO_BOOT_CONFIG
    try:
        text = host.read_bytes(PATH, TEXT_LIMIT).decode("utf-8", "surrogateescape")
    except HostError:
        return None
    added = parse_bootconfig(text)
    return added if added is not None and was_added(added, command_line) else None


def adds_boot_config(host: Host, candidate: Candidate, image: KernelImage | None) -> bool:
    """Whether the target brings a boot configuration of its own, at the end of its initrd, or built in."""
    if image is not None and image.config.get("CONFIG_BOOT_CONFIG_EMBED") == "y":
        return True
    try:
        if image is not None and image.uki is not None:
            start, size = image.uki.initrd or (0, 0)
            path, end = candidate.image, start + size
        elif candidate.initrds:
            path, start = candidate.initrds[-1], 0
            end = host.identity(path).size
        else:
            return False
        first = max(start, end - END_SIZE)
        return has_bootconfig(host.read_part(path, first, end - first))
    except HostError:
        return False
