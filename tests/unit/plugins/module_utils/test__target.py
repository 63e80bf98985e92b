# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing the host and its kernels on files as a Debian guest has them."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._kernel_image import ImageHeader
from ansible_collections.kho.kexec.plugins.module_utils._plan import decide
from ansible_collections.kho.kexec.plugins.module_utils._situation import Policy
from ansible_collections.kho.kexec.plugins.module_utils._target import (
    installed_releases,
    observe_site,
    observe_situation,
    observe_target,
)
from ansible_collections.kho.kexec.plugins.module_utils._transition import RECORD_PATH, write_transition
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.kernels import metadata
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    COMMAND_LINE,
    KHO_CONFIG,
    NEW,
    OLD,
    bzimage,
    running,
    site,
    situation,
    target,
    transition,
    upgradable_host,
)

VERSION = ["kexec", "--version"]
IMAGE, INITRD, CONFIG = f"/boot/vmlinuz-{NEW}", f"/boot/initrd.img-{NEW}", f"/boot/config-{NEW}"


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    root = upgradable_host(FakeRoot(tmp_path))
    yield root
    root.assert_nothing_left()


def observed(host):
    return observe_target(host, NEW, running(), COMMAND_LINE)


def replace(host, path, content):
    if content is None:
        host.remove(path)
    else:
        host.add(path, content)


def test_a_whole_host_is_what_the_plan_is_tested_with(host):
    write_transition(host, transition("closed"))
    host.expect_run(VERSION, stdout="kexec-tools 2.0.29\n")
    seen = observe_situation(host, Policy())
    assert seen.site == site(command_line="BOOT_IMAGE=/boot/vmlinuz " + COMMAND_LINE + "\n")
    assert seen.target == target(needs_modules=False)
    assert seen == situation(running=seen.running, target=seen.target, transition=transition("closed"))
    assert (seen.running.release, seen.running.boot) == (OLD, "cold")
    assert decide(seen).action == "handover"


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
        releases=(),
        command_line="",
    )


def test_kexec_that_does_not_run(host):
    host.expect_run(VERSION, rc=127)
    assert observe_site(host).tools_problem == "'kexec --version' ended with exit code 127."


def test_only_images_of_releases_count(host):
    for name in ("vmlinuz", "vmlinuz.old", "vmlinuz-7.3.9.old", "vmlinuz-7.3.9.dpkg-new", "vmlinuz-", "config-9.9.9",
                 "vmlinuz-7.3~rc7-amd64", "xvmlinuz-9.9.9", "vmlinuz-latest"):  # fmt: skip
        host.add("/boot/" + name)
    assert set(installed_releases(host)) == {OLD, NEW, "7.3~rc7-amd64"}


@pytest.mark.parametrize("name", ["/boot/initramfs-{}.img", "/boot/initrd-{}", "/boot/initrd.img-{}"])
def test_names_of_the_initrd(host, name):
    host.remove(INITRD)
    host.add(name.format(NEW), b"an initrd")
    assert observed(host).initrd == name.format(NEW)


@pytest.mark.parametrize(
    ("config", "other_initrd", "other_image", "needed"),
    [
        (KHO_CONFIG, True, True, True),
        (KHO_CONFIG, False, True, False),
        (KHO_CONFIG, False, False, True),
        (KHO_CONFIG.replace("CONFIG_BLK_DEV_INITRD=y", "# CONFIG_BLK_DEV_INITRD is not set"), True, True, False),
        (None, True, True, True),
        (None, False, True, False),
    ],
)
def test_who_needs_an_initrd(host, config, other_initrd, other_image, needed):
    host.remove(INITRD)
    replace(host, CONFIG, config)
    if not other_initrd:
        host.remove(f"/boot/initrd.img-{OLD}")
    if not other_image:
        host.remove(f"/boot/vmlinuz-{OLD}")
    seen = observed(host)
    assert (seen.initrd, seen.needs_initrd) == (None, needed)


@pytest.mark.parametrize(
    ("config", "kho_built", "needs_modules"),
    [
        (KHO_CONFIG, True, False),
        (KHO_CONFIG + "CONFIG_XFS_FS=m\n", True, True),
        (KHO_CONFIG.replace("CONFIG_KEXEC_HANDOVER=y", "# CONFIG_KEXEC_HANDOVER is not set"), False, False),
        (KHO_CONFIG.replace("CONFIG_KEXEC_HANDOVER=y\n", ""), False, False),
        (KHO_CONFIG + '# CONFIG_X=m\nCONFIG_Y="=m"\n', True, False),
        ("no config at all\n", None, True),
        (None, None, True),
    ],
)
def test_what_the_config_says(host, config, kho_built, needs_modules):
    replace(host, CONFIG, config)
    seen = observed(host)
    assert (seen.kho_built, seen.needs_modules) == (kho_built, needs_modules)


def test_the_config_may_lie_with_the_modules(host):
    host.remove(CONFIG)
    host.add(f"/usr/lib/modules/{NEW}/config", KHO_CONFIG + "CONFIG_XFS_FS=m\n")
    assert (observed(host).kho_built, observed(host).needs_modules) == (True, True)


def test_modules_are_there_when_depmod_was_run(host):
    host.remove(f"/lib/modules/{NEW}/modules.dep")
    assert observed(host).has_modules is False


@pytest.mark.parametrize(
    ("content", "header", "problem"),
    [
        (bzimage(load_flags=0), ImageHeader("i686", NEW, 2047), None),
        (bzimage() + bytes(1 << 20), ImageHeader("x86_64", NEW, 2047), None),
        (b"text", None, "it is no bzImage"),
        (None, None, f"{IMAGE} does not exist"),
    ],
)
def test_the_header_or_why_it_cannot_be_read(host, content, header, problem):
    replace(host, IMAGE, content)
    seen = observed(host)
    assert seen.header == header
    assert (seen.image_problem is None) == (problem is None)
    assert (seen.image_problem or "").startswith(problem or "")


@pytest.mark.parametrize(
    ("path", "uid", "gid", "mode", "safe"),
    [
        (IMAGE, 0, 0, 0o600, True),
        (IMAGE, 0, 0, 0o664, True),
        (IMAGE, 0, 5, 0o644, True),
        (IMAGE, 0, 5, 0o664, False),
        (IMAGE, 0, 0, 0o646, False),
        (IMAGE, 1000, 0, 0o600, False),
        (INITRD, 0, 0, 0o666, False),
        ("/boot", 0, 0, 0o1777, False),
        ("/boot", 0, 5, 0o775, False),
        ("/", 1000, 0, 0o755, False),
        (CONFIG, 1000, 1000, 0o777, True),
    ],
)
def test_who_may_write_what_will_be_started(host, path, uid, gid, mode, safe):
    host.own(path, uid, gid)
    (host.root / path.lstrip("/")).chmod(mode)
    assert observed(host).unsafe == (() if safe else (path,))


def test_links_are_followed_to_what_they_mean(host):
    host.remove(IMAGE)
    host.add(f"/srv/kernels/{NEW}", bzimage()).link(IMAGE, f"/srv/kernels/{NEW}")
    assert observed(host).unsafe == ()
    (host.root / "srv/kernels").chmod(0o777)
    assert observed(host).unsafe == ("/srv/kernels",)


def test_what_nobody_can_tell_the_owner_of_is_not_safe(host):
    host.remove(IMAGE)
    assert observed(host).unsafe == (IMAGE,)


def test_without_root_the_record_is_not_looked_at(host):
    host.add("/proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n").add(RECORD_PATH, "broken").expect_run(VERSION)
    seen = observe_situation(host, Policy())
    assert [note.code for note in decide(seen).reasons] == ["not_root"]


def test_a_broken_record_is_refused_with_what_was_found(host):
    host.add(RECORD_PATH, "broken").expect_run(VERSION)
    with pytest.raises(Refusal) as caught:
        observe_situation(host, Policy())
    assert caught.value.code == "record_unreadable"
    assert caught.value.findings["running"]["release"] == OLD


def test_a_release_that_is_not_installed_is_no_target(host):
    host.expect_run(VERSION)
    seen = observe_situation(host, Policy("7.9.9"))
    assert (seen.target, decide(seen).reasons[0].code) == (None, "target_not_found")


def test_the_promise_is_read_from_the_kernel(host):
    host.add("/sys/kernel/debug/kho/out/sub_fdts/kexec-metadata", metadata(OLD.encode(), 9)).expect_run(VERSION)
    promise = decide(observe_situation(host, Policy())).promise
    assert (promise.previous_release, promise.kexec_count, promise.abi) == (OLD, 9, "kho-v4")
