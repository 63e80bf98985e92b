# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is loaded is what was read, in the shape that kexec takes."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.target import observe_situation
from ansible_collections.kho.kexec.plugins.module_utils._transition.load import DIRECTORY, concatenate, load_target
from ansible_collections.kho.kexec.tests.unit.support.images import kernel, uki, x86_image
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import KexecHost
from ansible_collections.kho.kexec.tests.unit.support.transitions import COMMAND_LINE, NEW, RUN, upgradable_host

IMAGE, INITRD = f"/boot/vmlinuz-{NEW}", f"/boot/initrd.img-{NEW}"
KEXEC = f"kexec -s -l {IMAGE} --initrd={INITRD} --command-line={COMMAND_LINE}"
MADE_KERNEL, MADE_INITRD = f"{DIRECTORY}/linux", f"{DIRECTORY}/initrd"


class WatchedHost(KexecHost):
    """Keeps what kexec is given, and does something before it."""

    def __init__(self, root):
        super().__init__(root)
        self.given = {}
        self.before_kexec = lambda: None

    def run(self, argv, timeout=60.0):
        if list(argv[:3]) == ["kexec", "-s", "-l"]:
            paths = [argv[3], *(word.partition("=")[2] for word in argv if word.startswith("--initrd="))]
            self.given = {path: self.read_bytes(path, 1 << 28) for path in paths}
            self.before_kexec()
        return super().run(argv, timeout)


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    return upgradable_host(WatchedHost(tmp_path))


def observed(host):
    target = observe_situation(host, Policy(), RUN, remember=False).target
    host.steps.clear()
    return target


def test_an_ordinary_kernel_is_loaded_where_it_is(host):
    load_target(host, observed(host))
    assert (host.steps, host.is_loaded) == ([KEXEC], True)


def test_a_unified_kernel_image_is_taken_apart_for_as_long_as_it_is_needed(host):
    host.remove(IMAGE)
    linux = x86_image(kernel())
    host.add(f"/efi/EFI/Linux/{NEW}.efi", uki(linux, initrd=b"an archive", uname=NEW.encode()))
    load_target(host, observed(host))
    assert host.given == {MADE_KERNEL: linux, MADE_INITRD: b"an archive\0\0"}
    assert not host.exists(MADE_KERNEL)
    assert not host.exists(MADE_INITRD)
    assert (host.root / DIRECTORY.lstrip("/")).stat().st_mode & 0o777 == 0o700


def test_a_unified_kernel_image_without_initrd(host):
    host.remove(IMAGE)
    linux = x86_image(kernel())
    host.add(f"/efi/EFI/Linux/{NEW}.efi", uki(linux, uname=NEW.encode()))
    load_target(host, observed(host))
    assert host.given == {MADE_KERNEL: linux}
    assert f"kexec -s -l {MADE_KERNEL} --command-line={COMMAND_LINE}" in host.steps


def test_several_initrds_become_one_in_their_order(host):
    host.add("/boot/microcode.img", b"first")
    target, initrds = observed(host), ("/boot/microcode.img", INITRD)
    files = tuple((path, host.identity(path)) for path in (IMAGE, *initrds))
    load_target(host, target._replace(candidate=target.candidate._replace(initrds=initrds), files=files))
    assert host.given == {IMAGE: host.read_bytes(IMAGE, 1 << 28), MADE_INITRD: b"first\0\0\0an initrd\0\0\0"}
    assert not host.exists(MADE_INITRD)


def test_what_was_made_is_removed_also_when_loading_fails(host):
    host.remove(IMAGE)
    host.add(f"/efi/EFI/Linux/{NEW}.efi", uki(x86_image(kernel()), initrd=b"an archive", uname=NEW.encode()))
    host.endings["kexec -s -l"] = Completed(255, "", "kexec_file_load failed: Operation not permitted\n")
    with pytest.raises(KhoError, match="kernel forbids it"):
        load_target(host, observed(host))
    assert not host.exists(MADE_KERNEL)


@pytest.mark.parametrize("path", [IMAGE, INITRD])
def test_what_changed_after_it_was_read_is_not_loaded(host, path):
    target = observed(host)
    host.add(path, host.read_bytes(path, 1 << 28) + b"more")
    with pytest.raises(Refusal, match=path) as caught:
        load_target(host, target)
    assert (caught.value.code, host.steps) == ("image_changed", [])


@pytest.mark.parametrize("path", [IMAGE, INITRD])
def test_what_changed_while_it_was_loaded_is_unloaded(host, path):
    target = observed(host)
    host.before_kexec = lambda: os.utime(host.root / path.lstrip("/"), (1, 1))
    with pytest.raises(Refusal) as caught:
        load_target(host, target)
    assert (caught.value.code, host.steps, host.is_loaded) == ("image_changed", [KEXEC, "kexec -s -u"], False)


def test_what_is_gone_is_not_loaded(host):
    target = observed(host)
    host.remove(INITRD)
    host.steps.clear()
    with pytest.raises(HostError, match="does not exist"):
        load_target(host, target)
    assert host.steps == []


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=5))
def test_each_archive_begins_where_the_kernel_looks_for_it(archives):
    whole, at = concatenate(archives), 0
    for archive in archives:
        assert whole[at : at + len(archive)] == archive
        at += -(-len(archive) // 4) * 4
    assert at == len(whole)
