# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The QEMU command line of a guest, as a pure function of a `Machine`.

Nothing here starts a process or looks at the disk. Option and value stand on one line.
"""

from __future__ import annotations

import enum
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = "qemu-system-x86_64"

# systemd(1) of the guest imports credentials from fw_cfg files below this name (systemd's CREDENTIALS.md).
CREDENTIAL_PREFIX = "opt/io.systemd.credentials/"


class Accelerator(enum.Enum):
    """How the guest's instructions are run: by the processor, or translated by QEMU."""

    KVM = "kvm"
    TCG = "tcg"

    @property
    def arguments(self) -> list[str]:
        """The options that choose this accelerator and the fullest processor that it offers."""
        if self is Accelerator.KVM:
            return ["-accel", "kvm", "-cpu", "host"]
        # QEMU keeps what it has translated until this many MiB are full, also of kernels that are gone. Memory that
        # holds such code is very slow to write: with the default, 1 GiB, a stack there made some boots minutes longer.
        return ["-accel", "tcg,thread=multi,tb-size=128", "-cpu", "max"]


@dataclass(frozen=True)
class Disk:
    """A virtio disk. `serial` names it inside the guest (/dev/disk/by-id/virtio-<serial>, at most 20 characters)."""

    path: Path
    format: str = "qcow2"
    serial: str = "root"


@dataclass(frozen=True)
class Firmware:
    """OVMF: its code is shared and read only, `variables` is this guest's own qcow2 file of them."""

    code: Path
    variables: Path


@dataclass(frozen=True)
class DirectBoot:
    """A kernel that QEMU loads itself, without boot loader (for building images)."""

    kernel: Path
    initrd: Path | None = None
    command_line: str = ""


@dataclass(frozen=True)
class Machine:
    """One guest.

    Relative paths are relative to the directory that QEMU is started in (sockets need that: their paths are limited
    to 107 bytes). `console` gets everything that the guest writes to its serial port. `qmp` are the paths of control
    sockets that QEMU listens on; each serves one client at a time. `ssh_port` is the port of 127.0.0.1 that leads to
    the guest's port 22; 0 lets QEMU choose a free one, None forwards nothing. `credentials` maps systemd credential
    names to the files that hold them. With `paused` the guest waits for QMP `cont`. With `reboot` off QEMU ends
    instead of resetting the guest. `incoming` is the file of a snapshot's memory, packed by zstd, which the guest goes
    on from.
    """

    name: str
    console: Path
    accelerator: Accelerator = Accelerator.TCG
    memory_mib: int = 1024
    processors: int = 2
    disks: tuple[Disk, ...] = ()
    firmware: Firmware | None = None
    direct_boot: DirectBoot | None = None
    qmp: tuple[Path, ...] = ()
    ssh_port: int | None = 0
    credentials: Mapping[str, Path] = field(default_factory=dict)
    paused: bool = False
    reboot: bool = True
    incoming: Path | None = None


def command_line(machine: Machine, program: str = PROGRAM) -> list[str]:
    """The whole argv that starts `machine`, the program first."""
    return [program, *_options(machine)]


def _options(machine: Machine) -> Iterator[str]:
    yield from ("-name", _text(machine.name))
    yield from ("-machine", "q35")
    yield from machine.accelerator.arguments
    yield from ("-m", f"{machine.memory_mib}M")
    yield from ("-smp", str(machine.processors))
    yield from ("-nodefaults", "-no-user-config", "-display", "none")
    yield from _boot_options(machine)
    for number, disk in enumerate(machine.disks):
        yield from _disk_options(number, disk, bootable=machine.direct_boot is None)
    yield from _network_options(machine.ssh_port)
    yield from ("-device", "virtio-rng-pci")
    # A reset by the watchdog and every other reset become QMP events, so the boot history can tell them apart.
    yield from ("-device", "i6300esb")
    yield from ("-action", "watchdog=reset")
    # Appended to: a guest from a snapshot goes on with the console of the boot that the snapshot was made in.
    yield from ("-chardev", f"file,id=console,path={_text(machine.console)},append=on")
    yield from ("-serial", "chardev:console")
    for number, socket in enumerate(machine.qmp):
        yield from ("-chardev", f"socket,id=qmp{number},path={_text(socket)},server=on,wait=off")
        yield from ("-mon", f"chardev=qmp{number},mode=control")
    for name, path in sorted(machine.credentials.items()):
        yield from ("-fw_cfg", f"name={CREDENTIAL_PREFIX}{_text(name)},file={_text(path)}")


def _boot_options(machine: Machine) -> Iterator[str]:
    if machine.firmware is not None:
        yield from ("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={_text(machine.firmware.code)}")
        # qcow2, as the disk: each is a thin layer over a file that is shared and never written to.
        yield from ("-drive", f"if=pflash,unit=1,format=qcow2,file={_text(machine.firmware.variables)}")
    if machine.direct_boot is not None:
        yield from ("-kernel", os.fspath(machine.direct_boot.kernel))
        if machine.direct_boot.initrd is not None:
            yield from ("-initrd", os.fspath(machine.direct_boot.initrd))
        yield from ("-append", machine.direct_boot.command_line)
    if machine.paused:
        yield "-S"
    if not machine.reboot:
        yield "-no-reboot"
    if machine.incoming is not None:
        yield from ("-incoming", f"exec:exec zstd -dc <{shlex.quote(os.fspath(machine.incoming))}")


def _disk_options(number: int, disk: Disk, *, bootable: bool) -> Iterator[str]:
    # The overlay dies with the run, so nothing needs to survive a crash of this machine: cache=unsafe.
    yield from (
        "-drive",
        f"if=none,id=disk{number},format={disk.format},cache=unsafe,discard=unmap,file={_text(disk.path)}",
    )
    # QEMU gives the first boot index to a kernel that it loads itself.
    order = f",bootindex={number}" if bootable else ""
    yield from ("-device", f"virtio-blk-pci,drive=disk{number},serial={_text(disk.serial)}{order}")


def _network_options(ssh_port: int | None) -> Iterator[str]:
    forward = "" if ssh_port is None else f",hostfwd=tcp:127.0.0.1:{ssh_port}-:22"
    yield from ("-netdev", f"user,id=net{forward}")
    # No option ROM: the firmware needs no network, and starts faster without.
    yield from ("-device", "virtio-net-pci,netdev=net,romfile=")


def with_ssh_port(argv: Sequence[str], port: int) -> list[str]:
    """The command line of a machine that lets QEMU choose the port, with this one."""
    return [word.replace("hostfwd=tcp:127.0.0.1:0-", f"hostfwd=tcp:127.0.0.1:{port}-") for word in argv]


def _text(value: str | os.PathLike[str]) -> str:
    """A value inside a QEMU option: a comma is doubled, else it would end the value."""
    return os.fspath(value).replace(",", ",,")
