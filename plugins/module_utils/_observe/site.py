# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing what a host allows, beside its kernel."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.access import is_root, lockdown_mode
from ansible_collections.kho.kexec.plugins.module_utils._host.container import container_manager
from ansible_collections.kho.kexec.plugins.module_utils._host.memory import crash_bytes, memory_bytes, page_bytes
from ansible_collections.kho.kexec.plugins.module_utils._host.port import (
    Host,
    HostError,
    line_of,
    number_of,
    read_lossless,
)
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import is_on
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build import running_build
from ansible_collections.kho.kexec.plugins.module_utils._observe.debugfs import ROOT as KHO

OUTGOING = KHO + "/out/sub_fdts"
LIVE_UPDATE_DEVICE = "/dev/liveupdate"


class Site(NamedTuple):
    """What the host allows, beside its kernel.

    ``container``: what says that this is a container, or None. ``architecture``: as ``uname -m``, None when unknown.
    ``load_disabled`` and ``load_limit``: the sysctls kernel.kexec_load_disabled and kernel.kexec_load_limit_reboot,
    None when the kernel has no such file; the limit is -1 for none. ``tools_problem``: why kexec-tools cannot be used,
    or None. ``lockdown``: the mode of kernel lockdown, None for none. ``live_update``: whether the running kernel will
    hand over a state of live update. ``crash_bytes``: the memory that is reserved for a crash kernel, None when
    unknown. ``memory_bytes``: the memory that programs and the kernel may use (MemTotal), None when unknown.
    ``page_bytes``: the size of its pages, None when unknown. ``build``: what tells it from other builds of its release,
    None when unknown. ``command_line``: the running kernel's.
    """

    container: str | None
    root: bool
    architecture: str | None
    load_disabled: bool | None
    load_limit: int | None
    tools_problem: str | None
    lockdown: str | None
    live_update: bool
    crash_bytes: int | None
    memory_bytes: int | None
    command_line: str
    page_bytes: int | None = None
    build: str | None = None


def observe_site(host: Host) -> Site:
    """What the host allows, beside its kernel."""
    load_disabled = number_of(host, "/proc/sys/kernel/kexec_load_disabled")
    command_line = read_lossless(host, "/proc/cmdline")
    return Site(
        container=container_manager(host),
        root=is_root(host),
        architecture=line_of(host, "/proc/sys/kernel/arch"),
        load_disabled=None if load_disabled is None else load_disabled != 0,
        load_limit=number_of(host, "/proc/sys/kernel/kexec_load_limit_reboot"),
        tools_problem=_tools_problem(host),
        lockdown=lockdown_mode(host),
        live_update=_live_update(host, command_line),
        crash_bytes=crash_bytes(host),
        memory_bytes=memory_bytes(host),
        command_line=command_line,
        page_bytes=page_bytes(host),
        build=running_build(host),
    )


def _live_update(host: Host, command_line: str) -> bool:
    """Whether live update (LUO) is on: its subtree or device is there, or it was asked for and debugfs is not there."""
    if host.exists(LIVE_UPDATE_DEVICE) or host.exists(OUTGOING + "/LUO"):
        return True
    return not host.exists(OUTGOING) and is_on(command_line, "liveupdate") is True


def _tools_problem(host: Host) -> str | None:
    try:
        version = host.run(["kexec", "--version"])
    except HostError as error:
        return error.message
    return None if version.rc == 0 else f"'kexec --version' ended with exit code {version.rc}."
