# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a decompressed kernel shows of itself: the texts that Kexec HandOver, live update and its build left in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Pattern, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._image.header import ARM64_HEADER_SIZE
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import GZIP_LIMIT, parse_options, unpack
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import RELEASE_LIMIT, is_release

# Longer than any text that is looked for, so that none is cut in two.
OVERLAP = 128
# One text of a kind is expected; more are kept to tell that they disagree.
MOST = 4

_TEXTS: Mapping[str, Pattern[bytes]] = {
    # include/linux/kho/abi/kexec_handover.h, KHO_FDT_COMPATIBLE: there with CONFIG_KEXEC_HANDOVER only
    "abis": re.compile(rb"(kho-v[0-9]{1,4})\0"),
    # include/linux/kho/abi/luo.h, LUO_ABI_COMPATIBLE: there with CONFIG_LIVEUPDATE only
    "luo_abis": re.compile(rb"(luo-v[0-9]{1,4})\0"),
    # kernel/liveupdate/kexec_handover.c, where the previous kernel's record is read
    "metadata": re.compile(rb"(exec from: %s \(count %u\))"),
    # arch/x86/kernel/setup.c, there without CONFIG_KEXEC_HANDOVER only
    "refusals": re.compile(rb"(Passed KHO data, but)"),
    # init/version-timestamp.c, linux_banner
    "releases": re.compile(rb"Linux version ([!-~]{1,%d}) \(" % RELEASE_LIMIT),
}
# kernel/configs.c, with CONFIG_IKCONFIG
_CONFIG_START = re.compile(rb"IKCFG_ST(?=\x1f\x8b)")
_CONFIG_END = b"IKCFG_ED"


@dataclass(frozen=True)
class PayloadFacts:
    """What was seen in a payload; ``complete`` says whether all of it was looked at.

    ``abis``, ``luo_abis`` and ``releases`` are the different ones, sorted. ``metadata`` says whether the kernel knows
    the record of Kexec HandOver, ``refuses`` that it says to take no handover. ``head`` are its first bytes.
    ``metadata_version`` is the version of the record that its code takes; a ``Scanner`` never tells.
    ``options`` are those of the configuration that it carries; None when it carries none.
    """

    complete: bool = False
    abis: Tuple[str, ...] = ()
    luo_abis: Tuple[str, ...] = ()
    releases: Tuple[str, ...] = ()
    metadata: bool = False
    refuses: bool = False
    head: bytes = b""
    options: Optional[Mapping[str, str]] = None
    metadata_version: Optional[int] = None


class Scanner:
    """Looks through a payload that comes in pieces."""

    def __init__(self) -> None:
        self._found: Dict[str, List[str]] = {name: [] for name in _TEXTS}
        self._head = b""
        self._tail = b""
        self._config: Optional[bytearray] = None
        self._config_ended = False

    def feed(self, piece: bytes) -> None:
        """Look at the next piece."""
        if len(self._head) < ARM64_HEADER_SIZE:
            self._head = (self._head + piece)[:ARM64_HEADER_SIZE]
        window = self._tail + piece
        for name, pattern in _TEXTS.items():
            self._look_for(name, pattern, window)
        self._collect_config(window, piece)
        self._tail = window[-OVERLAP:]

    def facts(self, complete: bool) -> PayloadFacts:
        """Return what was seen; ``complete`` when there is nothing more to come."""
        found = {name: tuple(sorted(texts)) for name, texts in self._found.items()}
        return PayloadFacts(
            complete=complete,
            abis=found["abis"],
            luo_abis=found["luo_abis"],
            releases=tuple(filter(is_release, found["releases"])),
            metadata=bool(found["metadata"]),
            refuses=bool(found["refusals"]),
            head=self._head,
            options=parse_options(unpack(bytes(self._config))) if self._config and self._config_ended else None,
        )

    def _look_for(self, name: str, pattern: Pattern[bytes], window: bytes) -> None:
        known = self._found[name]
        for match in pattern.finditer(window):
            text = match.group(1).decode("ascii")
            if text not in known and len(known) < MOST:
                known.append(text)

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
