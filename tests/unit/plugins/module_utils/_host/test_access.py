# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.access import (
    LOCKDOWN,
    STATUS,
    has_program,
    is_root,
    lockdown_mode,
    require_access,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import SYSTEM_PATHS, LocalHost
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

ROOT, USER = "Uid:\t0\t0\t0\t0\n", "Uid:\t0\t1000\t0\t0\n"


def test_this_process():
    assert is_root(LocalHost()) == (os.geteuid() == 0)


@pytest.mark.parametrize(
    ("container", "status", "code"),
    [
        (None, ROOT, None),
        (None, USER, "not_root"),
        (None, "", "not_root"),
        (None, None, "not_root"),
        ("docker", ROOT, "container"),
        ("docker", USER, "container"),
    ],
)
def test_who_may(tmp_path, container, status, code):
    host = FakeRoot(tmp_path)
    if container:
        host.add("/run/systemd/container", container)
    if status is not None:
        host.add(STATUS, "Name:\tpython3\n" + status)
    if code is None:
        require_access(host)
        return
    with pytest.raises(Refusal) as caught:
        require_access(host)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("shown", "mode"),
    [
        ("none [integrity] confidentiality\n", "integrity"),
        ("none integrity [confidentiality]\n", "confidentiality"),
        ("[none] integrity confidentiality\n", None),
        ("none integrity\n", None),
        ("[\x1b]\n", None),
    ],
)
def test_mode_of_lockdown(tmp_path, shown, mode):
    assert lockdown_mode(FakeRoot(tmp_path).add(LOCKDOWN, shown)) == mode


def test_kernel_without_lockdown(tmp_path):
    assert lockdown_mode(FakeRoot(tmp_path)) is None


@pytest.mark.parametrize("directory", SYSTEM_PATHS)
def test_program_of_the_system(tmp_path, directory):
    assert has_program(FakeRoot(tmp_path).add(directory + "/kexec", ""), "kexec")


def test_programs_elsewhere_do_not_count(tmp_path):
    host = FakeRoot(tmp_path).add("/home/me/bin/kexec", "").add("/usr/sbin/kexec-load", "")
    assert not has_program(host, "kexec")
