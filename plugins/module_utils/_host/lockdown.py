# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kernel lockdown is set to (security/lockdown/lockdown.c); it keeps even root from some of the kernel."""

from __future__ import annotations

import re
from typing import Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError

LOCKDOWN = "/sys/kernel/security/lockdown"


def lockdown_mode(host: Host) -> Optional[str]:
    """Return the active mode, which the file shows in brackets; None for ``none``, and when it cannot be read."""
    try:
        match = re.search(r"\[(\w{1,32})\]", host.read_text(LOCKDOWN, 256))
    except HostError:
        return None
    return match.group(1) if match and match.group(1) != "none" else None
