# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When several places name one image, and when they name several."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import find_candidates
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import choose
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.images import uki
from ansible_collections.kho.kexec.tests.unit.support.layouts import found, only


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def test_one_image_through_links(host):
    host.add("/boot/vmlinuz-7.3.4").link("/boot/vmlinuz", "/boot/vmlinuz-7.3.4")
    host.link("/boot/vmlinuz.old", "/boot/vmlinuz").link("/boot/vmlinuz-7.3.4.bak", "/boot/vmlinuz-7.3.4")
    assert found(host) == [("7.3.4", None)]
    assert (only(host).image, only(host).found_in) == ("/boot/vmlinuz-7.3.4", ("boot",))


def test_copies_are_one_image(host):
    host.add("/boot/vmlinuz-7.3.4", "same").add("/efi/x/7.3.4/linux", "same")
    host.add("/efi/loader/entries/x.conf", "version 7.3.4\nlinux /x/7.3.4/linux\noptions quiet\n")
    assert only(host).found_in == ("boot", "bls:/efi/loader/entries/x.conf")
    assert (only(host).image, only(host).options) == ("/boot/vmlinuz-7.3.4", "quiet")


@pytest.mark.parametrize("other", ["othr", "other"])
def test_images_that_differ_are_two(host, other):
    host.add("/boot/vmlinuz-7.3.4", "same").add("/efi/x/7.3.4/linux", other)
    host.add("/efi/loader/entries/x.conf", "version 7.3.4\nlinux /x/7.3.4/linux\n")
    assert [candidate.image for candidate in find_candidates(host)] == ["/efi/x/7.3.4/linux", "/boot/vmlinuz-7.3.4"]
    choice = choose(find_candidates(host), "latest")
    assert choice.refusal.code == "target_ambiguous"


def test_images_that_cannot_be_compared_are_two(host):
    host.add("/boot/vmlinuz-7.3.4", "same").add("/boot/Image-7.3.4", "same").deny("/boot/Image-7.3.4")
    assert len(find_candidates(host)) == 2


def test_a_unified_kernel_image_with_the_same_kernel_is_one_with_it(host):
    host.add("/boot/vmlinuz-7.3.4", "a kernel").add("/boot/initrd.img-7.3.4")
    host.add("/efi/EFI/Linux/7.3.4.efi", uki(b"a kernel"))
    assert (only(host).image, only(host).uki) == ("/boot/vmlinuz-7.3.4", False)
    assert only(host).found_in == ("boot", "bls:/efi/EFI/Linux/7.3.4.efi")
    assert only(host).initrds == ("/boot/initrd.img-7.3.4",)


@pytest.mark.parametrize("image", [uki(b"A kernel"), uki(b""), b"a kernel"[:7]])
def test_a_unified_kernel_image_with_another_kernel(host, image):
    host.add("/boot/vmlinuz-7.3.4", "a kernel").add("/efi/EFI/Linux/7.3.4.efi", image)
    assert found(host) == [("7.3.4", None), ("7.3.4", None)]


@pytest.mark.parametrize(("cmdline", "count"), [(b"a", 1), (b"b", 2), (b"b" * 2000, 2)])
def test_unified_kernel_images_of_one_release(host, cmdline, count):
    host.add("/efi/EFI/Linux/7.3.4.efi", uki(b"a kernel", cmdline=b"a"))
    host.add("/efi/EFI/Linux/x-7.3.4.efi", uki(b"a kernel", cmdline=cmdline))
    assert found(host) == [("7.3.4", None)] * count


def test_the_packages_own_image_is_the_one_that_was_installed_and_signed(host):
    host.add("/boot/vmlinuz-7.3.4", "signed").add("/usr/lib/modules/7.3.4/vmlinuz", "plain")
    assert (only(host).image, only(host).found_in) == ("/boot/vmlinuz-7.3.4", ("boot", "modules"))


def test_the_packages_own_image_counts_alone(host):
    host.add("/usr/lib/modules/7.3.4/Image").add("/boot/initrd-7.3.4")
    assert (only(host).image, only(host).initrds) == ("/usr/lib/modules/7.3.4/Image", ("/boot/initrd-7.3.4",))
