# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unified kernel images: a kernel, its initrd and its command line as the sections of one EFI program.

The UAPI group's specification "Unified Kernel Image (UKI)", and systemd-stub(7).
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._image.header import ImageError
from ansible_collections.kho.kexec.plugins.module_utils._image.pe import Pe
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import RELEASE_LIMIT, is_release

COMMAND_LINE_LIMIT = 16384


class UkiParts(NamedTuple):
    """What lies in a unified kernel image beside the kernel; ``linux`` and ``initrd`` are (offset, size) in the file.

    ``command_line`` is None when there is none, or one that cannot be shown as it is.
    """

    command_line: Optional[str]
    linux: Tuple[int, int]
    initrd: Optional[Tuple[int, int]]


class Uki(NamedTuple):
    """The parts of a unified kernel image, the release that its ``.uname`` names, and what could not be read."""

    parts: UkiParts
    release: Optional[str]
    obstacles: Tuple[Note, ...]


def is_uki(pe: Optional[Pe]) -> bool:
    """Whether the program has a kernel among its sections."""
    return pe is not None and ".linux" in pe.sections


def read_uki(image: memoryview, pe: Pe) -> Uki:
    """Find the parts; raises ImageError when one of them lies outside of the file."""
    linux = _section(image, pe, ".linux")
    if linux is None:
        raise ImageError("its section .linux is empty")
    text = _text(image, pe, ".cmdline", COMMAND_LINE_LIMIT)
    command_line = _as_the_stub_passes_it(text) if text is not None else None
    obstacles = (_unreadable(),) if text is not None and command_line is None else ()
    release = (_text(image, pe, ".uname", 2 * RELEASE_LIMIT) or b"").decode("latin-1").strip()
    return Uki(
        UkiParts(command_line, linux, _section(image, pe, ".initrd")),
        release if is_release(release) else None,
        obstacles,
    )


def _section(image: memoryview, pe: Pe, name: str) -> Optional[Tuple[int, int]]:
    offset, size = pe.sections.get(name, (0, 0))
    if offset + size > len(image):
        raise ImageError(f"its section {name} ends at byte {offset + size}, and it has {len(image)}")
    return (offset, size) if size else None


def _text(image: memoryview, pe: Pe, name: str, limit: int) -> Optional[bytes]:
    """Return a section's bytes up to the first NUL, one more than ``limit`` at most; None without the section."""
    section = _section(image, pe, name)
    if section is None:
        return None
    offset, size = section
    return bytes(image[offset : offset + min(size, limit + 1)]).split(b"\0", 1)[0]


def _as_the_stub_passes_it(text: bytes) -> Optional[str]:
    """Return the command line with blanks for control characters, and none around it; None when it cannot be shown."""
    line = "".join(" " if char < " " else char for char in text.decode("latin-1")).strip(" ")
    return line if len(text) <= COMMAND_LINE_LIMIT and printable(line, COMMAND_LINE_LIMIT) == line else None


def _unreadable() -> Note:
    return Note(
        "uki_command_line_unreadable",
        f"The image's own command line (.cmdline) is longer than {COMMAND_LINE_LIMIT} bytes or not plain ASCII text, "
        "so it is not known what the kernel would be told.",
    )
