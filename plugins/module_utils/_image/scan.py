# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a decompressed kernel shows of itself: the texts that Kexec HandOver, live update and its build left in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Optional, Pattern, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._image.header import ARM64_HEADER_SIZE
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import GZIP_LIMIT, parse_options, unpack
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import (
    BUILD_LIMIT,
    RELEASE_LIMIT,
    build_in,
    is_release,
)

# Longer than any text that is looked for, so none is cut in two.
OVERLAP = 640
# One text of a kind is expected; more are kept to tell that they disagree.
MOST = 4

# The names of ABIs are compared by kernels as a whole, and some are composed of parts: luo-v5;block-v1.
ABI_LIMIT = 100
_ABI = rb"[0-9][\w.;:,+-]{0,%d}" % (ABI_LIMIT - len("kho-v0"))
# What begins like an ABI, and is none that could be compared: another character in it, or too long.
_NO_ABI = rb"[0-9](?:[\w.;:,+-]{0,%d}[^\w.;:,+\0-]|[\w.;:,+-]{%d})" % (ABI_LIMIT, ABI_LIMIT)

_TEXTS: Mapping[str, Pattern[bytes]] = {
    # include/linux/kho/abi/kexec_handover.h, KHO_FDT_COMPATIBLE: there with CONFIG_KEXEC_HANDOVER only;
    # include/linux/kho/abi/luo.h, LUO_ABI_COMPATIBLE: there with CONFIG_LIVEUPDATE only
    "abis": regex(rb"((?:kho|luo)-v" + _ABI + rb")\0"),
    # include/linux/kho/abi/memfd.h, MEMFD_LUO_FH_COMPATIBLE
    "handlers": regex(rb"(memfd-v" + _ABI + rb")\0"),
    "unclear": regex(rb"(kho|luo)-v" + _NO_ABI),
    # Messages of kernel/liveupdate/kexec_handover.c and luo_core.c, whatever the ABI is called
    "features": regex(rb"(disabling KHO revival|disabling live update)"),
    # kernel/liveupdate/kexec_handover.c, where the previous kernel's record is read
    "metadata": regex(rb"(exec from: %s \(count %u\))"),
    # arch/x86/kernel/setup.c, there without CONFIG_KEXEC_HANDOVER only
    "refusals": regex(rb"(Passed KHO data, but)"),
    # init/version-timestamp.c, linux_banner
    "releases": regex(rb"Linux version ([!-~]{1,%d}) \(" % RELEASE_LIMIT),
    # The same, with who built it, its compiler, and its build
    "builds": regex(rb"Linux version [!-~]{1,%d} (\([^\0\n]{1,400}\) #[ -~]{1,%d})\n" % (RELEASE_LIMIT, BUILD_LIMIT)),
}
# kernel/configs.c, with CONFIG_IKCONFIG
_CONFIG_START = regex(rb"IKCFG_ST(?=\x1f\x8b)")
_CONFIG_END = b"IKCFG_ED"
_FEATURES = {"disabling KHO revival": "kho", "disabling live update": "luo"}
# The section .liveupdate_versions: a magic number, the version of the table, and names of 48 bytes. It was proposed
# for Linux in December 2025.
_HANDLERS_START = regex(rb"PUVL\x01\0\0\0|LVUP\0\0\0\x01")
_HANDLER_SIZE, MOST_HANDLERS = 48, 32
_HANDLER = regex(rb"([!-~]{1,47})\0+")


@dataclass(frozen=True)
class PayloadFacts:
    """What was seen in a payload; ``complete`` says whether all of it was looked at.

    ``abis``, ``luo_abis`` and ``releases`` are the different ones, sorted. ``unclear`` has ``kho`` and ``luo`` when a
    text begins like an ABI of this kind and is none that could be compared, ``features`` when another text proves that
    it was built in. ``handlers`` are the kinds of files whose live update it understands, such as ``memfd-v2``.
    ``metadata`` says whether the kernel knows the record of Kexec HandOver, ``refuses`` that it says to take no
    handover. ``head`` are its first bytes.
    ``metadata_version`` is the version of the record that its code takes; a ``Scanner`` never tells.
    ``options`` are those of the configuration that it carries; None when it carries none.
    """

    complete: bool = False
    abis: Tuple[str, ...] = ()
    luo_abis: Tuple[str, ...] = ()
    unclear: Tuple[str, ...] = ()
    features: Tuple[str, ...] = ()
    handlers: Tuple[str, ...] = ()
    releases: Tuple[str, ...] = ()
    builds: Tuple[str, ...] = ()
    metadata: bool = False
    refuses: bool = False
    head: bytes = b""
    options: Optional[Mapping[str, str]] = None
    metadata_version: Optional[int] = None


class Scanner:
    """Looks through a payload that comes in pieces."""

    def __init__(self) -> None:
        self._found: Dict[str, List[str]] = {name: [] for name in (*_TEXTS, "luo_abis")}
        self._head = b""
        self._tail = b""
        self._seen = 0
        self._handlers: Optional[bytes] = None
        self._config: Optional[bytearray] = None
        self._config_ended = False

    def feed(self, piece: bytes) -> None:
        """Look at the next piece."""
        if len(self._head) < ARM64_HEADER_SIZE:
            self._head = (self._head + piece)[:ARM64_HEADER_SIZE]
        window = self._tail + piece
        start = self._start(window)
        for name, pattern in _TEXTS.items():
            self._look_for(name, pattern, window, start)
        self._collect_handlers(window, piece)
        self._collect_config(window, piece)
        self._seen += len(piece)
        self._tail = window[-OVERLAP:]

    def facts(self, complete: bool) -> PayloadFacts:
        """Return what was seen; ``complete`` when there is nothing more to come."""
        found = {name: tuple(sorted(texts)) for name, texts in self._found.items()}
        return PayloadFacts(
            complete=complete,
            abis=found["abis"],
            luo_abis=found["luo_abis"],
            unclear=found["unclear"],
            features=tuple(sorted(_FEATURES[text] for text in found["features"])),
            handlers=tuple(sorted({*found["handlers"], *_handlers(self._handlers or b"")})),
            releases=tuple(filter(is_release, found["releases"])),
            builds=tuple(sorted({build for build in map(build_in, found["builds"]) if build})),
            metadata=bool(found["metadata"]),
            refuses=bool(found["refusals"]),
            head=self._head,
            options=parse_options(unpack(bytes(self._config))) if self._config and self._config_ended else None,
        )

    def _start(self, window: bytes) -> int:
        """Where to look from: a text that began before the window was seen whole, and its end is no text."""
        if self._seen <= OVERLAP:
            return 0
        return max(0, window.find(b"\0", 0, OVERLAP))

    def _look_for(self, name: str, pattern: Pattern[bytes], window: bytes, start: int) -> None:
        for match in pattern.finditer(window, start):
            text = match.group(1).decode("ascii", "replace")
            known = self._found["luo_abis" if name == "abis" and text.startswith("luo") else name]
            if text not in known and len(known) < MOST:
                known.append(text)

    def _collect_handlers(self, window: bytes, piece: bytes) -> None:
        """Keep what follows the first mark, as much as the table may have."""
        if self._handlers is None:
            start = _HANDLERS_START.search(window)
            self._handlers = window[start.end() :] if start else None
        elif len(self._handlers) < _HANDLER_SIZE * MOST_HANDLERS:
            self._handlers += piece
        if self._handlers is not None:
            self._handlers = self._handlers[: _HANDLER_SIZE * MOST_HANDLERS]

    def _collect_config(self, window: bytes, piece: bytes) -> None:
        """Keep what is between the two marks: the first gzip data that follows a start."""
        if self._config_ended:
            return
        if self._config is None:
            start = _CONFIG_START.search(window)
            if start is None:
                return
            self._config = bytearray(window[start.end() :])
            searched = 0
        else:
            searched = max(0, len(self._config) - len(_CONFIG_END))
            self._config += piece
        end = self._config.find(_CONFIG_END, searched, GZIP_LIMIT)
        if end >= 0 or len(self._config) >= GZIP_LIMIT:
            self._config_ended = True
            del self._config[max(end, 0) :]


def _handlers(table: bytes) -> Iterator[str]:
    """The names of a table, up to what is no name."""
    for at in range(0, len(table), _HANDLER_SIZE):
        name = _HANDLER.fullmatch(table[at : at + _HANDLER_SIZE])
        if name is None:
            return
        yield name.group(1).decode("ascii")
