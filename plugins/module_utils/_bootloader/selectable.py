# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a kernel could become the boot loader's default; asked before the jump, because the commit comes after it."""

from __future__ import annotations

import posixpath

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default import boot_default_of, select
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.detect import boot_loader_of
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import shown
from ansible_collections.kho.kexec.plugins.module_utils._host.access import has_program
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.mounts import mount_of
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host


def why_not_selectable(host: Host, release: str) -> str | None:
    """Why ``select`` could not make this release the default, or None; nothing is changed."""
    try:
        if select(host, release, "", check_mode=True)["changed"]:
            return _writing_problem(host, *boot_loader_of(host).writing_needs())
    except KhoError as error:
        return None if boot_default_of(host).release == release else error.message
    return None


def _writing_problem(host: Host, program: str, path: str) -> str | None:
    if not has_program(host, program):
        return f"The program {program}, which sets the boot loader's default, is not there."
    mount = mount_of(host, path if host.exists(path) else posixpath.dirname(path))
    if mount is not None and mount.read_only:
        return f"The boot loader's default is kept in {shown(path)}, and {shown(mount.point)} is mounted read-only."
    return None
