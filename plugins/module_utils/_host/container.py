# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this is a container, which shares its kernel with the host and can neither load nor start one."""

from __future__ import annotations

from typing import Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

# systemd's container interface (systemd.io/CONTAINER_INTERFACE), then what Docker and Podman leave behind.
MANAGER_FILE = "/run/systemd/container"
MARKS = (("/.dockerenv", "docker"), ("/run/.containerenv", "podman"))
INIT_ENVIRONMENT = "/proc/1/environ"


def container_manager(host: Host) -> Optional[str]:
    """Return the name of what runs this container (``docker``, ``lxc``, …); None on a host or virtual machine."""
    name = _first_line(host, MANAGER_FILE)
    if name:
        return name
    for path, manager in MARKS:
        if host.exists(path):
            return manager
    return _from_init_environment(host)


def _from_init_environment(host: Host) -> Optional[str]:
    """Read the variable ``container`` that managers set for the first process; only root may."""
    try:
        variables = host.read_bytes(INIT_ENVIRONMENT).split(b"\0")
    except HostError:
        return None
    for variable in variables:
        if variable.startswith(b"container=") and len(variable) > len(b"container="):
            return printable(variable.split(b"=", 1)[1], 32)
    return None


def _first_line(host: Host, path: str) -> Optional[str]:
    try:
        return printable(host.read_text(path, 256).strip().split("\n", 1)[0], 32) or None
    except HostError:
        return None
