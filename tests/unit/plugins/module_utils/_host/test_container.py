# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.container import container_manager
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot


@pytest.mark.parametrize(
    ("path", "content", "manager"),
    [
        ("/run/systemd/container", "systemd-nspawn\n", "systemd-nspawn"),
        ("/run/systemd/container", "a\x1b[m{{ x }}\nmore", "a?[m?{ x }}"),
        ("/.dockerenv", "", "docker"),
        ("/run/.containerenv", "", "podman"),
        ("/proc/1/environ", "PATH=/bin\0container=lxc\0", "lxc"),
        ("/proc/1/environ", "PATH=/bin\0container=\0xcontainer=lxc\0", None),
        ("/proc/1/environ", "", None),
    ],
)
def test_marks_of_a_container(tmp_path, path, content, manager):
    assert container_manager(FakeRoot(tmp_path).add(path, content)) == manager


def test_no_container(tmp_path):
    assert container_manager(FakeRoot(tmp_path)) is None
