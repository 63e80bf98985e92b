# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing what a host allows."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._observe.site import observe_site
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.transitions import site, upgradable_host

VERSION = ["kexec", "--version"]


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    root = upgradable_host(FakeRoot(tmp_path))
    yield root
    root.assert_nothing_left()


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("/proc/self/status", "Uid:\t0\t1000\t0\t0\n", {"root": False}),
        ("/proc/self/status", "Uid:\t1000\t0\t1000\t1000\n", {"root": True}),
        ("/proc/self/status", "Name:\tUid: 0 0\n", {"root": False}),
        ("/proc/sys/kernel/arch", "aarch64\n", {"architecture": "aarch64"}),
        ("/proc/sys/kernel/arch", "", {"architecture": None}),
        ("/proc/sys/kernel/kexec_load_disabled", "1\n", {"load_disabled": True}),
        ("/proc/sys/kernel/kexec_load_disabled", "", {"load_disabled": None}),
        ("/proc/sys/kernel/kexec_load_limit_reboot", "0\n", {"load_limit": 0}),
        ("/proc/sys/kernel/kexec_load_limit_reboot", "many\n", {"load_limit": None}),
        ("/run/systemd/container", "lxc\n", {"container": "lxc"}),
        ("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n", {"lockdown": "integrity"}),
        ("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n", {"lockdown": None}),
        ("/sys/kernel/kexec/crash_size", "167772160\n", {"crash_bytes": 167772160}),
        ("/sys/kernel/kexec_crash_size", "0\n", {"crash_bytes": 0}),
        ("/proc/meminfo", "MemFree: 1 kB\nMemTotal:       16 kB\n", {"memory_bytes": 16384}),
        ("/proc/meminfo", "SwapMemTotal:       16 kB\n", {"memory_bytes": None}),
        ("/sys/kernel/debug/kho/out/sub_fdts/LUO", b"luo-v5", {"live_update": True}),
        ("/dev/liveupdate", b"", {"live_update": True}),
        ("/proc/cmdline", "kho=on liveupdate=on\n", {"live_update": False}),
        ("/proc/cmdline", b"a=\xff\n", {"command_line": "a=\udcff\n"}),
    ],
)
def test_settings_of_the_host(host, path, content, expected):
    host.add(path, content).expect_run(VERSION)
    seen = observe_site(host)
    assert {name: getattr(seen, name) for name in expected} == expected


def test_a_host_that_shows_nothing(tmp_path):
    host = FakeRoot(tmp_path).expect_missing(VERSION)
    seen = observe_site(host)
    assert seen == site(
        root=False,
        architecture=None,
        load_disabled=None,
        load_limit=None,
        tools_problem="kexec does not exist.",
        memory_bytes=None,
        command_line="",
    )


def test_kexec_that_does_not_run(host):
    host.expect_run(VERSION, rc=127)
    assert observe_site(host).tools_problem == "'kexec --version' ended with exit code 127."


@pytest.mark.parametrize(("command_line", "live"), [("kho=on liveupdate=on\n", True), ("liveupdate=off\n", False)])
def test_without_debugfs_live_update_is_what_was_asked_for(tmp_path, command_line, live):
    host = FakeRoot(tmp_path).add("/proc/cmdline", command_line).expect_run(VERSION)
    assert observe_site(host).live_update is live
