# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding kernels on hosts as distributions lay them out, and choosing one."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate, find_candidates
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import choose
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import is_release
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
