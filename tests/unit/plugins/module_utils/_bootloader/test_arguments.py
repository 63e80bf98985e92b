# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.arguments import keep_arguments
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import KERNEL_COMMAND_LINE
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.grub import DEBIANS_CONFIG as GRUB_CONFIG
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.grub import DROP_IN
from ansible_collections.kho.kexec.plugins.module_utils._host.access import STATUS
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.tests.unit.support.boot_loader_host import (
    BLS_ENTRY,
    IMAGE,
    LOADER_INFO,
    BootLoaderHost,
    GrubbyHost,
    GrubHost,
    SystemdBootHost,
)

WANTED = ["kho=on", "kho_scratch=16M,116M,36M"]


def keep(host, *arguments, state="present", check_mode=False):
    return keep_arguments(host, list(arguments), state, check_mode)


def refusal(host, *arguments, state="present"):
    with pytest.raises(Refusal) as caught:
        keep(host, *arguments, state=state)
    return caught.value


@pytest.mark.parametrize(
    ("make", "loader"), [(GrubHost, "grub"), (GrubbyHost, "grubby"), (SystemdBootHost, "systemd-boot")]
)
def test_arguments_come_and_go(tmp_path, make, loader):
    host = make(tmp_path)
    result = keep(host, *WANTED)
    assert result["changed"]
    assert (result["loader"], result["release"]) == (loader, "7.3.4")
    assert {"root=/dev/vda2", "ro", *WANTED} <= set(result["command_line"].split())
    assert result["diff"]["after"].splitlines() == result["command_line"].split()
    ran = len(host.commands)
    assert not keep(host, *WANTED)["changed"]
    assert len(host.commands) == ran
    result = keep(host, "kho", state="absent")
    assert result["changed"]
    assert "kho=on" not in result["command_line"]
    assert WANTED[1] in result["command_line"]
    assert not keep(host, "kho", state="absent")["changed"]


@pytest.mark.parametrize("make", [GrubHost, GrubbyHost, SystemdBootHost])
def test_check_mode_says_the_same_and_changes_nothing(tmp_path, make):
    host = make(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    checked = keep(host, *WANTED, check_mode=True)
    assert host.commands == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert checked["changed"]
    assert sorted(keep(host, *WANTED)["command_line"].split()) == sorted(checked["command_line"].split())


@pytest.mark.parametrize("make", [GrubHost, GrubbyHost, SystemdBootHost])
def test_a_tool_that_fails_leaves_everything_as_it_was(tmp_path, make):
    host = make(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    host.ending = Completed(1, "", "no space left\non device")
    refused = refusal(host, *WANTED)
    assert refused.code == "boot_loader_update_failed"
    assert "exit code 1 and said: no space left on device" in refused.message
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_another_value_stays_when_one_value_has_to_go(tmp_path):
    host = GrubHost(tmp_path, "panic=5")
    assert not keep(host, "panic=10", state="absent")["changed"]


def test_an_argument_without_value(tmp_path):
    host = GrubHost(tmp_path)
    assert not keep(host, "quiet")["changed"]
    assert keep(host, "nosmt")["changed"]


def test_a_grubby_that_loses_what_is_not_meant(tmp_path):
    host = GrubbyHost(tmp_path)
    before = host.read_text(BLS_ENTRY)
    host.forgets = "quiet"
    refused = refusal(host, *WANTED)
    assert refused.code == "kernel_arguments_not_effective"
    assert "lost quiet" in refused.message
    assert host.read_text(BLS_ENTRY) == before
    assert (tmp_path / BLS_ENTRY.lstrip("/")).stat().st_mode & 0o777 == 0o600


def test_a_host_that_was_moved_from_grub_to_systemd_boot(tmp_path):
    """GRUB's programs and menu are still there, and what they are told has no effect on any boot."""
    GrubHost(tmp_path)
    host = SystemdBootHost(tmp_path)
    menu = host.read_text(GRUB_CONFIG)
    result = keep(host, "kho=on")
    assert result["loader"] == "systemd-boot"
    assert result["command_line"] == "root=/dev/vda2 ro kho=on systemd.machine_id=abc"
    assert host.read_text(KERNEL_COMMAND_LINE) == "root=/dev/vda2 ro kho=on\n"
    assert not host.exists(DROP_IN)
    assert host.read_text(GRUB_CONFIG) == menu


@pytest.mark.parametrize("make", [GrubHost, GrubbyHost, SystemdBootHost])
def test_a_boot_loader_without_its_tool(tmp_path, make):
    host = make(tmp_path)
    for program in ("/usr/sbin/update-grub", "/usr/sbin/grubby", "/usr/bin/kernel-install"):
        host.remove(program)
    refused = refusal(host, "kho=on")
    assert refused.code == "boot_loader_unknown"
    assert host.commands == []


def test_a_systemd_boot_whose_firmware_says_nothing(tmp_path):
    GrubHost(tmp_path)
    host = SystemdBootHost(tmp_path).add("/boot/EFI/systemd/systemd-bootx64.efi")
    host.remove(LOADER_INFO)
    refused = refusal(host, "kho=on")
    assert refused.code == "boot_loader_unknown"
    assert "systemd-boot is installed" in refused.message


COMMENTED = """\
root=UUID=1 ro
# only for debugging:
  # init=/bin/sh systemd.unit=emergency.target
console=ttyS0 panic=5
"""


def test_comments_and_lines_of_the_file_of_kernel_install_stay(tmp_path):
    host = SystemdBootHost(tmp_path).add(KERNEL_COMMAND_LINE, COMMENTED)
    result = keep(host, "kho=on")
    assert host.read_text(KERNEL_COMMAND_LINE) == COMMENTED + "kho=on\n"
    assert result["command_line"] == "root=UUID=1 ro console=ttyS0 panic=5 kho=on systemd.machine_id=abc"
    keep(host, "panic=10")
    assert host.read_text(KERNEL_COMMAND_LINE) == COMMENTED.replace(" panic=5", "") + "kho=on\npanic=10\n"
    keep(host, "kho", "panic", state="absent")
    assert host.read_text(KERNEL_COMMAND_LINE) == COMMENTED.replace(" panic=5", "")
    assert not keep(host, "init=/bin/sh", state="absent")["changed"]


def test_an_old_kernel_install_that_takes_comments_for_arguments(tmp_path):
    commented = COMMENTED.replace("systemd.unit=emergency.target", "debug")
    host = SystemdBootHost(tmp_path).add(KERNEL_COMMAND_LINE, commented)
    host.reads_comments = True
    before = host.read_text(BLS_ENTRY)
    refused = refusal(host, "kho=on")
    assert refused.code == "kernel_arguments_not_effective"
    assert "would have become arguments: # only for debugging: # init=/bin/sh" in refused.message
    assert (host.read_text(KERNEL_COMMAND_LINE), host.read_text(BLS_ENTRY)) == (commented, before)


def test_an_empty_file_of_kernel_install_is_not_that_of_the_vendor(tmp_path):
    host = SystemdBootHost(tmp_path).add(KERNEL_COMMAND_LINE, "\n").add("/usr/lib/kernel/cmdline", "quiet\n")
    keep(host, "kho=on")
    assert host.read_text(KERNEL_COMMAND_LINE) == "kho=on\n"


def test_grubby_gives_them_to_all_entries_that_can_be_started(tmp_path):
    host = GrubbyHost(tmp_path, "root=/dev/vda2 ro kho=on").add("/boot/vmlinuz-9.9.9", "newer")
    newer = "/boot/loader/entries/abc-9.9.9.conf"
    text = "version 9.9.9\nlinux /vmlinuz-9.9.9\noptions {}\n"
    host.add(newer, text.format("root=/dev/vda2 ro"))
    checked = keep(host, "kho=on", check_mode=True)
    assert (checked["changed"], checked["release"]) == (True, "7.3.4")
    assert checked["diff"]["before"] != checked["diff"]["after"]
    assert refusal(host, "kho=on").code == "kernel_arguments_not_effective"
    host.add(newer, text.format("root=/dev/vda2 ro kho=on"))
    assert not keep(host, "kho=on")["changed"]
    host.add(newer, text.format("root=/dev/vda2 ro single"))
    host.add(newer.replace("9.9.9", "gone"), "linux /vmlinuz-8.8.8\noptions ro\n")
    assert not keep(host, "kho=on")["changed"]


def test_arguments_in_variables_of_the_script(tmp_path):
    host = GrubbyHost(tmp_path, "$kernelopts ${tuned_params} $more")
    script = 'set tuned_params="a=\\1 b"\nif [ -z "${kernelopts}" ]; then\n set kernelopts="root=/dev/vda2 ro "\nfi\n'
    host.add("/boot/grub2/grub.cfg", script + "blscfg\n")
    assert keep(host, "ro", check_mode=True)["command_line"] == "root=/dev/vda2 ro a=\\1 b $more"


def test_arguments_in_the_variable_of_grub(tmp_path):
    host = GrubbyHost(tmp_path, "$kernelopts $tuned_params")
    host.add("/boot/grub2/grubenv", "# GRUB Environment Block\nkernelopts=root=/dev/vda2 ro kho=on \n")
    assert not keep(host, "kho=on")["changed"]
    assert keep(host, "panic=10", check_mode=True)["command_line"].startswith("root=/dev/vda2 ro kho=on")


@pytest.mark.parametrize(
    "argument",
    [
        "",
        " ",
        "a b",
        'a="b"',
        "a='b'",
        "a=$b",
        "a=`b`",
        "a=\\b",
        "a=b;c",
        "a=b\n",
        "a=b\0",
        "-x",
        "--",
        "a=é",
        "a" * 257,
    ],
)
def test_what_a_script_could_run_is_refused(tmp_path, argument):
    host = GrubHost(tmp_path)
    assert refusal(host, "kho=on", argument).code == "kernel_argument_invalid"
    assert host.commands == []


def test_only_root(tmp_path):
    assert refusal(GrubHost(tmp_path).add(STATUS, "Uid:\t1000\t1000\t1000\t1000\n"), "kho=on").code == "not_root"


def test_a_boot_loader_that_is_not_known(tmp_path):
    assert refusal(BootLoaderHost(tmp_path), "kho=on").code == "boot_loader_unknown"


def test_an_entry_that_is_not_known(tmp_path):
    host = GrubHost(tmp_path).add(GRUB_CONFIG, "menuentry 'Debian' {\n linux $image root=/dev/vda2\n}\n")
    assert refusal(host, "kho=on").code == "boot_entry_unknown"


def test_an_entry_whose_arguments_are_in_a_variable(tmp_path):
    refused = refusal(GrubbyHost(tmp_path, "$kernelopts"), "kho=on")
    assert refused.code == "boot_entry_unknown"
    assert "$kernelopts" in refused.message


def test_the_entry_of_the_running_kernel_is_looked_at(tmp_path):
    host = GrubHost(tmp_path).add("/boot/vmlinuz-9.9.9", "newer")
    text = host.read_text(GRUB_CONFIG)
    newer = text.replace(IMAGE, "/boot/vmlinuz-9.9.9").replace("quiet", "quiet kho=on")
    host.add(GRUB_CONFIG, newer + text)
    assert keep(host, "kho=on", check_mode=True)["release"] == "7.3.4"
    host.add("/proc/sys/kernel/osrelease", "1.2.3\n")
    result = keep(host, "kho=on", check_mode=True)
    assert (result["release"], result["changed"]) == ("9.9.9", False)
