# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing the target and everything else that a plan is made from."""

from __future__ import annotations

import gzip
import struct

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import find_candidates
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import choose
from ansible_collections.kho.kexec.plugins.module_utils._plan.command_line import CommandLineEdits
from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.target import observe_situation
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    RECORD_PATH,
    Left,
    Promise,
    write_transition,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.images import CONFIG as IKCONFIG
from ansible_collections.kho.kexec.tests.unit.support.images import INIT_SIZE, arm64_header, kernel, uki, x86_image
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID, metadata
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    COMMAND_LINE,
    KHO_CONFIG,
    NEW,
    OLD,
    RUN,
    install,
    site,
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


def situation_of(host, **policy):
    host.expect_run(VERSION, stdout="kexec-tools 2.0.29\n")
    return observe_situation(host, Policy(**policy), RUN, remember=False)


def observed(host):
    """The target as it is, whether or not it is whole."""
    return situation_of(host, release=NEW).target


def replace(host, path, content):
    if content is None:
        host.remove(path)
    else:
        host.add(path, content)


def test_a_whole_host(host):
    write_transition(host, transition("closed"))
    seen = situation_of(host)
    assert seen.site == site(command_line="BOOT_IMAGE=/boot/vmlinuz " + COMMAND_LINE + "\n")
    assert (seen.running.release, seen.running.boot, seen.transition) == (OLD, "cold", transition("closed"))
    assert seen.choice == choose(find_candidates(host), "latest")
    assert (seen.target.candidate, seen.target.release) == (seen.choice.chosen, NEW)
    assert [path for path, _identity in seen.target.files] == [IMAGE, INITRD]
    assert (seen.target.image.kho_abi, seen.target.image.init_size, seen.target.initrd_bytes) == (
        "kho-v4",
        INIT_SIZE,
        9,
    )
    assert (seen.target.command_line, seen.target.root.exists) == (COMMAND_LINE, True)
    plan = decide(seen)
    assert (plan.action, plan.warnings) == ("handover", ())


def test_the_shape_of_a_target(host):
    seen = observed(host)
    assert seen.as_dict() == {
        "release": NEW,
        "image": IMAGE,
        "uki": False,
        "initrds": [INITRD],
        "modules": f"/lib/modules/{NEW}",
        "found_in": ["boot", "modules"] if "modules" in seen.candidate.found_in else ["boot"],
        "command_line": COMMAND_LINE,
        "kernel": seen.image.as_dict(),
    }
    host.add(IMAGE, b"text")
    assert observed(host).as_dict()["kernel"] is None


def test_a_unified_kernel_image_brings_its_initrd(host):
    name = f"/efi/EFI/Linux/{NEW}.efi"
    host.remove(IMAGE)
    host.add(name, uki(x86_image(kernel()), initrd=b"an archive", uname=NEW.encode()))
    seen = observed(host)
    assert (seen.candidate.uki, seen.candidate.initrds, seen.has_initrd, seen.initrd_bytes) == (True, (), True, 10)
    assert decide(situation_of(host)).action == "handover"
    host.add(name, uki(x86_image(kernel()), uname=NEW.encode()))
    assert (observed(host).has_initrd, observed(host).initrd_bytes) == (False, 0)


def test_the_command_line_is_edited(host):
    edits = CommandLineEdits(append=("quiet",), replace={"panic": "30"}, remove=("console",))
    assert situation_of(host, edits=edits).target.command_line == "root=LABEL=root kho=on panic=30 quiet"


def test_an_edit_that_says_something_else_is_refused_with_what_was_found(host):
    with pytest.raises(Refusal) as caught:
        situation_of(host, edits=CommandLineEdits(append=("kho=off",)))
    assert caught.value.code == "command_line_edit_invalid"
    assert caught.value.findings["running"]["release"] == OLD


def test_a_root_device_that_is_not_there(host):
    host.remove("/dev/disk/by-label/root")
    host.add("/dev/disk/by-label/other")
    assert decide(situation_of(host)).reasons[0].code == "root_device_missing"


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
    assert (seen.has_initrd, seen.needs_initrd) == (False, needed)


@pytest.mark.parametrize(
    ("config", "needs_modules"),
    [
        (KHO_CONFIG, False),
        (KHO_CONFIG + "CONFIG_XFS_FS=m\n", True),
        (KHO_CONFIG + '# CONFIG_X=m\nCONFIG_Y="=m"\n', False),
        (None, True),
    ],
)
def test_who_needs_modules(host, config, needs_modules):
    replace(host, CONFIG, config)
    assert observed(host).needs_modules is needs_modules


def test_the_config_may_lie_with_the_modules(host):
    host.remove(CONFIG)
    host.add(f"/lib/modules/{NEW}/config", KHO_CONFIG + "CONFIG_XFS_FS=m\n")
    assert observed(host).needs_modules is True


def test_an_image_that_is_none(host):
    host.add(IMAGE, b"text")
    seen = observed(host)
    assert seen.image is None
    assert seen.image_problem.startswith("it is not a bzImage")


def test_a_target_that_takes_no_handover(host):
    install(host, NEW, abi="", luo="", metadata=False, config=None)
    host.remove(CONFIG)
    assert [note.code for note in decide(situation_of(host)).reasons] == ["target_without_kho"]


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
    host.add(f"/srv/kernels/{NEW}", x86_image(kernel())).link(IMAGE, f"/srv/kernels/{NEW}")
    assert observed(host).unsafe == ()
    (host.root / "srv/kernels").chmod(0o777)
    assert observed(host).unsafe == ("/srv/kernels",)


def test_without_root_the_record_is_not_looked_at(host):
    host.add("/proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n").add(RECORD_PATH, "broken")
    seen = situation_of(host)
    assert [note.code for note in decide(seen).reasons] == ["not_root"]
    assert (seen.choice.rejected, seen.target, IMAGE in host.reads) == ((), None, False)


def test_a_broken_record_is_refused_with_what_was_found(host):
    host.add(RECORD_PATH, "broken")
    with pytest.raises(Refusal) as caught:
        situation_of(host)
    assert caught.value.code == "record_unreadable"
    assert caught.value.findings["running"]["release"] == OLD


def test_a_release_that_is_not_installed_is_no_target(host):
    seen = situation_of(host, release="7.9.9")
    assert (seen.target, decide(seen).reasons[0].code) == (None, "target_not_found")


def test_the_promise_is_read_from_the_kernel(host):
    host.add("/sys/kernel/debug/kho/out/sub_fdts/kexec-metadata", metadata(OLD.encode(), 9))
    promise = decide(situation_of(host)).promise
    assert (promise.previous_release, promise.kexec_count, promise.abi) == (OLD, 9, "kho-v4")


@pytest.mark.parametrize(("live", "handlers"), [(True, ("memfd-v1",)), (False, None)])
def test_only_the_image_tells_what_the_running_kernel_hands_over(host, live, handlers):
    host.add(f"/boot/vmlinuz-{OLD}", x86_image(kernel(OLD) + b"memfd-v1\0", release=OLD.encode()))
    if live:
        host.add("/dev/liveupdate", "")
    assert situation_of(host).luo_handlers == handlers


def test_the_way_back_to_another_build_of_the_same_release(host):
    write_transition(host, transition("closed", left=Left(OLD, BOOT_ID, 0), promise=Promise(OLD, OLD, 1, "kho-v4")))
    plan = decide(situation_of(host, release="previous"))
    assert (plan.action, [note.code for note in plan.reasons]) == ("refuse", ["previous_replaced"])


def test_the_running_release_is_the_target_by_one_word(host):
    plan = decide(situation_of(host, release="running"))
    assert (plan.action, plan.promise.release, plan.promise.previous_release) == ("handover", OLD, OLD)
    assert [note.code for note in plan.reasons] == ["handover_promised", "running_again"]
    assert [note.code for note in decide(situation_of(host, release=OLD)).reasons] == ["already_running"]


def test_a_running_release_whose_files_are_gone_is_no_target(host):
    for path in (f"/boot/vmlinuz-{OLD}", f"/boot/initrd.img-{OLD}", f"/boot/config-{OLD}"):
        host.remove(path)
    seen = situation_of(host, release="running")
    assert (seen.target, decide(seen).reasons[0].code) == (None, "target_not_found")
    assert f"No kernel {OLD} is installed" in decide(seen).reasons[0].message


def test_pages_and_build_of_the_host_are_seen(host):
    host.add("/proc/version", "Linux version 7.2.13-kho (root@build) (gcc) #2 SMP\n")
    host.add("/proc/self/auxv", struct.pack("4L", 6, 16384, 0, 0))
    seen = situation_of(host)
    assert (seen.site.page_bytes, seen.site.build, seen.target.image.build) == (16384, "#2 SMP", "#1 SMP")


@pytest.mark.parametrize(("flags", "size"), [(2, 4096), (4, 16384), (6, 65536), (0, None)])
def test_pages_of_an_image_of_arm64(host, flags, size):
    host.add(IMAGE, arm64_header(flags=flags) + kernel())
    assert (observed(host).image.page_bytes, observed(host).image.build) == (size, "#1 SMP")


OWN = "console=ttyS1 quiet"


def with_own(host, *sources):
    """The running kernel and the target add OWN; these sources tell of the running one."""
    config = KHO_CONFIG + f'CONFIG_CMDLINE_BOOL=y\nCONFIG_CMDLINE="{OWN}"\n'
    host.add("/proc/cmdline", f"{OWN} {OWN} BOOT_IMAGE=/boot/vmlinuz {COMMAND_LINE}\n")
    host.remove(f"/boot/config-{OLD}")
    for path in sources:
        host.add(path, gzip.compress(config.encode()) if path.endswith(".gz") else config)
    return situation_of(host)


@pytest.mark.parametrize("source", ["/proc/config.gz", f"/boot/config-{OLD}", f"/usr/lib/modules/{OLD}/config"])
def test_what_the_running_kernel_adds_is_taken_out(host, source):
    seen = with_own(host, source)
    assert (seen.built_in, seen.target.command_line) == (OWN, COMMAND_LINE)


def test_what_the_target_adds_is_taken_out_too(host):
    host.remove(CONFIG)
    host.add(IMAGE, x86_image(kernel(config=IKCONFIG + f'CONFIG_CMDLINE="{OWN}"\n'.encode())))
    seen = with_own(host)
    assert (seen.built_in, seen.target.command_line) == ("", COMMAND_LINE)


def test_what_the_running_kernel_goes_by_alone_is_kept(host):
    host.add("/proc/config.gz", gzip.compress(f'CONFIG_CMDLINE="{COMMAND_LINE}"\nCONFIG_CMDLINE_OVERRIDE=y\n'.encode()))
    host.add("/proc/cmdline", COMMAND_LINE + "\n")
    seen = situation_of(host)
    assert (seen.built_in, seen.target.command_line) == ("", COMMAND_LINE)
