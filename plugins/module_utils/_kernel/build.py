# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build of a kernel: what tells two kernels of one release apart (``uname -v``, UTS_VERSION)."""

from __future__ import annotations

import re
from typing import Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError

VERSION = "/proc/version"
# The kernel has room for 64 characters (include/uapi/linux/utsname.h).
BUILD_LIMIT = 64
# init/version-timestamp.c and arch/x86/boot/version.c end their text with it: "… (root@build) #1 SMP DATE".
_BUILD = re.compile(rf"\) (#[!-~][ -~]{{0,{BUILD_LIMIT - 2}}})$")


def build_in(banner: str) -> Optional[str]:
    """The build in a kernel's version text, such as ``#1 SMP PREEMPT_DYNAMIC Debian 7.3.4-1 (2026-11-20)``; or None."""
    match = _BUILD.search(banner.strip())
    return match.group(1).strip() if match else None


def is_build(text: str) -> bool:
    """Whether the text is a build as ``build_in`` returns it."""
    return build_in(") " + text) == text


def running_build(host: Host) -> Optional[str]:
    """The build that runs; None when the kernel does not say."""
    try:
        return build_in(host.read_text(VERSION, 4096))
    except HostError:
        return None
