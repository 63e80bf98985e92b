# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host has a program, without running it."""

from __future__ import annotations

import posixpath

from ansible_collections.kho.kexec.plugins.module_utils._host.port import SYSTEM_PATHS, Host


def has_program(host: Host, name: str) -> bool:
    """Whether the program is where a system has its programs."""
    return any(host.exists(posixpath.join(directory, name)) for directory in SYSTEM_PATHS)
