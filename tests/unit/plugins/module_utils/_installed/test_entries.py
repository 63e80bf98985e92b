# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels in boot loaders' entries."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import find_candidates
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.images import uki
from ansible_collections.kho.kexec.tests.unit.support.layouts import found, only


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


@pytest.mark.parametrize("partition", ["/boot", "/efi", "/boot/efi"])
@pytest.mark.parametrize("written", ["/vmlinuz-7.3.4", "vmlinuz-7.3.4", "//vmlinuz-7.3.4"])
def test_paths_of_entries_begin_at_their_partition(host, partition, written):
    host.add(partition + "/vmlinuz-7.3.4").add(partition + "/one.img").add(partition + "/two.img")
    host.add(partition + "/loader/entries/x.conf", f"linux {written}\ninitrd /one.img\ninitrd /two.img $tuned_initrd\n")
    assert only(host).image == partition + "/vmlinuz-7.3.4"
    assert only(host).initrds == (partition + "/one.img", partition + "/two.img")


@pytest.mark.parametrize(
    ("script", "more"),
    [
        ("", []),
        ('set tuned_params="x"\nset tuned_initrd=""\n', []),
        ('set tuned_initrd="/tuned-initrd.img"\n', ["/boot/tuned-initrd.img"]),
        ("set tuned_initrd=/a\nset tuned_initrd=/tuned-initrd.img\n", ["/boot/tuned-initrd.img"]),
        ("set tuned_initrd=$x\n", []),
    ],
)
def test_the_initrd_of_tuned(host, script, more):
    host.add("/boot/vmlinuz-7.3.4").add("/boot/one.img").add("/boot/tuned-initrd.img")
    host.add("/boot/loader/entries/x.conf", "linux /vmlinuz-7.3.4\ninitrd /one.img $tuned_initrd\n")
    host.add("/boot/grub2/grub.cfg", script + "blscfg\n")
    assert only(host).initrds == ("/boot/one.img", *more)


def test_an_entry_on_the_esp_may_name_a_file_in_boot(host):
    host.add("/boot/vmlinuz-7.3.4").add("/efi/loader/entries/x.conf", "linux /vmlinuz-7.3.4\noptions quiet\n")
    assert (only(host).image, only(host).options) == ("/boot/vmlinuz-7.3.4", "quiet")


@pytest.mark.parametrize(
    ("linux", "version", "release"),
    [
        ("/x/linux", "7.3.4", "7.3.4"),
        ("/x/linux-0123abc", "42@7.3.4-1-default", "7.3.4-1-default"),
        ("/vmlinuz-7.3.4", "", "7.3.4"),
        ("/vmlinuz-7.3.4", "Debian 14", "7.3.4"),
        ("/ostree/fedora-coreos-0123abc/vmlinuz-7.3.4-200.fc45.x86_64", "1", "7.3.4-200.fc45.x86_64"),
        ("/opensuse/7.3.4-1-default/linux-0123abc", "x", "7.3.4-1-default"),
    ],
)
def test_release_of_an_entry(host, linux, version, release):
    host.add("/efi" + linux).add("/efi/loader/entries/x.conf", f"version {version}\nlinux {linux}\n")
    assert found(host) == [(release, None)]


@pytest.mark.parametrize(
    "linux", ["/../etc/shadow", "/x/../../etc/shadow", "/missing", "/" + "x/" * 600, "/\x1b", "/{{x}}"]
)
def test_entries_whose_image_is_not_there(host, linux):
    host.add("/etc/shadow").add("/boot/loader/entries/x.conf", f"version 7.3.4\nlinux {linux}\n")
    assert found(host) == [("7.3.4", "no_image")]
    message = only(host).obstacle.message
    assert message.isprintable()
    assert "{{" not in message + json.dumps(only(host).as_dict())


def test_the_initrd_of_a_name_helps_out(host):
    host.add("/boot/vmlinuz-7.3.4").add("/boot/initrd.img-7.3.4").add("/boot/ucode.img")
    host.add("/boot/loader/entries/x.conf", "linux /vmlinuz-7.3.4\ninitrd /ucode.img\ninitrd /missing.img\n")
    assert only(host).initrds == ("/boot/initrd.img-7.3.4",)


def test_the_entry_of_the_capture_kernel_is_none_of_the_images(host):
    host.add("/boot/vmlinuz-7.3.4").add("/boot/initramfs-7.3.4.img").add("/boot/initramfs-7.3.4kdump.img")
    host.add("/boot/loader/entries/x.conf", "linux /vmlinuz-7.3.4\ninitrd /initramfs-7.3.4kdump.img\noptions irqpoll\n")
    assert (only(host).initrds, only(host).options) == (("/boot/initramfs-7.3.4.img",), None)


def test_a_capture_kernel_of_its_own(host):
    host.add("/boot/x/linux").add("/boot/initrd-7.3.4-kdump")
    host.add("/boot/loader/entries/x.conf", "version 7.3.4\nlinux /x/linux\ninitrd /initrd-7.3.4-kdump\n")
    assert found(host) == [("7.3.4", "leftover")]


def test_entries_that_cannot_be_read(host):
    host.add("/boot/loader/entries/x.conf", "linux /vmlinuz-7.3.4\n" + "#" * (1 << 17))
    host.add("/boot/loader/entries/y.conf", b"\xff\0\n").add("/boot/loader/entries/z.txt", "linux /vmlinuz-7.3.4\n")
    host.add("/boot/grub/grub.cfg", b"#" * (5 << 20))
    assert find_candidates(host) == ()


@pytest.mark.parametrize(
    ("name", "release"),
    [
        ("7.3.4.efi", "7.3.4"),
        ("7.3.4+3-1.efi", "7.3.4"),
        ("7.3.4+deb14-amd64+3.EFI", "7.3.4+deb14-amd64"),
        ("4f7a0d2f6c0e4f0e9a35cbb0ad4a7d5e-7.3.4-1.fc45.x86_64.efi", "7.3.4-1.fc45.x86_64"),
        ("fedora-7.3.4.efi", "7.3.4"),
        ("arch-linux.efi", None),
        ("linux-7.efi", None),
        ("7.3.4 x.efi", None),
    ],
)
def test_names_of_unified_kernel_images(host, name, release):
    path = "/boot/efi/EFI/Linux/" + name
    host.add(path)
    assert found(host) == [(release, None) if release else (path, "release_not_named")]
    assert (only(host).uki, only(host).found_in) == (True, ("bls:" + path,))


@pytest.mark.parametrize(
    "written", ["/boot/vmlinuz-7.3.4", "/vmlinuz-7.3.4", "/@/boot/vmlinuz-7.3.4", "/ROOT/debian@/boot/vmlinuz-7.3.4"]
)
def test_places_of_boot_in_grub(host, written):
    host.add("/boot/vmlinuz-7.3.4").add("/boot/grub2/grub.cfg", f"menuentry 'x' {{\n\tlinux {written} quiet\n}}\n")
    assert (only(host).found_in, only(host).options) == (("boot", "grub:/boot/grub2/grub.cfg"), "quiet")


MOUNTS = """\
22 1 0:20 {root} / rw,relatime shared:1 - {kind} {pool} rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:22 {boot} /boot rw - {kind} {source} rw
25 22 0:22 /@old /mnt rw - btrfs /dev/vda2 rw
broken
"""
ZFS = MOUNTS.format(root="/", kind="zfs", pool="rpool/ROOT/u_1", boot="/", source="bpool/BOOT/u_1")
ONE_POOL = MOUNTS.format(root="/", kind="zfs", pool="rpool", boot="/", source="bpool")
BTRFS = MOUNTS.format(root="/@", kind="btrfs", pool="/dev/vda2", boot="/@boot", source="/dev/vda2")


@pytest.mark.parametrize(
    ("mounts", "written"),
    [
        (None, "/BOOT/u_1@/vmlinuz-7.3.4"),
        (None, "/@boot/vmlinuz-7.3.4"),
        (ZFS, "/BOOT/u_1@/vmlinuz-7.3.4"),
        (ZFS, "/BOOT/u_1@//vmlinuz-7.3.4"),
        (ZFS, "/ROOT/u_1@/boot/vmlinuz-7.3.4"),
        (ZFS, "/vmlinuz-7.3.4"),
        (ONE_POOL, "/@/vmlinuz-7.3.4"),
        (ONE_POOL, "/@/boot/vmlinuz-7.3.4"),
        (BTRFS, "/@boot/vmlinuz-7.3.4"),
        (BTRFS, "/@/boot/vmlinuz-7.3.4"),
    ],
)
def test_a_file_is_where_its_file_system_is_mounted(host, mounts, written):
    host.add("/boot/vmlinuz-7.3.4").add("/boot/initrd.img-7.3.4")
    initrd = written.replace("vmlinuz", "initrd.img")
    host.add("/boot/grub/grub.cfg", f'menuentry "x" {{\n linux "{written}" quiet\n initrd "{initrd}"\n}}\n')
    if mounts is not None:
        host.add("/proc/self/mountinfo", mounts)
    assert (only(host).found_in, only(host).options) == (("boot", "grub:/boot/grub/grub.cfg"), "quiet")
    assert only(host).initrds == ("/boot/initrd.img-7.3.4",)


@pytest.mark.parametrize(
    ("mounts", "written"),
    [
        (ZFS, "/BOOT/u_2@/vmlinuz-7.3.4"),
        (ZFS, "/BOOT/u_1@before/vmlinuz-7.3.4"),
        (ZFS, "/BOOT/u_1/vmlinuz-7.3.4"),
        (BTRFS, "/@old/boot/vmlinuz-7.3.4"),
        (BTRFS, "/@snapshots/1/boot/vmlinuz-7.3.4"),
        (BTRFS, "/@boot/../vmlinuz-7.3.4"),
    ],
)
def test_a_file_of_another_subvolume_is_not_that_of_this_system(host, mounts, written):
    host.add("/boot/vmlinuz-7.3.4").add("/proc/self/mountinfo", mounts)
    host.add("/boot/grub/grub.cfg", f'menuentry "x" {{\n linux "{written}" quiet\n}}\n')
    assert found(host) == [("7.3.4", None), ("7.3.4", "no_image")]


def test_what_starts_no_kernel_hides_no_entry(host):
    host.add("/boot/vmlinuz-7.3.4-generic")
    host.add(
        "/boot/grub/grub.cfg",
        """set default="${saved_entry}"
menuentry "Reboot" { reboot }
menuentry 'Ubuntu 7.3.4' --id gnulinux-7.3.4 {
  linux "/BOOT/ubuntu_x1@/vmlinuz-7.3.4-generic" root=ZFS="rpool/ROOT/ubuntu_x1" ro
}
menuentry "Off" { halt }
""",
    )
    assert only(host).found_in == ("boot", "grub:/boot/grub/grub.cfg")
    assert only(host).options == 'root=ZFS="rpool/ROOT/ubuntu_x1" ro'


@pytest.mark.parametrize(
    ("sections", "release"),
    [
        ({"uname": b"7.3.4-kho"}, "7.3.4-kho"),
        ({"uname": b"7.3.4-kho\n\0"}, "7.3.4-kho"),
        ({"uname": b"{{ x }}"}, "9.9.9"),
        ({"uname": b"7.3.4" * 100}, "9.9.9"),
        ({}, "9.9.9"),
    ],
)
def test_a_unified_kernel_image_says_its_release_itself(host, sections, release):
    host.add("/efi/EFI/Linux/liar-9.9.9.efi", uki(b"linux", **sections))
    assert found(host) == [(release, None)]


def test_a_unified_kernel_image_that_is_cut_off(host):
    host.add("/efi/EFI/Linux/7.3.4.efi", uki(b"linux" * 1000, uname=b"7.3.5")[:-2000])
    assert found(host) == [("7.3.4", None)]
