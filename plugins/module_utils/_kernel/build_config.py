# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a kernel was configured, from the file that its build left behind."""

from __future__ import annotations

import re
import zlib
from typing import Dict, Mapping, NamedTuple, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex

# A full configuration has about 300 KiB; a hostile /proc/config.gz does not exist, a damaged file might.
TEXT_LIMIT = 4 << 20
GZIP_LIMIT = 1 << 20

# The options that predict what a kernel does after a kexec.
OPTIONS = (
    "CONFIG_BLK_DEV_INITRD",
    "CONFIG_BOOT_CONFIG_EMBED",
    "CONFIG_CMDLINE",
    "CONFIG_CMDLINE_FORCE",
    "CONFIG_CMDLINE_OVERRIDE",
    "CONFIG_KEXEC_HANDOVER",
    "CONFIG_KEXEC_HANDOVER_DEBUGFS",
    "CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT",
    "CONFIG_LIVEUPDATE",
    "CONFIG_MODULES",
    "CONFIG_PANIC_TIMEOUT",
)
VALUE_LIMIT = 4096

_ANY_OPTION = regex(rb"^CONFIG_\w+=", re.MULTILINE)


class BuildConfig(NamedTuple):
    """What a configuration says of Kexec HandOver; ``path`` is where it was read.

    ``handover`` is CONFIG_KEXEC_HANDOVER, ``enabled_by_default`` CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT,
    ``in_debugfs`` CONFIG_KEXEC_HANDOVER_DEBUGFS.
    """

    path: str
    handover: bool
    enabled_by_default: bool
    in_debugfs: bool


def parse_build_config(path: str, text: bytes) -> Optional[BuildConfig]:
    """Read the text of a ``.config``; None when it holds no option at all and so is none."""
    if not _ANY_OPTION.search(text):
        return None
    return BuildConfig(
        path=path,
        handover=_is_set(text, b"KEXEC_HANDOVER"),
        enabled_by_default=_is_set(text, b"KEXEC_HANDOVER_ENABLE_DEFAULT"),
        in_debugfs=_is_set(text, b"KEXEC_HANDOVER_DEBUGFS"),
    )


def parse_options(text: bytes) -> Optional[Dict[str, str]]:
    """Return the values of ``OPTIONS`` in the text of a ``.config``; None when it holds no option at all.

    A value is ``y`` or ``m``, a number, or a text without its quotes, as printable ASCII; an option that is not set
    is ``n``.
    """
    if not _ANY_OPTION.search(text):
        return None
    return {option: _value(text, option.encode()) for option in OPTIONS}


def installed_build_config(host: Host, release: str) -> Optional[BuildConfig]:
    """Find the configuration of an installed kernel on disk; None when there is none that can be read."""
    if "/" in release:
        return None
    for path in ("/boot/config-" + release, f"/usr/lib/modules/{release}/config"):
        config = _read(host, path)
        if config:
            return config
    return None


def running_build_config(host: Host, release: Optional[str]) -> Optional[BuildConfig]:
    """Find the configuration of the running kernel: what it carries itself, else what is on disk for its release."""
    config = _read(host, "/proc/config.gz")
    if config or release is None:
        return config
    return installed_build_config(host, release)


def running_options(host: Host, release: Optional[str]) -> Optional[Dict[str, str]]:
    """The values of ``OPTIONS`` in the running kernel's configuration; None when there is none that can be read."""
    installed = (f"/boot/config-{release}", f"/usr/lib/modules/{release}/config") if release else ()
    for path in ("/proc/config.gz", *installed):
        try:
            data = host.read_bytes(path, TEXT_LIMIT)
        except HostError:
            continue
        options = parse_options(unpack(data) if path.endswith(".gz") else data)
        if options is not None:
            return options
    return None


def built_in_arguments(options: Mapping[str, str]) -> str:
    """The arguments that a kernel adds to those that it is given (CONFIG_CMDLINE), empty for none.

    A kernel that was built to go by them alone adds none (CONFIG_CMDLINE_OVERRIDE, CONFIG_CMDLINE_FORCE).
    """
    if "y" in (options.get("CONFIG_CMDLINE_OVERRIDE"), options.get("CONFIG_CMDLINE_FORCE")):
        return ""
    given = options.get("CONFIG_CMDLINE", "n")
    return "" if given == "n" else given.strip()


def _read(host: Host, path: str) -> Optional[BuildConfig]:
    try:
        data = host.read_bytes(path, TEXT_LIMIT)
    except HostError:
        return None
    return parse_build_config(path, unpack(data) if path.endswith(".gz") else data)


def unpack(data: bytes) -> bytes:
    """Decompress gzip data up to ``TEXT_LIMIT`` bytes; empty when it is damaged or longer."""
    decompressor = zlib.decompressobj(wbits=31)
    try:
        text = decompressor.decompress(data[:GZIP_LIMIT], TEXT_LIMIT)
    except zlib.error:
        return b""
    return text if decompressor.eof else b""


def _is_set(text: bytes, option: bytes) -> bool:
    return re.search(rb"^CONFIG_" + option + rb"=y$", text, re.MULTILINE) is not None


def _value(text: bytes, option: bytes) -> str:
    match = re.search(rb"^" + option + rb'=(?:"(.*)"|(.*))$', text, re.MULTILINE)
    if not match:
        return "n"
    quoted, plain = match.groups()
    return printable(plain if quoted is None else re.sub(rb"\\(.)", rb"\1", quoted), VALUE_LIMIT)
