# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The QEMU command line: what a guest gets, and what it must not get."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from lab.qemu import Accelerator, DirectBoot, Disk, Firmware, Machine, command_line

GUEST = Machine(
    name="web1",
    console=Path("console.log"),
    disks=(Disk(Path("overlay.qcow2")),),
    firmware=Firmware(Path("/usr/share/OVMF/code.fd"), Path("vars.fd")),
    qmp=(Path("supervisor.qmp"), Path("control.qmp")),
    credentials={"tmpfiles.extra": Path("files"), "system.hostname": Path("name")},
    paused=True,
)


def values(argv: list[str], option: str) -> list[str]:
    """Every value that `option` has in `argv`, in order."""
    return [argv[place + 1] for place, word in enumerate(argv) if word == option]


def test_a_guest_is_a_q35_machine_with_nothing_by_default() -> None:
    argv = command_line(GUEST)
    assert argv[0] == "qemu-system-x86_64"
    assert values(argv, "-machine") == ["q35"]
    assert values(argv, "-m") == ["1024M"]
    assert values(argv, "-smp") == ["2"]
    assert values(argv, "-display") == ["none"]
    assert "-nodefaults" in argv


@pytest.mark.parametrize(
    ("accelerator", "accel", "processor"),
    [(Accelerator.TCG, "tcg,thread=multi,tb-size=128", "max"), (Accelerator.KVM, "kvm", "host")],
)
def test_accelerator_and_processor_go_together(accelerator: Accelerator, accel: str, processor: str) -> None:
    argv = command_line(dataclasses.replace(GUEST, accelerator=accelerator))
    assert (values(argv, "-accel"), values(argv, "-cpu")) == ([accel], [processor])


def test_firmware_code_is_read_only_and_variables_are_not() -> None:
    code, variables, _disk = values(command_line(GUEST), "-drive")
    assert code == "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/code.fd"
    assert variables == "if=pflash,unit=1,format=qcow2,file=vars.fd"


def test_disks_state_their_format_and_boot_in_order() -> None:
    disks = (Disk(Path("a.qcow2")), Disk(Path("b.img"), format="raw", serial="data"))
    argv = command_line(dataclasses.replace(GUEST, disks=disks, firmware=None))
    assert [drive.split(",")[2] for drive in values(argv, "-drive")] == ["format=qcow2", "format=raw"]
    assert [device for device in values(argv, "-device") if "virtio-blk" in device] == [
        "virtio-blk-pci,drive=disk0,serial=root,bootindex=0",
        "virtio-blk-pci,drive=disk1,serial=data,bootindex=1",
    ]


@pytest.mark.parametrize(
    ("port", "netdev"),
    [
        (0, "user,id=net,hostfwd=tcp:127.0.0.1:0-:22"),
        (2222, "user,id=net,hostfwd=tcp:127.0.0.1:2222-:22"),
        (None, "user,id=net"),
    ],
)
def test_only_the_loopback_leads_to_ssh(port: int | None, netdev: str) -> None:
    assert values(command_line(dataclasses.replace(GUEST, ssh_port=port)), "-netdev") == [netdev]


def test_the_watchdog_resets_and_the_machine_may_reboot() -> None:
    argv = command_line(GUEST)
    assert "i6300esb" in values(argv, "-device")
    assert values(argv, "-action") == ["watchdog=reset"]
    assert "-no-reboot" not in argv
    assert "-no-reboot" in command_line(dataclasses.replace(GUEST, reboot=False))


def test_every_control_socket_is_a_qmp_monitor() -> None:
    argv = command_line(GUEST)
    assert [value for value in values(argv, "-chardev") if value.startswith("socket")] == [
        "socket,id=qmp0,path=supervisor.qmp,server=on,wait=off",
        "socket,id=qmp1,path=control.qmp,server=on,wait=off",
    ]
    assert values(argv, "-mon") == ["chardev=qmp0,mode=control", "chardev=qmp1,mode=control"]


def test_credentials_are_files_that_systemd_imports() -> None:
    assert values(command_line(GUEST), "-fw_cfg") == [
        "name=opt/io.systemd.credentials/system.hostname,file=name",
        "name=opt/io.systemd.credentials/tmpfiles.extra,file=files",
    ]


def test_a_guest_starts_paused_only_when_asked() -> None:
    assert "-S" in command_line(GUEST)
    assert "-S" not in command_line(dataclasses.replace(GUEST, paused=False))


def test_direct_boot_passes_the_command_line_as_it_is() -> None:
    boot = DirectBoot(Path("/boot/vmlinuz"), Path("/boot/initrd"), "console=ttyS0 a=b,c")
    argv = command_line(dataclasses.replace(GUEST, direct_boot=boot))
    assert values(argv, "-kernel") == ["/boot/vmlinuz"]
    assert values(argv, "-initrd") == ["/boot/initrd"]
    assert values(argv, "-append") == ["console=ttyS0 a=b,c"]


def test_a_comma_in_a_path_does_not_end_the_value() -> None:
    argv = command_line(dataclasses.replace(GUEST, console=Path("/tmp/a,b/console.log")))
    assert "file,id=console,path=/tmp/a,,b/console.log,append=on" in values(argv, "-chardev")
