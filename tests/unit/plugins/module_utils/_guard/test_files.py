# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the guard's files go, and what is in them."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.files import MOUNTS, choose_place, contents, places
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import HostError
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.transitions import OLD

ETC, LOCAL = places()
ROOT = "/dev/sda1 / ext4 rw,relatime 0 0"
READ_ONLY = "/dev/sda1 / ext4 ro,relatime 0 0"


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    for path in ("/etc/systemd/system", "/usr/local/lib"):
        FakeRoot(tmp_path).add_directory(path)
    return FakeRoot(tmp_path)


def mounted(host, *lines):
    return host.add(MOUNTS, "\n".join(["proc /proc proc rw 0 0", *lines]) + "\n")


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ([ROOT], ETC),
        ([READ_ONLY, "/dev/sda2 /etc ext4 rw 0 0"], ETC),
        (["rootfs / rootfs ro 0 0", ROOT], ETC),
        ([ROOT, "tmpfs /etc tmpfs rw 0 0"], LOCAL),
        ([ROOT, "etc /etc overlay rw,lowerdir=/a 0 0"], LOCAL),
        ([ROOT, "/dev/sda1 /etc/systemd ext4 ro 0 0"], LOCAL),
        ([READ_ONLY, "/dev/sda3 /usr xfs rw 0 0"], LOCAL),
    ],
)
def test_it_goes_where_the_next_boot_finds_it(host, lines, place):
    assert choose_place(mounted(host, *lines)) == place


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([READ_ONLY], "/usr/local/lib/systemd/system is on /, which is mounted read-only"),
        (["live / overlay rw 0 0"], "/etc/systemd/system is on / (overlay)"),
        ([], "/etc/systemd/system is on / (unknown)"),
        ([READ_ONLY, "nas:/local /usr/local nfs4 rw 0 0"], "is on /usr/local (nfs4)"),
    ],
)
def test_no_place(host, lines, says):
    with pytest.raises(Refusal) as caught:
        choose_place(mounted(host, *lines))
    assert caught.value.code == "guard_not_persistent"
    assert says in caught.value.message


def test_it_goes_where_only_root_writes(host):
    mounted(host, ROOT).own("/etc/systemd", 1000, 1000)
    assert choose_place(host) == LOCAL
    host.add_directory("/usr/local/lib", 0o777)
    with pytest.raises(Refusal, match="users other than root may write /usr/local/lib/systemd/system"):
        choose_place(host)


def test_links_are_followed(host):
    (host.root / "etc/systemd/system").rmdir()
    host.add_directory("/nix/store/units").link("/etc/systemd/system", "/nix/store/units")
    assert choose_place(mounted(host, ROOT, "/dev/sda1 /nix/store ext4 ro 0 0")) == LOCAL


def test_a_place_that_cannot_be_resolved(host):
    mounted(host, ROOT).deny("/etc/systemd/system")
    assert choose_place(host) == LOCAL


def test_mounts_that_cannot_be_read(host):
    with pytest.raises(HostError):
        choose_place(host)


def test_the_token_comes_last_and_starts_the_timer():
    files = contents(ETC, BOOT_ID, OLD, 300, "/var/lib/kho-kexec/guard.ended")
    assert [path for path, _text, _mode in files] == [ETC.program, ETC.service, ETC.timer, ETC.token]
    texts = {path: text for path, text, _mode in files}
    assert "\nWants=kho-kexec-guard.timer\n" in texts[ETC.token]
    assert "\nOnBootSec=300\n" in texts[ETC.timer]
    assert all("DefaultDependencies=no" in texts[path] for path in (ETC.timer, ETC.service))
    assert f'ExecStart=/bin/sh "{ETC.program}" "{BOOT_ID}" "{OLD}" "/var' in texts[ETC.service]
    assert all(text.isascii() for text in texts.values())


def test_systemd_expands_nothing_in_a_release():
    texts = {path: text for path, text, _mode in contents(ETC, BOOT_ID, '6%u$x"y\\', 300, "/ended")}
    assert '"6%%u$$x\\"y\\\\"' in texts[ETC.service]
