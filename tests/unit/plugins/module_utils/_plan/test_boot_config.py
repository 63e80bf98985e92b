# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose kernel has arguments of a boot configuration."""

from __future__ import annotations

import gzip

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.target import observe_situation
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.images import CONFIG as IKCONFIG
from ansible_collections.kho.kexec.tests.unit.support.images import kernel, uki, x86_image
from ansible_collections.kho.kexec.tests.unit.support.transitions import COMMAND_LINE, NEW, OLD, RUN, upgradable_host

IMAGE, INITRD = f"/boot/vmlinuz-{NEW}", f"/boot/initrd.img-{NEW}"
SHOWN = 'kernel.console = "ttyS0", "tty1"\nkernel.title = "a b"\ninit.splash = ""\n'
KERNEL, INIT = 'console=ttyS0 console=tty1 title="a b"', "splash"
ARCHIVE = b"an archive" + b"kernel.quiet\n" + b"\0" * 8 + b"#BOOTCONFIG\n"


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    root = upgradable_host(FakeRoot(tmp_path))
    root.add("/proc/bootconfig", SHOWN).add("/proc/cmdline", f"{KERNEL} {COMMAND_LINE} bootconfig -- {INIT}\n")
    yield root
    root.assert_nothing_left()


def situation_of(host):
    host.expect_run(["kexec", "--version"], stdout="kexec-tools 2.0.29\n")
    return observe_situation(host, Policy(release=NEW), RUN, remember=False)


def codes(seen):
    return [note.code for note in decide(seen).warnings]


def test_a_target_with_a_boot_configuration_adds_its_own(host):
    seen = situation_of(host.add(INITRD, ARCHIVE))
    assert (seen.target.command_line, codes(seen)) == (f"{COMMAND_LINE} bootconfig", [])


def test_so_does_one_with_a_boot_configuration_built_in(host):
    host.remove(f"/boot/config-{NEW}")
    host.add(IMAGE, x86_image(kernel(config=IKCONFIG + b"CONFIG_BOOT_CONFIG_EMBED=y\n")))
    assert situation_of(host).target.command_line == f"{COMMAND_LINE} bootconfig"


@pytest.mark.parametrize("archive", [b"an archive", ARCHIVE + b"and another"])
def test_a_target_without_one_would_miss_them(host, archive):
    seen = situation_of(host.add(INITRD, archive))
    assert seen.target.command_line == f"{KERNEL} {COMMAND_LINE} bootconfig -- {INIT}"
    assert codes(seen) == []


@pytest.mark.parametrize(("archive", "keeps"), [(ARCHIVE, False), (b"an archive" + bytes(40), True)])
def test_the_initrd_of_a_unified_kernel_image(host, archive, keeps):
    host.remove(IMAGE)
    host.add(f"/efi/EFI/Linux/{NEW}.efi", uki(x86_image(kernel()), initrd=archive, uname=NEW.encode()))
    assert (KERNEL in situation_of(host).target.command_line) is keeps


def test_handovers_do_not_make_the_line_longer(host):
    """With what the kernels add themselves, too, which the kernel has before it knows of a boot configuration."""
    own = "ro net.ifnames=0"
    host.add("/proc/config.gz", gzip.compress(f'CONFIG_KEXEC_HANDOVER=y\nCONFIG_CMDLINE="{own}"\n'.encode()))
    host.add(INITRD, ARCHIVE)
    given = f"{COMMAND_LINE} bootconfig -- mine"
    for _handover in range(3):
        before, after = given.split(" -- ")
        host.add("/proc/cmdline", f"{KERNEL} {own} {before} -- {INIT} {after}\n")
        assert situation_of(host).target.command_line == given
    host.add("/proc/cmdline", f"{KERNEL} {own} {KERNEL} {own} {before} -- {INIT} {INIT} {after}\n")
    assert situation_of(host).target.command_line == given


@pytest.mark.parametrize("shown", ["kernel.damaged", SHOWN + 'kernel.later = "1"\n', 'init.mine = ""\n'])
def test_what_was_added_and_cannot_be_told_apart(host, shown):
    host.add(INITRD, ARCHIVE).add("/proc/bootconfig", shown)
    seen = situation_of(host)
    assert seen.target.command_line == f"{KERNEL} {COMMAND_LINE} bootconfig -- {INIT}"
    assert codes(seen) == ["boot_config_unclear"]
    assert "/proc/bootconfig" in decide(seen).warnings[0].message


def test_a_file_that_may_not_be_read(host):
    assert codes(situation_of(host.deny("/proc/bootconfig"))) == ["boot_config_unclear"]


@pytest.mark.parametrize("shown", [None, "", "# Parameters from bootloader:\n# root=/dev/vda\n"])
def test_a_host_without_a_boot_configuration(host, shown):
    host.remove("/proc/bootconfig")
    if shown is not None:
        host.add("/proc/bootconfig", shown)
    host.add("/proc/cmdline", COMMAND_LINE + "\n").add(INITRD, ARCHIVE)
    seen = situation_of(host)
    assert (seen.target.command_line, codes(seen)) == (COMMAND_LINE, [])


def test_an_initrd_that_cannot_be_read_is_said_elsewhere(host):
    host.add("/proc/cmdline", f"{KERNEL} {COMMAND_LINE} -- {INIT}\n").deny(INITRD)
    seen = situation_of(host)
    assert (seen.running.release, KERNEL in seen.target.command_line) == (OLD, True)
