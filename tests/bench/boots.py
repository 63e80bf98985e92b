# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many boots and jumps of a guest with two processors end in a crash that nobody made.

A guest has busybox and kexec and nothing else: it boots from cold, and executes its own kernel by handover again and
again, until the chain is as long as it shall be. Whatever the console says beside an orderly boot is kept.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crashes.guest_root import pack, put_programs

from lab import image, kernels
from lab.accel import choose
from lab.qemu import DirectBoot, Disk, Machine, command_line
from tools.processes import prepare_child

from .common import RESULTS, keep

COMMAND_LINE = "console=ttyS0,115200 kho=on no_timer_check highres=off panic=-1"
SILENCE = 180.0  # seconds without a new boot, after which a guest is called hung
TROUBLE = re.compile(r"Oops|BUG:|kernel BUG|Kernel panic|int3|WARNING:|stall|lockup|general protection|double fault")
INIT = """#!/bin/busybox sh
export PATH=/bin:/sbin
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
count=$(dmesg | sed -n 's/.*KHO: exec from: .*(count \\([0-9]*\\)).*/\\1/p')
echo "BOOTS: processors $(nproc), count ${count:-0}"
[ "${count:-0}" -lt LENGTH ] || { echo "BOOTS: all"; poweroff -f; }
cat /dev/vda >/tmp/initramfs
kexec -s -l /vmlinuz --initrd=/tmp/initramfs --reuse-cmdline && kexec -e
echo "BOOTS: did not jump"
"""


def guest_of(kernel: kernels.Kernel, length: int, processors: int, options: str, work: Path) -> list[str]:
    """Return the command line of a guest whose chain has ``length`` handovers."""
    root = work / "root"
    put_programs(image.build_root("lvm"), ["/bin/busybox", "/sbin/kexec"], root)
    subprocess.run(["dpkg-deb", "-x", str(kernel.deb), str(work / "kernel")], check=True)
    vmlinuz = work / "kernel/boot" / f"vmlinuz-{kernel.release}"
    (root / "init").write_text(INIT.replace("LENGTH", str(length)))
    (root / "init").chmod(0o755)
    shutil.copy(vmlinuz, root / "vmlinuz")
    pack(root, work / "initramfs")
    machine = Machine(
        name="boots",
        console=work / "console",
        accelerator=choose().accelerator,
        processors=processors,
        # The next kernel's initramfs: a file system cannot hold itself.
        disks=(Disk(work / "initramfs", "raw"),),
        direct_boot=DirectBoot(vmlinuz, work / "initramfs", f"{COMMAND_LINE} {options}".rstrip()),
        ssh_port=None,
        reboot=False,
    )
    return command_line(machine)


@contextmanager
def _running(argv: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=prepare_child) as guest:
        try:
            yield guest
        finally:
            guest.kill()


def chain(argv: list[str], console: Path) -> tuple[int, str | None]:
    """Run one guest to its end; return how many boots came as far as ``init``, and what went wrong."""
    console.write_bytes(b"")
    seen, since = 0, time.monotonic()
    with _running(argv) as guest:
        while guest.poll() is None and time.monotonic() - since < SILENCE:
            time.sleep(0.5)
            boots = console.read_text(errors="replace").count("BOOTS: processors")
            if boots > seen:
                seen, since = boots, time.monotonic()
    said = console.read_text(errors="replace")
    found = TROUBLE.search(said)
    if found:
        return seen, said[max(0, said.rfind("Linux version", 0, found.start())) :]
    return seen, None if "BOOTS: all" in said else f"hung or ended early:\n{said[-3000:]}"


def main() -> None:
    """Run guests until as many boots are seen as asked for; keep the consoles of those that went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boots", type=int, default=200)
    parser.add_argument("--length", type=int, default=9, help="handovers of each chain after its cold boot")
    parser.add_argument("--processors", type=int, default=2)
    parser.add_argument("--kernel", default="new", choices=sorted(kernels.VARIANTS))
    parser.add_argument("--options", default="", help="more for the kernel's command line")
    chosen = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    (kernel,) = kernels.ensure([chosen.kernel])
    load, began = os.getloadavg(), time.monotonic()
    wrong: list[dict[str, object]] = []
    boots = cold = 0
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        argv = guest_of(kernel, chosen.length, chosen.processors, chosen.options, work)
        while boots < chosen.boots:
            seen, trouble = chain(argv, work / "console")
            boots, cold = boots + seen, cold + 1
            if trouble is not None:
                wrong.append({"chain": cold, "boots": seen, "console": trouble})
            far = f"{boots} boots ({cold} cold), {len(wrong)} chains went wrong"
            print(f"{far}, {time.monotonic() - began:.0f} s", flush=True)
    found = {"release": kernel.release, "asked": vars(chosen), "boots": boots, "cold": cold, "wrong": wrong}
    print(f"all: {keep('boots', found, load)}")


if __name__ == "__main__":
    main()
