# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kernel image says of the kernel in it, so that a handover to that kernel can be predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host import Host
from ansible_collections.kho.kexec.plugins.module_utils._kernel_image import ImageError, parse_image_header

__all__ = ["ImageError", "KernelImage", "UkiParts", "read_image"]

IMAGE_LIMIT = 1 << 28


@dataclass(frozen=True)
class UkiParts:
    """What lies in a unified kernel image beside the kernel; ``linux`` and ``initrd`` are (offset, size) in the file.

    ``command_line`` is None when there is none, or one that is no printable ASCII.
    """

    command_line: Optional[str]
    linux: Tuple[int, int]
    initrd: Optional[Tuple[int, int]]


@dataclass(frozen=True)
class KernelImage:
    """What an image says. None means unknown, never no; ``obstacles`` say what stood in the way.

    - ``format``: bzimage, arm64_image, arm64_gzip, zboot or uki. ``architecture``: as ``uname -m`` has it.
    - ``init_size``: bytes of memory that the kernel needs where it starts, before it reads any memory map.
    - ``command_line_limit``: bytes, without the final NUL.
    - ``kho_built``: CONFIG_KEXEC_HANDOVER. ``kho_default``: CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT.
    - ``kho_abi`` (``kho-v4``) and ``luo_abi`` (``luo-v5``): None also for a kernel without; ``kho_built`` and
      ``luo_built`` are False then.
    - ``metadata``: whether the kernel takes and gives the record of Kexec HandOver.
    - ``config``: the options that are looked at, ``y``, ``m``, ``n`` or text; empty when no configuration is known.
    - ``signed``: whether there is a signature. It was not verified.
    - ``learnt``: where each known field was learnt: ``header``, ``payload``, ``ikconfig``, ``config:PATH`` or
      ``uki:SECTION``.
    - ``uki``: only when ``format`` is uki.
    """

    format: str
    architecture: Optional[str]
    release: Optional[str]
    init_size: Optional[int]
    command_line_limit: Optional[int]
    kho_built: Optional[bool]
    kho_default: Optional[bool]
    kho_abi: Optional[str]
    luo_abi: Optional[str]
    luo_built: Optional[bool]
    metadata: Optional[bool]
    config: Mapping[str, str]
    signed: Optional[bool]
    learnt: Mapping[str, str]
    obstacles: Tuple[Note, ...]
    uki: Optional[UkiParts]

    def as_dict(self) -> Dict[str, Any]:
        """Return what modules return; of a UKI its command line, and whether it brings an initrd."""
        shown = dict(vars(self), config=dict(self.config), learnt=dict(self.learnt))
        shown["obstacles"] = [note.as_dict() for note in self.obstacles]
        if self.uki:
            shown["uki"] = {"command_line": self.uki.command_line, "has_initrd": self.uki.initrd is not None}
        return shown


def read_image(host: Host, path: str, config_path: Optional[str]) -> KernelImage:
    """Read the image at ``path``, and the configuration at ``config_path`` if there is one.

    Raises ImageError when it is no kernel image, HostError when it cannot be read; nothing else.
    """
    header = parse_image_header(host.read_bytes(path, IMAGE_LIMIT))
    return KernelImage(
        format="bzimage" if header.release else "arm64_image",
        architecture=header.architecture,
        release=header.release,
        init_size=None,
        command_line_limit=header.command_line_limit,
        kho_built=None,
        kho_default=None,
        kho_abi=None,
        luo_abi=None,
        luo_built=None,
        metadata=None,
        config={},
        signed=None,
        learnt={},
        obstacles=(),
        uki=None,
    )
