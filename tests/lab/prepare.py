# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a guest needs before its QEMU starts: disk, firmware variables, keys, credentials, command line."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import credentials
from lab.errors import LabError
from lab.image import Image
from lab.layout import GuestFolder, RunFolder, SnapshotFolder
from lab.qemu import Accelerator, Disk, Firmware, Machine, command_line
from lab.state import GuestPlan


@dataclass(frozen=True)
class Hardware:
    """What QEMU makes a guest of."""

    accelerator: Accelerator
    processors: int = 2


def guest(
    run: RunFolder,
    name: str,
    image: Image,
    hardware: Hardware,
    client_key: str,
    repository_port: int,
    snapshot: SnapshotFolder | None = None,
    to_be_saved: bool = False,
) -> GuestPlan:
    """Fill the guest's folder and say how to start it. Everything secret is readable by this user only.

    With a `snapshot` the guest goes on from it; else it is switched on. A guest that is `to_be_saved` keeps the names
    of its disks.

    Raises:
        LabError: a program that is needed is missing or fails.
    """
    folder = run.guest(name)
    folder.path.mkdir(mode=0o700)
    contents = credentials.guest_credentials(
        hostname=name,
        client_key=client_key,
        host_key=credentials.make_key(folder.host_key),
        source=credentials.apt_source(repository_port),
    )
    credentials.write(folder.credentials, contents)
    folder.host_key.unlink()
    fill(folder, image, snapshot)
    argv = command_line(machine(f"{run.name}.{name}", folder, image, hardware, from_snapshot=snapshot is not None))
    forget = [] if to_be_saved else [folder.overlay.name, folder.firmware_variables.name]
    # A guest that can go back to its snapshot learns them again.
    forget += [] if snapshot else [folder.credentials.name]
    return GuestPlan(name, image.kind, str(folder.path), argv, forget, str(snapshot.path) if snapshot else None)


def fill(folder: GuestFolder, image: Image, snapshot: SnapshotFolder | None) -> None:
    """Make the disks, and what was seen of the guest before a snapshot."""
    if snapshot is None:
        make_layer(image.path, image.format, folder.overlay)
        make_layer(image.ovmf_vars, "raw", folder.firmware_variables)
        return
    again(folder, snapshot)


def again(folder: GuestFolder, snapshot: SnapshotFolder) -> None:
    """Have everything that changes while a guest runs as it was when the snapshot was made."""
    make_layer(snapshot.overlay, "qcow2", folder.overlay)
    make_layer(snapshot.firmware_variables, "qcow2", folder.firmware_variables)
    for name in (folder.console.name, folder.events.name):
        shutil.copyfile(snapshot.path / name, folder.path / name)
    folder.memory.unlink(missing_ok=True)
    folder.memory.symlink_to(snapshot.memory)


def make_layer(below: Path, below_format: str, layer: Path) -> None:
    """Make a qcow2 file that takes what is written, over one that is only read."""
    layer.unlink(missing_ok=True)
    # The backing format is stated: guessing it would let a guest choose it by what it writes into a raw disk.
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", below_format, "-b", str(below), str(layer)]
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True)
    except OSError as error:
        raise LabError(f"cannot start qemu-img: {error}; install qemu-utils") from error
    except subprocess.CalledProcessError as error:
        raise LabError(f"qemu-img made no layer over {below}: {error.stderr.strip()}") from error


def machine(name: str, folder: GuestFolder, image: Image, hardware: Hardware, *, from_snapshot: bool) -> Machine:
    """The guest with every path relative to its folder, which QEMU is started in."""
    secrets = {key: Path(folder.credentials.name, key) for key in credentials.NAMES}
    return Machine(
        name=name,
        console=Path(folder.console.name),
        accelerator=hardware.accelerator,
        processors=hardware.processors,
        disks=(Disk(Path(folder.overlay.name)),),
        firmware=Firmware(image.ovmf_code, Path(folder.firmware_variables.name)),
        qmp=(Path(folder.supervisor_socket.name), Path(folder.control_socket.name)),
        credentials=secrets,
        paused=True,  # until its events are recorded
        incoming=Path(folder.memory.name) if from_snapshot else None,
    )
