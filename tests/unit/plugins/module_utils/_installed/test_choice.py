# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the installed kernels is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate, find_candidates
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import choose, header_problem
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import is_release, release_key
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.images import kernel, uki, x86_image


def candidate(release, image=None, obstacle=None, **changes):
    note = Note(obstacle, "It is in the way.") if obstacle else None
    image = image or f"/boot/vmlinuz-{release}"
    return Candidate(release, image, False, (), None, None, ("boot",), None, note)._replace(**changes)


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
    assert choose([A, A._replace(image="/boot/Image-6.12.9"), B], "latest").chosen == B


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


# --- flavours


@pytest.mark.parametrize(
    ("running", "besides", "latest"),
    [
        ("7.3.4-1-generic", ["7.3.4-2-generic", "7.3.4-2-generic-64k"], "7.3.4-2-generic"),
        (
            "7.3.4+deb13-amd64",
            ["7.3.5+deb13-rt-amd64", "7.3.5+deb13-cloud-amd64", "7.3.5+deb13-amd64"],
            "7.3.5+deb13-amd64",
        ),
        ("6.1.0-31-amd64", ["6.12.43+deb13-amd64", "6.12.43+deb13-cloud-amd64"], "6.12.43+deb13-amd64"),
        ("6.6.51+rpt-rpi-v8", ["6.12.25+rpt-rpi-2712", "6.12.25+rpt-rpi-v8"], "6.12.25+rpt-rpi-v8"),
        (
            "7.3.4-1.el10.x86_64",
            ["7.3.4-2.el10.x86_64", "7.3.4-2.el10.x86_64+rt-debug", "7.3.4-2.el10.x86_64+64k-debug"],
            "7.3.4-2.el10.x86_64",
        ),
        (
            "7.3.4-1.el10.x86_64+rt",
            ["7.3.4-2.el10.x86_64", "7.3.4-2.el10.x86_64+rt", "7.3.4-2.el10.x86_64+rt-debug"],
            "7.3.4-2.el10.x86_64+rt",
        ),
        ("7.3.4-gentoo-x86_64", ["7.3.4-gentoo-r1-x86_64"], "7.3.4-gentoo-r1-x86_64"),
        ("7.3.4-cachyos", ["7.4.0-cachyos-lts"], "7.3.4-cachyos"),
        # liske/needrestart #316 and #111, raspberrypi/linux #4105, CroatianMeteorNetwork/RMS #943
        ("6.6.51+rpt-rpi-v6", ["6.6.51+rpt-rpi-v7", "6.6.51+rpt-rpi-v8"], "6.6.51+rpt-rpi-v6"),
        ("4.13.0-38-generic", ["4.15.0-15.1-liquorix-amd64"], "4.13.0-38-generic"),
        ("5.4.79-v7l+", ["5.4.83-v8+"], "5.4.79-v7l+"),
        ("6.1.0-rpi7-rpi-v8", ["6.1.0-rpi8-rpi-v8", "6.1.0-rpi9-rpi-2712"], "6.1.0-rpi8-rpi-v8"),
        ("6.11.5-arch1-1", ["6.11.6-arch1-1", "6.11.7-zen1-1-zen", "6.12.1-1-lts"], "6.11.6-arch1-1"),
    ],
)
def test_the_latest_is_of_the_running_flavour(running, besides, latest):
    choice = choose([candidate(release) for release in (running, *besides)], "latest", running)
    assert choice.chosen == candidate(latest)
    others = {rejected.candidate.release: rejected.code for rejected in choice.rejected}
    assert {others[release] for release in besides if release != latest} <= {"other_flavour"}


def test_what_was_passed_over_is_said():
    installed = [candidate(release) for release in ("7.3.4-cachyos", "7.4.0-cachyos-lts", "7.3.0-cachyos-lts")]
    choice = choose(installed, "latest", "7.3.4-cachyos")
    assert choice.passed_over.code == "newer_passed_over"
    assert "7.4.0-cachyos-lts is of the flavour cachyos-lts" in choice.passed_over.message
    assert "7.3.0" not in choice.passed_over.message
    assert choose(installed, "7.3.4-cachyos", "7.3.4-cachyos").passed_over is None
    assert choose(installed[::2], "latest", "7.3.4-cachyos").passed_over is None


def test_not_all_that_was_passed_over_is_listed():
    installed = [candidate("7.3.4-kho"), *(candidate(f"7.4.{number}-lts") for number in range(9))]
    assert "So were 6 more." in choose(installed, "latest", "7.3.4-kho").passed_over.message


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("7.3.4-2-generic-64k", "7.3.4-2-generic-64k"),
        ("*-generic-64k", "7.3.4-2-generic-64k"),
        ("7.3.*", "7.3.4-2-generic"),
        ("7.3.4-?-generic", "7.3.4-2-generic"),
        ("7.4.*", None),
        ("7.4.*-aws", "7.4.0-1-aws"),
    ],
)
def test_another_flavour_only_by_name(wanted, chosen):
    releases = ["7.3.4-1-generic", "7.3.4-2-generic", "7.3.4-2-generic-64k", "7.4.0-1-aws", "7.4.1"]
    choice = choose([candidate(release) for release in releases], wanted, "7.3.4-1-generic")
    assert (choice.chosen.release if choice.chosen else None) == chosen
    if not chosen:
        assert choice.refusal.code == "target_not_found"
        assert "7.4.0-1-aws is of the flavour aws" in choice.refusal.message


def test_the_running_kernel_may_not_be_installed_any_more():
    choice = choose([candidate("7.4.0-lts")], "latest", "7.3.4-kho")
    assert (choice.chosen, choice.refusal.code) == (None, "target_not_found")


# --- intact kernels


OLDER = candidate("7.2.13-kho", modules="/lib/modules/7.2.13-kho", initrds=("/boot/initrd.img-7.2.13-kho",))


@pytest.mark.parametrize(
    ("changes", "lack"),
    [({"modules": None}, "it has no modules"), ({"initrds": ()}, "it has no initrd")],
)
def test_a_kernel_that_lacks_what_its_siblings_have(changes, lack):
    whole = OLDER._replace(release="7.3.4-kho", image="/boot/vmlinuz-7.3.4-kho")
    broken = whole._replace(**changes)
    choice = choose([broken, OLDER], "latest", OLDER.release)
    assert (choice.chosen, [rejected.code for rejected in choice.rejected]) == (OLDER, ["incomplete"])
    assert lack in choice.passed_over.message
    # As the running kernel, or where it is named, or when no sibling has more, it is taken as it is.
    assert choose([broken, OLDER], "latest", broken.release).chosen == broken
    assert choose([broken, OLDER], broken.release, OLDER.release).chosen == broken
    assert choose([broken, OLDER._replace(**changes)], "latest", OLDER.release).chosen == broken
    assert choose([broken, OLDER._replace(release="7.2.13-lts")], "latest", "7.2.13-kho").chosen == broken


def test_where_none_is_intact_the_newest_is_meant():
    installed = [candidate("7.3.4-kho"), candidate("7.2.13-kho")]
    choice = choose(installed, "latest", "7.1.0-kho", lambda _candidate: "its image is damaged")
    assert (choice.chosen, [rejected.code for rejected in choice.rejected]) == (installed[0], ["not_latest"])


RELEASE = "7.3.4-kho"


@pytest.fixture
def boot(tmp_path):
    """A host with one whole kernel, and what lies beside it."""
    host = FakeRoot(tmp_path)
    image = x86_image(kernel())
    host.add(f"/boot/vmlinuz-{RELEASE}", image).add(f"/boot/initrd.img-{RELEASE}", b"initrd")
    host.add(f"/lib/modules/{RELEASE}/modules.dep", b"")
    for suffix in ("-old", ".old", ".new", ".unsigned", ".sha256", ".sha512sum", ".asc"):
        host.add(f"/boot/vmlinuz-{RELEASE}{suffix}", image + suffix.encode())
    return host


def latest(host, running=RELEASE):
    return choose(find_candidates(host), "latest", running, header_problem(host))


@pytest.mark.parametrize("running", [RELEASE, "7.2.13-kho"])
@pytest.mark.parametrize("release", [RELEASE, "7.2.13-kho", "7.5.0"])
def test_what_lies_beside_an_intact_kernel_is_not_taken(boot, running, release):
    named = f"/efi/EFI/Linux/linux-{RELEASE}-" + "0123456789abcdef" * 2 + ".efi"
    boot.add(named, uki(x86_image(kernel(release), release=release.encode())))
    choice = latest(boot, running)
    assert choice.refusal is None
    assert (choice.chosen.release, choice.chosen.image) == (RELEASE, f"/boot/vmlinuz-{RELEASE}")


def test_a_unified_kernel_image_that_is_alone_is_known_by_its_release(tmp_path):
    named = f"/efi/EFI/Linux/linux-{RELEASE}-" + "0123456789abcdef" * 2 + ".efi"
    host = FakeRoot(tmp_path).add(named, uki(x86_image(kernel())))
    assert (latest(host).chosen.release, latest(host).chosen.only_named) == (RELEASE, True)


@pytest.mark.parametrize(
    ("content", "says"), [(b"text", "cannot be read as a kernel"), (x86_image(kernel()), f"holds {RELEASE}")]
)
def test_an_image_that_is_not_what_its_name_promises(boot, content, says):
    boot.add("/boot/vmlinuz-7.3.5-kho", content).add("/boot/initrd.img-7.3.5-kho", b"initrd")
    boot.add("/lib/modules/7.3.5-kho/modules.dep", b"")
    choice = latest(boot)
    assert choice.chosen.release == RELEASE
    assert says in choice.passed_over.message


def test_an_initrd_and_a_directory_that_is_no_release_are_no_kernels(tmp_path):
    """As in liske/needrestart #49 and CroatianMeteorNetwork/RMS #943."""
    release = "4.8.5-un-def-alt1"
    host = FakeRoot(tmp_path).add(f"/boot/vmlinuz-{release}", x86_image(kernel(release), release=release.encode()))
    host.add(f"/boot/initrd-{release}.img", b"").add(f"/lib/modules/{release}/modules.dep", b"")
    host.add("/lib/modules/kernel/modules.dep", b"")
    choice = latest(host, release)
    assert (choice.chosen.release, choice.chosen.initrds, choice.rejected) == (
        release,
        (f"/boot/initrd-{release}.img",),
        (),
    )


def test_of_two_unified_kernel_images_the_newer_is_taken(tmp_path):
    """As in siderolabs/talos #10577."""
    host = FakeRoot(tmp_path)
    for release in ("6.12.20-talos", "6.12.25-talos"):
        image = uki(x86_image(kernel(release), release=release.encode()), uname=release.encode())
        host.add(f"/efi/EFI/Linux/Talos-{release}.efi", image)
    assert latest(host, "6.12.20-talos").chosen.release == "6.12.25-talos"
