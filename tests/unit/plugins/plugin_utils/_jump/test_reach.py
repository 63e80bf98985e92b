# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.reach import require_kernel, require_ssh

LOCAL = ("local", "ansible.builtin.local", "community.docker.nsenter")
WITHOUT = (
    *("docker", "community.docker.docker", "community.docker.docker_api", "containers.podman.podman", "podman"),
    *("containers.podman.buildah", "kubernetes.core.kubectl", "community.okd.oc", "community.general.lxc"),
    *("community.general.lxd", "community.general.incus", "community.libvirt.libvirt_lxc", "chroot"),
    *("community.general.chroot", "community.general.jail", "community.general.iocage", "community.general.zone"),
)
OTHERS = ("paramiko", "paramiko_ssh", "ansible.netcommon.libssh", "amazon.aws.aws_ssm", "own.things.serial", "")


def refusal(ask, transport):
    with pytest.raises(KhoError) as raised:
        ask(transport)
    assert f"`{transport.rpartition('.')[2]}`" in raised.value.message or f"`{transport}`" in raised.value.message
    return raised.value.code


@pytest.mark.parametrize("ask", [require_kernel, require_ssh])
def test_what_has_no_kernel_of_its_own_is_refused(ask):
    assert {refusal(ask, transport) for transport in LOCAL} == {"connection_local"}
    assert {refusal(ask, transport) for transport in WITHOUT} == {"connection_without_kernel"}


def test_what_may_lead_to_a_machine_is_let_go():
    for transport in ("ssh", *OTHERS):
        require_kernel(transport)


def test_only_ssh_can_follow_a_jump():
    require_ssh("ssh")
    assert {refusal(require_ssh, transport) for transport in OTHERS} == {"connection_unsupported"}
