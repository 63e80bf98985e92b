# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding kernels on hosts as distributions lay them out, and choosing one."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._candidates import Candidate, choose, find_candidates
from ansible_collections.kho.kexec.plugins.module_utils._errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._releases import is_release, release_key
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.images import uki
from ansible_collections.kho.kexec.tests.unit.support.layouts import LAYOUTS, layout_host

NAMES = sorted(path.stem for path in LAYOUTS.glob("*.layout"))
LATEST_OF = {
    "arch": "6.12.10-arch1-1",
    "debian-13": "6.12.41+deb13-amd64",
    "debian-guest": "7.2.13-kho",
    "fedora-root": "6.12.0-0.rc7.20241113gitf1b785f4c787.62.fc42.x86_64",
    "rhel-9": "5.14.0-503.11.1.el9_5.x86_64",
    "sles-15": "6.4.0-150600.23.25-default",
    "systemd-boot": "6.12.11-amd64",
    "ubuntu-24.04": "6.8.0-100-generic",
}


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def found(host):
    """What was found, as release (or image) and obstacle."""
    return [
        (candidate.release or candidate.image, candidate.obstacle.code if candidate.obstacle else None)
        for candidate in find_candidates(host)
    ]


def only(host):
    (candidate,) = find_candidates(host)
    return candidate


def candidate(release, image=None, obstacle=None):
    note = Note(obstacle, "It is in the way.") if obstacle else None
    return Candidate(release, image or f"/boot/vmlinuz-{release}", False, (), None, None, ("boot",), None, note)


# --- whole hosts


@pytest.mark.parametrize("name", NAMES)
def test_layouts_of_distributions(tmp_path, name):
    expected = json.loads((LAYOUTS / (name + ".json")).read_text(encoding="utf-8"))
    candidates = find_candidates(layout_host(tmp_path, name))
    assert [
        {**candidate.as_dict(), "obstacle": candidate.obstacle.code if candidate.obstacle else None}
        for candidate in candidates
    ] == expected
    choice = choose(candidates, "latest")
    assert choice.chosen is not None
    assert choice.chosen.release == LATEST_OF[name]
    assert len(choice.rejected) == len(candidates) - 1


def test_a_host_without_any_kernel(host):
    assert find_candidates(host) == ()


def test_what_may_not_be_read_names_no_kernel(tmp_path):
    host = layout_host(tmp_path, "rhel-9").deny("/boot", "/usr/lib/modules", "/lib/modules")
    assert find_candidates(host) == ()


# --- /boot and /usr/lib/modules


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


# --- one image or several


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


# --- boot loader entries


@pytest.mark.parametrize("partition", ["/boot", "/efi", "/boot/efi"])
@pytest.mark.parametrize("written", ["/vmlinuz-7.3.4", "vmlinuz-7.3.4", "//vmlinuz-7.3.4"])
def test_paths_of_entries_begin_at_their_partition(host, partition, written):
    host.add(partition + "/vmlinuz-7.3.4").add(partition + "/one.img").add(partition + "/two.img")
    host.add(partition + "/loader/entries/x.conf", f"linux {written}\ninitrd /one.img\ninitrd /two.img $tuned_initrd\n")
    assert only(host).image == partition + "/vmlinuz-7.3.4"
    assert only(host).initrds == (partition + "/one.img", partition + "/two.img")


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


NAME = st.one_of(
    st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=20),
    st.sampled_from(["7.3.4", "7.3.4.old", "{{x}}", "0-rescue-1", "linux", "\x1b[2J", "x" * 100]),
).filter(lambda name: name not in (".", ".."))
LINE = st.builds(
    "{} {}".format,
    st.sampled_from(["linux", "initrd", "version", "options", "}", "menuentry 'x' {"]),
    st.one_of(NAME, st.builds("/{}".format, NAME), st.builds("/boot/vmlinuz-{}".format, NAME)),
)


@given(st.lists(NAME, max_size=4), st.lists(LINE, max_size=8).map("\n".join))
def test_whatever_lies_there_what_comes_out_can_be_shown(names, text):
    with tempfile.TemporaryDirectory() as folder:
        host = FakeRoot(Path(folder)).add("/boot/grub/grub.cfg", text).add("/boot/loader/entries/x.conf", text)
        for name in names:
            for path in ("/boot/vmlinuz-", "/usr/lib/modules/", "/efi/EFI/Linux/"):
                host.add(path + name + (".efi" if "EFI" in path else ""))
        candidates = find_candidates(host)
    shown = json.dumps([candidate.as_dict() for candidate in candidates], ensure_ascii=False)
    shown += "".join(candidate.obstacle.message for candidate in candidates if candidate.obstacle)
    assert shown.isascii()
    assert shown.isprintable()
    assert "{{" not in shown
    assert all(candidate.obstacle or is_release(candidate.release) for candidate in candidates)


# --- choosing

A, B, C = candidate("6.12.9"), candidate("6.12.10"), candidate("7.3~rc7")
OLD = candidate("", "/boot/vmlinuz-6.12.9.old", "leftover")


@pytest.mark.parametrize(
    ("wanted", "chosen", "codes"),
    [
        ("latest", C, ["not_latest", "not_latest", "leftover"]),
        ("6.12.9", A, ["not_wanted", "not_wanted", "leftover"]),
        ("6.12.*", B, ["not_latest", "not_wanted", "leftover"]),
        ("6.12.?", A, ["not_wanted", "not_wanted", "leftover"]),
        ("6.12.[0-9]*", B, ["not_latest", "not_wanted", "leftover"]),
        ("*", C, ["not_latest", "not_latest", "leftover"]),
    ],
)
def test_who_is_chosen_and_why_not_the_others(wanted, chosen, codes):
    choice = choose([C, A, B, OLD], wanted)
    assert (choice.chosen, choice.refusal) == (chosen, None)
    assert sorted(rejected.code for rejected in choice.rejected) == sorted(codes)
    assert all(rejected.message.endswith(".") for rejected in choice.rejected)
    assert {rejected.candidate for rejected in choice.rejected} == {A, B, C, OLD} - {chosen}


@pytest.mark.parametrize(
    ("wanted", "texts"),
    [
        ("6.12.11", ["No kernel 6.12.11 is installed", "Found: 7.3~rc7, 6.12.10, 6.12.9.", "Nearest: 6.12.10"]),
        ("6.13.*", ["No kernel 6.13.* is", "Found: "]),
        ("6.12.9.old", ["No kernel 6.12.9.old is"]),
        ("", ["No kernel "]),
        ("{{ x }}\n" * 100, ["No kernel ?{ x }}?"]),
    ],
)
def test_nothing_is_what_is_wanted(wanted, texts):
    choice = choose([C, B, A, OLD], wanted)
    assert (choice.chosen, choice.refusal.code) == (None, "target_not_found")
    assert [text for text in texts if text not in choice.refusal.message] == []
    assert {rejected.code for rejected in choice.rejected} == {"not_wanted", "leftover"}
    assert len(choice.refusal.message) < 1000
    assert choice.refusal.message.isprintable()


@pytest.mark.parametrize("wanted", ["latest", "7.3.4", "*"])
def test_no_kernel_at_all_or_none_that_can_be_started(wanted):
    assert "Found: nothing, in /boot" in choose([], wanted).refusal.message
    choice = choose([candidate("7.3.4", obstacle="no_image")], wanted)
    assert choice.refusal.code == "target_not_found"
    assert "It is in the way." in choice.refusal.message


def test_not_every_kernel_is_listed():
    message = choose([candidate(f"7.3.{number}") for number in range(30)], "6.1").refusal.message
    assert "7.3.9 and 20 more." in message


@pytest.mark.parametrize("wanted", ["latest", "7.3.4", "7.*"])
def test_two_images_of_one_release(wanted):
    twin = candidate("7.3.4", "/boot/Image-7.3.4")
    choice = choose([candidate("7.3.4"), twin, A], wanted)
    assert (choice.chosen, choice.refusal.code) == (None, "target_ambiguous")
    assert "/boot/vmlinuz-7.3.4 and /boot/Image-7.3.4" in choice.refusal.message
    assert sorted(rejected.code for rejected in choice.rejected)[1:] == ["target_ambiguous"] * 2


def test_two_images_of_a_release_that_is_not_wanted():
    assert choose([A, replace(A, image="/boot/Image-6.12.9"), B], "latest").chosen == B


def test_what_modules_return():
    (rejected,) = choose([A, B], "latest").rejected
    assert rejected.as_dict() == {
        "release": "6.12.9",
        "image": "/boot/vmlinuz-6.12.9",
        "code": "not_latest",
        "message": "6.12.9 is older than 6.12.10, and the newest is wanted.",
    }


RELEASES = st.from_regex(r"[0-9]{1,2}\.[0-9]{1,2}(\.[0-9]{1,2})?([~-]rc[0-9])?(-amd64)?", fullmatch=True).filter(
    is_release
)


@given(st.lists(RELEASES, unique=True), st.randoms())
def test_choosing_does_not_depend_on_the_order_and_loses_nobody(releases, chance):
    candidates = [candidate(release) for release in releases]
    chance.shuffle(candidates)
    choice = choose(candidates, "latest")
    newest = max(releases, key=release_key, default=None)
    assert (choice.chosen.release if choice.chosen else None) == newest
    assert len(choice.rejected) + (choice.chosen is not None) == len(releases)
    assert all(choose(candidates, release).chosen == candidate(release) for release in releases)
