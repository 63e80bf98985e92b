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
from lab.layout import GuestFolder, RunFolder
from lab.qemu import Accelerator, Disk, Firmware, Machine, command_line
from lab.state import GuestPlan


@dataclass(frozen=True)
class Hardware:
    """What QEMU makes a guest of."""

    accelerator: Accelerator
    processors: int = 2


def guest(
    run: RunFolder, name: str, image: Image, hardware: Hardware, client_key: str, repository_port: int
) -> GuestPlan:
    """Fill the guest's folder and say how to start it. Everything secret is readable by this user only.

    Raises:
        LabError: a program that is needed is missing or fails.
    """
    folder = run.guest(name)
    folder.path.mkdir(mode=0o700)
    _make_overlay(image, folder)
    shutil.copyfile(image.ovmf_vars, folder.firmware_variables)
    contents = credentials.guest_credentials(
        hostname=name,
        client_key=client_key,
        host_key=credentials.make_key(folder.host_key),
        source=credentials.apt_source(repository_port),
    )
    paths = credentials.write(folder.credentials, contents)
    machine = _machine(f"{run.name}.{name}", folder, image, hardware, paths)
    forget = [folder.overlay, folder.firmware_variables, folder.credentials, folder.host_key]
    return GuestPlan(name, image.kind, str(folder.path), command_line(machine), [path.name for path in forget])


def _make_overlay(image: Image, folder: GuestFolder) -> None:
    # The backing format is stated: guessing it would let a guest choose it by what it writes into a raw disk.
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", image.format, "-b", str(image.path), str(folder.overlay)]
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True)
    except OSError as error:
        raise LabError(f"cannot start qemu-img: {error}; install qemu-utils") from error
    except subprocess.CalledProcessError as error:
        raise LabError(f"qemu-img made no overlay of {image.path}: {error.stderr.strip()}") from error


def _machine(name: str, folder: GuestFolder, image: Image, hardware: Hardware, secrets: dict[str, Path]) -> Machine:
    """The guest with every path relative to its folder, which QEMU is started in."""
    return Machine(
        name=name,
        console=Path(folder.console.name),
        accelerator=hardware.accelerator,
        processors=hardware.processors,
        disks=(Disk(Path(folder.overlay.name)),),
        firmware=Firmware(image.ovmf_code, Path(folder.firmware_variables.name)),
        qmp=(Path(folder.supervisor_socket.name), Path(folder.control_socket.name)),
        credentials={key: path.relative_to(folder.path) for key, path in secrets.items()},
        paused=True,  # until its events are recorded
    )
