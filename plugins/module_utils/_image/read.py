# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kernel image says of the kernel in it, so a handover to that kernel can be predicted.

The header tells release and memory, the decompressed payload what the kernel can do, and the configuration that it
carries, or that is installed beside it, the rest. Of two that disagree, the payload is believed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Iterable, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._image import findings
from ansible_collections.kho.kexec.plugins.module_utils._image.header import (
    ImageError,
    ImageHeader,
    is_arm64,
    parse_header,
)
from ansible_collections.kho.kexec.plugins.module_utils._image.metadata_version import (
    TextFinder,
    TextPlace,
    find_version,
)
from ansible_collections.kho.kexec.plugins.module_utils._image.payload import Deadline, PayloadError, unpack
from ansible_collections.kho.kexec.plugins.module_utils._image.pe import parse_pe
from ansible_collections.kho.kexec.plugins.module_utils._image.scan import PayloadFacts, Scanner
from ansible_collections.kho.kexec.plugins.module_utils._image.uki import Uki, UkiParts, is_uki, read_uki

__all__ = ["ImageError", "KernelImage", "UkiParts"]

IMAGE_LIMIT = 1 << 28
TIME_LIMIT = 60.0  # seconds

# include/uapi/linux/module_signature.h, MODULE_SIGNATURE_MARKER
_APPENDED_SIGNATURE = b"~Module signature appended~\n"

Clock = Callable[[], float]


@dataclass(frozen=True)
class KernelImage:
    """What an image says. None means unknown, never no; ``obstacles`` say what stood in the way.

    - ``format``: bzimage, arm64_image, arm64_gzip, zboot or uki. ``architecture``: as ``uname -m`` has it.
    - ``build``: what tells builds of one release apart, as ``uname -v`` has it.
    - ``init_size``: bytes of memory that the kernel needs where it starts, before it reads any memory map.
    - ``page_bytes``: the size of its pages; arm64 only. ``command_line_limit``: bytes, without the final NUL.
    - ``kho_built``: CONFIG_KEXEC_HANDOVER. ``kho_default``: CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT.
    - ``kho_abi`` (``kho-v4``) and ``luo_abi`` (``luo-v5``): None also for a kernel without; ``kho_built`` and
      ``luo_built`` are False then. Kernels compare them as a whole: ``luo-v5;block-v1`` is another one.
    - ``luo_handlers``: the kinds of files whose live update the kernel understands (``memfd-v2``).
    - ``metadata``: whether the kernel takes and gives the record of Kexec HandOver. ``metadata_version``: the version
      of the record that it takes; x86_64 only.
    - ``config``: the options of ``_build_config.OPTIONS``, ``y``, ``m``, ``n`` or text; empty when no configuration is
      known.
    - ``signed``: whether there is a signature. It was not verified.
    - ``learnt``: where each known field was learnt: ``header``, ``payload``, ``ikconfig``, ``config:PATH`` or
      ``uki:.uname``.
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
    metadata_version: Optional[int]
    config: Mapping[str, str]
    signed: Optional[bool]
    learnt: Mapping[str, str]
    obstacles: Tuple[Note, ...]
    uki: Optional[UkiParts]
    luo_handlers: Optional[Tuple[str, ...]] = None
    page_bytes: Optional[int] = None
    build: Optional[str] = None

    def as_dict(self) -> Dict[str, Any]:
        """Return what modules return; of a UKI its command line, and whether it brings an initrd."""
        shown = dict(vars(self), config=dict(self.config), learnt=dict(self.learnt))
        shown["luo_handlers"] = None if self.luo_handlers is None else list(self.luo_handlers)
        shown["obstacles"] = [note.as_dict() for note in self.obstacles]
        if self.uki:
            shown["uki"] = {"command_line": self.uki.command_line, "has_initrd": self.uki.initrd is not None}
        return shown


class OpenImage(NamedTuple):
    """An image whose headers were read: ``kernel`` are the bytes that ``header`` is of, in a UKI one section."""

    kernel: memoryview
    header: ImageHeader
    signed: Optional[bool]
    uki: Optional[Uki]


class Scan(NamedTuple):
    """What the payload says, and what kept it from being read to its end, or from being read twice."""

    facts: PayloadFacts
    obstacle: Optional[Note]


def open_image(data: bytes) -> OpenImage:
    """Read the headers of an image. Raises ImageError."""
    image = memoryview(data)
    signed = _is_signed(image)
    header = parse_header(image)
    if header:
        return OpenImage(image, header, signed, None)
    pe = parse_pe(image)
    if pe is None or not is_uki(pe):
        raise ImageError(
            "it is not a bzImage, an arm64 image or a unified kernel "
            f"image, but {len(data)} bytes that begin with {data[:8].hex()!r}"
        )
    uki = read_uki(image, pe)
    offset, size = uki.parts.linux
    kernel = image[offset : offset + size]
    header = parse_header(kernel)
    if header is None:
        raise ImageError(f"its section .linux holds no kernel, but begins with {bytes(kernel[:8]).hex()!r}")
    return OpenImage(kernel, header, signed, uki)


def scan_payload(host: Host, image: OpenImage, clock: Clock = time.monotonic) -> Scan:
    """Decompress the kernel proper and look through it; what stops that is in the result, and raises nothing."""
    scanner, finder, deadline = Scanner(), TextFinder(), Deadline(clock, TIME_LIMIT)
    try:
        for piece in unpack(host, image.kernel, image.header.payload, deadline):
            scanner.feed(piece)
            finder.feed(piece)
        facts = scanner.facts(complete=True)
        if not facts.releases:  # what is no kernel that is known here proves nothing by what it lacks
            raise PayloadError("it does not name its Linux version")
    except PayloadError as error:
        return Scan(scanner.facts(complete=False), Note("image_payload_unreadable", error.message))
    place = finder.place()
    if place is None:
        return Scan(facts, None)
    return _scan_code(facts, place, unpack(host, image.kernel, image.header.payload, deadline))


def _scan_code(facts: PayloadFacts, place: TextPlace, payload: Iterable[bytes]) -> Scan:
    """Look through the payload again, for the code that uses a text of which the place is only known now."""
    try:
        return Scan(replace(facts, metadata_version=find_version(place, payload)), None)
    except PayloadError as error:
        return Scan(facts, Note("image_payload_unreadable", error.message))


def describe(host: Host, image: OpenImage, scan: Scan, config_path: Optional[str]) -> KernelImage:
    """Put together what header, payload and configuration say. Raises ImageError when the payload is no kernel."""
    header, facts = image.header, scan.facts
    if header.format == "arm64_gzip" and not is_arm64(facts.head):
        raise ImageError("it is gzip data without an arm64 kernel in it")
    config = findings.find_config(host, facts, config_path)
    found = findings.Findings()
    found.learn(
        "header",
        architecture=header.architecture,
        release=header.release,
        build=header.build,
        init_size=header.init_size,
        command_line_limit=header.command_line_limit,
        signed=image.signed,
    )
    findings.learn_from_payload(found, facts)
    found.learn("uki:.uname", release=image.uki.release if image.uki else None)
    findings.learn_from_config(found, config)
    findings.conclude(found)
    obstacles = (
        scan.obstacle,
        *(image.uki.obstacles if image.uki else ()),
        findings.ambiguous_abi(facts),
        findings.release_disagreement(header.release, facts, image.uki.release if image.uki else None),
        config.obstacle,
    )
    return KernelImage(
        format="uki" if image.uki else header.format,
        **{name: found.values.get(name) for name in findings.FIELDS},
        config=dict(config.options),
        learnt=found.learnt,
        obstacles=tuple(note for note in obstacles if note),
        uki=image.uki.parts if image.uki else None,
    )


def _is_signed(image: memoryview) -> Optional[bool]:
    """Whether there is a signature of the kinds that kexec_file_load verifies; None when that cannot be told."""
    if bytes(image[-len(_APPENDED_SIGNATURE) :]) == _APPENDED_SIGNATURE:
        return True
    pe = parse_pe(image)
    if pe:
        return pe.signed
    return None if bytes(image[:2]) == b"MZ" else False
