# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that ``python -m crashes`` takes, of a kernel of the lab: ``python -m crashes.builds KERNEL FOLDER``."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import image, kernels
from lab.accel import choose

from .guest_root import put_programs

PROGRAMS = (
    "/bin/busybox",
    "/sbin/kexec",
    "/usr/sbin/vmcore-dmesg",
    "/usr/lib/systemd/systemd-journald",
    "/usr/bin/journalctl",
)
MODULES = ("lkdtm", "netconsole", "configfs")
# Memory that no kernel takes for itself is what the capture kernel lives in.
COMMAND_LINE = "console=ttyS0,115200 no_timer_check highres=off crashkernel=256M"


def qemu(firmware: image.Image) -> list[str]:
    """Return QEMU's command line, with the folder as ``@BUILD@`` and the run's own as ``@WORK@``."""
    return [
        "qemu-system-x86_64", "-machine", "q35", *choose().accelerator.arguments, "-m", "1024M", "-smp", "1",
        "-nodefaults", "-no-user-config", "-display", "none",
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={firmware.ovmf_code}",
        "-drive", "if=pflash,unit=1,format=raw,file=@WORK@/variables",
        "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=",
        "-append", COMMAND_LINE.replace(" ", ",,"),
    ]  # fmt: skip


def make(kernel: kernels.Kernel, folder: Path) -> None:
    """Fill the folder: kernel, modules, programs, firmware's variables and QEMU's command line."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["dpkg-deb", "-x", str(kernel.deb), name], check=True)
        shutil.copy(Path(name) / f"boot/vmlinuz-{kernel.release}", folder / "vmlinuz")
        (folder / "modules").mkdir()
        for module in Path(name).rglob("*.ko"):
            if module.stem in MODULES:
                shutil.copy(module, folder / "modules" / module.name)
    put_programs(image.build_root("lvm"), PROGRAMS, folder / "root")
    firmware = image.ensure("plain")
    shutil.copy(firmware.ovmf_vars, folder / "variables")
    (folder / "qemu").write_text(" ".join(qemu(firmware)) + "\n")


def main(argv: list[str]) -> int:
    """Make one folder; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernel", choices=sorted(kernels.VARIANTS))
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args(argv)
    (kernel,) = kernels.ensure([chosen.kernel])
    make(kernel, chosen.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
