# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build of the kernel that runs."""

from __future__ import annotations

from typing import Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import build_in

VERSION = "/proc/version"


def running_build(host: Host) -> Optional[str]:
    """The build that runs; None when the kernel does not say."""
    try:
        return build_in(host.read_text(VERSION, 4096))
    except HostError:
        return None
