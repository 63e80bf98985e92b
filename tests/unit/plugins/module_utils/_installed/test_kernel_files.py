# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels in /boot and /usr/lib/modules."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import find_candidates
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.layouts import only


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


@pytest.mark.parametrize("image", ["vmlinuz", "Image", "kernel", "vmlinux"])
@pytest.mark.parametrize("initrd", ["initrd.img-{}", "initramfs-{}.img", "initrd-{}"])
def test_names_of_images_and_initrds(host, image, initrd):
    host.add(f"/boot/{image}-7.3.4").add("/boot/" + initrd.format("7.3.4"))
    assert (only(host).image, only(host).initrds) == (f"/boot/{image}-7.3.4", ("/boot/" + initrd.format("7.3.4"),))


@pytest.mark.parametrize("initrd", ["initramfs-7.3.4kdump.img", "initrd-7.3.4-kdump", "initrd.img-7.3.4.old"])
def test_initrds_for_something_else(host, initrd):
    host.add("/boot/vmlinuz-7.3.4").add("/boot/" + initrd)
    assert only(host).initrds == ()


@pytest.mark.parametrize(
    "name",
    ["vmlinuz-7.3.4.old", "vmlinuz-7.3.4.bak", "vmlinuz-7.3.4.dpkg-tmp", "vmlinuz-7.3.4~", "vmlinuz.old",
     "vmlinux-7.3.4.gz", "vmlinuz-0-rescue-4f7a0d2f6c0e4f0e9a35cbb0ad4a7d5e"],
)  # fmt: skip
def test_leftovers(host, name):
    host.add("/boot/" + name)
    assert only(host).obstacle.code == "leftover"


@pytest.mark.parametrize("name", ["vmlinuz", "vmlinuz-latest", "Image", "vmlinuz-7.3 4", "vmlinuz-7.3;reboot"])
def test_names_without_a_release(host, name):
    host.add("/boot/" + name).add("/boot/initrd.img-")
    assert (only(host).obstacle.code, only(host).release, only(host).initrds) == ("release_not_named", "", ())


@pytest.mark.parametrize(
    "name", ["config-7.3.4", "initrd.img-7.3.4", "xvmlinuz-7.3.4", "vmlinuz-\x1b[2J", "vmlinuz-{{x}}"]
)
def test_other_files(host, name):
    host.add("/boot/" + name)
    assert find_candidates(host) == ()


def test_the_kernel_for_debuggers_lies_beside_the_image(host):
    host.add("/boot/vmlinuz-7.3.4", "zipped").add("/boot/vmlinux-7.3.4", "ELF")
    assert [(candidate.image, bool(candidate.obstacle)) for candidate in find_candidates(host)] == [
        ("/boot/vmlinuz-7.3.4", False),
        ("/boot/vmlinux-7.3.4", True),
    ]


@pytest.mark.parametrize("parent", ["/usr/lib/modules", "/lib/modules"])
def test_modules_and_config(host, parent):
    host.add("/boot/vmlinuz-7.3.4").add(parent + "/7.3.4/modules.dep").add(parent + "/7.3.4/config")
    assert (only(host).modules, only(host).config) == (parent + "/7.3.4", parent + "/7.3.4/config")


def test_modules_without_modules_dep_do_not_count(host):
    host.add("/boot/vmlinuz-7.3.4").add("/lib/modules/7.3.4/kernel/fs.ko").add("/lib/modules/7.3.3/kernel/fs.ko")
    assert (only(host).release, only(host).modules) == ("7.3.4", None)


@pytest.mark.parametrize("pkgbase", ["../../etc/x\n", "a b\n", "", "x" * 200, "{{x}}"])
def test_names_of_packages_that_are_none(host, pkgbase):
    host.add("/usr/lib/modules/7.3.4/pkgbase", pkgbase).add("/boot/vmlinuz-" + "linux")
    assert only(host).obstacle.code == "release_not_named"
