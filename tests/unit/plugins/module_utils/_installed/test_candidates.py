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

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate, choose, find_candidates
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import is_release, release_key
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
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
