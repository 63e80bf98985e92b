# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the root device that a command line names exists on this host.

``root=`` is read by the kernel (block/early-lookup.c) and by the initrd (dracut.cmdline(7), initramfs-tools(7)), which
know more forms than can be looked up here.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import last_value

VALUE_LIMIT = 255
# What udev's links to block devices are called by what root= may name (60-persistent-storage.rules).
LINKS = "/dev/disk"
_LINKS = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}
# The ASCII characters that udev writes as \xHH in a link's name (udev_util_encode_string() in libudev-util.c).
_NOT_PLAIN = regex(r"[^A-Za-z0-9#+.:=@_\x80-\U0010ffff-]")
_DEVICE_NUMBER = regex(r"[0-9]{1,4}:[0-9]{1,7}")
# Names to which the kernel or the initrd gives a meaning, so no device needs to have them.
_NOT_NODES = regex(r"/dev/(root|nfs|cifs|ram\d*|mtd\w*|ubi\w*)")


class RootDevice(NamedTuple):
    """``value`` is that of ``root=`` as it can be shown, None without one. ``exists`` is None when it cannot be told.

    ``reason`` is a sentence that says why.
    """

    value: Optional[str]
    exists: Optional[bool]
    reason: str


def find_root_device(host: Host, command_line: str) -> RootDevice:
    """Look for the device that ``root=`` names, as the host shows its devices now."""
    value = last_value(command_line, "root")
    if not value:
        return RootDevice(None, None, "The command line has no root=; the initrd finds the root file system by itself.")
    shown = printable(value, VALUE_LIMIT)
    path = _path(value)
    if path is None:
        return RootDevice(shown, None, f"root={shown} is not a form that can be looked up among this host's devices.")
    seen = printable(path, VALUE_LIMIT)
    if host.exists(path):
        return RootDevice(shown, True, f"{seen} exists.")
    directory = LINKS if path.startswith(LINKS) else "/dev"
    if host.exists(directory):
        return RootDevice(shown, False, f"There is no {seen} on this host.")
    return RootDevice(shown, None, f"There is no {directory} on this host, where {seen} would be seen.")


def _path(value: str) -> str | None:
    """The path at which the device is seen; None for a form that is not known here."""
    kind, equals, tag = value.partition("=")
    if len(value) > VALUE_LIMIT or "\0" in value:
        return None
    if equals and kind in _LINKS:
        return _link(kind, tag)
    if _DEVICE_NUMBER.fullmatch(value):
        return "/dev/block/" + value
    is_node = value.startswith("/dev/") and ".." not in value.split("/") and not _NOT_NODES.fullmatch(value)
    return value if is_node else None


def _link(kind: str, tag: str) -> str | None:
    """The link that udev makes for a device with this tag."""
    if kind == "PARTUUID":
        tag = tag.lower()  # the kernel compares it without regard to case
        if "/" in tag:  # PARTUUID=.../PARTNROFF=1: counted from that partition
            return None
    name = _NOT_PLAIN.sub(lambda character: f"\\x{ord(character.group()):02x}", tag)
    return f"{LINKS}/{_LINKS[kind]}/{name}" if name else None
