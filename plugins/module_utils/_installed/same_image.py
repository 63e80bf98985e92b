# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the places that name a kernel's image name the same one."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._image.header import ImageError
from ansible_collections.kho.kexec.plugins.module_utils._image.pe import parse_pe
from ansible_collections.kho.kexec.plugins.module_utils._image.uki import read_uki
from ansible_collections.kho.kexec.plugins.module_utils._installed.kernel_files import IMAGE_LIMIT, KernelFile


def same_images(host: Host, kernel_files: Sequence[KernelFile]) -> List[List[KernelFile]]:
    """Put together the files of each image, in their order.

    An image is the same through links, as a copy with the same content, as a unified kernel image of which it is the
    kernel, and as the original that a package keeps below /usr/lib/modules. The copy of that one which a boot loader
    starts may be signed, so the two need not be equal.
    """
    by_path: Dict[str, List[KernelFile]] = {}
    for seen in kernel_files:
        by_path.setdefault(_resolved(host, seen.image), []).append(seen)
    images: List[List[KernelFile]] = []
    for group in by_path.values():
        known = next((image for image in images if _is_same(host, image, group)), None)
        if known is None:
            images.append(group)
        else:
            known.extend(group)
    return images


def _resolved(host: Host, path: str) -> str:
    try:
        return host.resolve(path)
    except HostError:
        return path


def _is_same(host: Host, image: Sequence[KernelFile], group: Sequence[KernelFile]) -> bool:
    one, other = _named(image), _named(group)
    if one is None or other is None or one.release != other.release:
        return False
    try:
        return other.is_original or _has_same_kernel(host, one, other)
    except (HostError, ImageError):  # what cannot be compared may be different
        return False


def _named(image: Sequence[KernelFile]) -> Optional[KernelFile]:
    return next((seen for seen in image if seen.is_usable), None)


def _has_same_kernel(host: Host, one: KernelFile, other: KernelFile) -> bool:
    """Raises HostError and ImageError."""
    if one.uki != other.uki:
        return _kernel(host, one) == _kernel(host, other)
    if host.identity(one.image).size != host.identity(other.image).size:
        return False
    return host.read_bytes(one.image, IMAGE_LIMIT) == host.read_bytes(other.image, IMAGE_LIMIT)


def _kernel(host: Host, seen: KernelFile) -> memoryview:
    """The kernel's own bytes, of a unified kernel image those of .linux. Raises HostError and ImageError."""
    image = memoryview(host.read_bytes(seen.image, IMAGE_LIMIT))
    pe = parse_pe(image) if seen.uki else None
    if pe is None:
        return image
    offset, size = read_uki(image, pe).parts.linux
    return image[offset : offset + size]
