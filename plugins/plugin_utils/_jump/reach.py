# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a connection leads to can be made to leave its kernel. Pure.

The controller says so by the connection that Ansible has made for the task, after `delegate_to` and all variables, and
asks no host: a container would answer as the machine below it does, whose kernel it shares.
"""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError

CONTROLLERS_OWN = frozenset({"local", "nsenter"})
"""Connections to the machine that Ansible runs on."""
WITHOUT_KERNEL = frozenset(
    {
        *("docker", "docker_api", "podman", "buildah", "kubectl", "oc", "lxc", "lxd", "incus", "libvirt_lxc"),
        *("proxmox_pct_remote", "wsl", "chroot", "jail", "iocage", "zone"),
    }
)
"""Connections into containers, jails and directories, by the last part of their names (Ansible's community
collections): they have no kernel of their own, and no boot to be told from the one before."""


def require_kernel(transport: str) -> None:
    """Raise KhoError ``connection_local`` or ``connection_without_kernel`` where no host could be left.

    ``transport`` is the name of the connection, with or without its collection. One that is not known may lead to a
    machine, and is let go.
    """
    name = transport.rpartition(".")[2]
    if name in CONTROLLERS_OWN:
        raise KhoError(
            "connection_local",
            f"The connection is `{name}`, which leads to the machine that Ansible runs on: it would take its own "
            "kernel away, and nobody would be left to ask for the verdict. Nothing was done. Run it from another "
            "machine, with `ansible_connection: ssh` for this host.",
        )
    if name in WITHOUT_KERNEL:
        raise KhoError(
            "connection_without_kernel",
            f"The connection is `{name}`. What it leads to has no kernel of its own: it shares that of the machine "
            "below, with all others there. Nothing was done. Upgrade that machine, over ssh, and take this host out "
            "of the play.",
        )


def require_ssh(transport: str) -> None:
    """Raise KhoError as `require_kernel` does, and ``connection_unsupported`` where only ssh can follow a jump."""
    require_kernel(transport)
    if transport != "ssh":
        raise KhoError(
            "connection_unsupported",
            f"The connection is `{transport}`. Only with `ssh` it is known how to notice a host that vanishes without "
            "closing its connections, so any other could wait forever. Nothing was done. Set `ansible_connection: ssh` "
            "for this host.",
        )
