# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping what was seen in a payload, because decompressing it again takes seconds.

Only payloads that were seen whole are kept. Everything else, the configuration among it, is read each time. The
cache is a convenience: one that cannot be used is ignored, and one that others may write than root is not believed.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Callable, Dict, List, Mapping, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.port import FileIdentity, Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.store import JsonFile, field
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._image.header import ARM64_HEADER_SIZE
from ansible_collections.kho.kexec.plugins.module_utils._image.read import (
    IMAGE_LIMIT,
    Clock,
    KernelImage,
    Scan,
    describe,
    open_image,
    scan_payload,
)
from ansible_collections.kho.kexec.plugins.module_utils._image.scan import (
    ABI_LIMIT,
    MOST,
    MOST_HANDLERS,
    PayloadFacts,
)
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import OPTIONS, VALUE_LIMIT
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import is_build, is_release

CACHE_PATH = "/var/cache/kho-kexec/images.json"
CACHE_LIMIT = 1 << 20
# What a host has installed, several times over; the oldest entries make room.
MOST_ENTRIES = 32
# Raised whenever the scan learns to see more.
VERSION = 5
_OTHERS_WRITE = 0o022
FILE = JsonFile(CACHE_PATH, CACHE_LIMIT, lambda why: HostError(CACHE_PATH, "failed", why), indent=None)

_TUPLES = ("abis", "luo_abis", "unclear", "features", "handlers", "releases", "builds")

Entry = Dict[str, Any]


def read_image_cached(
    host: Host, path: str, config_path: Optional[str], remember: bool = True, clock: Clock = time.monotonic
) -> KernelImage:
    """Read the image at ``path``, and the configuration at ``config_path`` if there is one.

    The payload is looked through once for each (path, size, time of change, inode). Unless ``remember``, nothing is
    written. Raises ImageError when it is no kernel image, HostError when it cannot be read; nothing else.
    """
    identity = host.identity(path)
    image = open_image(host.read_bytes(path, IMAGE_LIMIT))
    entries = _read(host)
    key = _key(path, identity)
    facts = next((_facts(entry["facts"]) for entry in entries if _has_key(entry, key)), None)
    if facts and host.identity(path) == identity:
        return describe(host, image, Scan(facts, None), config_path)
    scan = scan_payload(host, image, clock)
    described = describe(host, image, scan, config_path)
    if remember and scan.obstacle is None and host.identity(path) == identity:
        _write(host, [entry for entry in entries if entry["path"] != path], {**key, "facts": _as_json(scan.facts)})
    return described


def _key(path: str, identity: FileIdentity) -> Entry:
    return {"path": path, **identity._asdict()}


def _has_key(entry: Entry, key: Entry) -> bool:
    return all(entry.get(name) == value for name, value in key.items())


def _read(host: Host) -> List[Entry]:
    """Return the entries that can be trusted to be this program's own and whole."""
    try:
        owner = host.owner_and_mode(CACHE_PATH)
        if owner.uid != 0 or owner.mode & _OTHERS_WRITE:
            return []
        return FILE.read(host, _entries) or []
    except HostError:
        return []


def _entries(content: Any) -> List[Entry]:
    if field(content, "version", int) != VERSION:
        raise ValueError(f"it is not of version {VERSION}")
    return [entry for entry in field(content, "images", list) if _is_entry(entry)]


def _write(host: Host, entries: List[Entry], new: Entry) -> None:
    content = {"version": VERSION, "images": [*entries, new][-MOST_ENTRIES:]}
    with suppress(HostError):
        FILE.write(host, content)


def _as_json(facts: PayloadFacts) -> Entry:
    return {**asdict(facts), "head": facts.head.hex()}


def _facts(stored: Entry) -> PayloadFacts:
    texts = {name: tuple(stored[name]) for name in _TUPLES}
    return PayloadFacts(**{**stored, **texts, "head": bytes.fromhex(stored["head"])})


def _is_abis(prefix: str) -> Callable[[Any], bool]:
    abi = regex(prefix + rf"-v[0-9][A-Za-z0-9_.;:,+-]{{0,{ABI_LIMIT}}}")
    return lambda value: _is_list(value, lambda text: abi.fullmatch(text) is not None)


def _is_kinds(value: Any) -> bool:
    return _is_list(value, lambda text: text in ("kho", "luo"))


def _is_list(value: Any, is_good: Callable[[str], bool], most: int = MOST) -> bool:
    return isinstance(value, list) and len(value) <= most and all(isinstance(it, str) and is_good(it) for it in value)


def _is_head(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(f"([0-9a-f]{{2}}){{0,{ARM64_HEADER_SIZE}}}", value) is not None


def _is_options(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict)
        and set(value) == set(OPTIONS)
        and all(isinstance(text, str) and printable(text, VALUE_LIMIT) == text for text in value.values())
    )


def _is_version(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 256


_FACTS: Mapping[str, Callable[[Any], bool]] = {
    "complete": lambda value: value is True,
    "abis": _is_abis("kho"),
    "luo_abis": _is_abis("luo"),
    "unclear": _is_kinds,
    "features": _is_kinds,
    "handlers": lambda value: _is_list(value, lambda text: printable(text, 47) == text, MOST + MOST_HANDLERS),
    "releases": lambda value: _is_list(value, is_release),
    "builds": lambda value: _is_list(value, is_build),
    "metadata": lambda value: isinstance(value, bool),
    "refuses": lambda value: isinstance(value, bool),
    "head": _is_head,
    "options": _is_options,
    "metadata_version": lambda value: value is None or _is_version(value),
}


def _is_entry(entry: Any) -> bool:
    """Whether this is an entry as it is written: nothing of it may be something else than a scan can find."""
    if not isinstance(entry, dict) or set(entry) != {"path", "facts", *FileIdentity._fields}:
        return False
    facts = entry["facts"]
    return (
        isinstance(entry["path"], str)
        and isinstance(facts, dict)
        and set(facts) == set(_FACTS)
        and all(is_good(facts[name]) for name, is_good in _FACTS.items())
    )
