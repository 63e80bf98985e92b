# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose between the processor (KVM) and QEMU's translator (TCG), by trying.

/dev/kvm being there, even being writable, does not say that a guest runs. Inside a virtual machine or a container QEMU
may abort when it sets up the first virtual processor. With a paravirtual KVM module a guest may run in real mode, and
hang when it leaves that. So a guest has to get to 64-bit mode with paging (`lab.probe`) before KVM is believed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab import probe
from lab.paths import cache_dir
from lab.qemu import PROGRAM, Accelerator

_DEVICE = Path("/dev/kvm")
_PROBE_SECONDS = 20.0


@dataclass(frozen=True)
class Choice:
    """The accelerator to use and why."""

    accelerator: Accelerator
    reason: str

    def __str__(self) -> str:
        return f"{self.accelerator.value.upper()}: {self.reason}"


def choose() -> Choice:
    """The accelerator for this machine. The probe is run once per boot, QEMU and version of the probe."""
    if not _DEVICE.exists():
        return Choice(Accelerator.TCG, f"software emulation, {_DEVICE} is not there")
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return Choice(Accelerator.TCG, f"software emulation, this user may not open {_DEVICE}")
    memory = cache_dir() / "accelerator.json"
    key = _key()
    known = _recall(memory, key)
    if known is None:
        known = _decide(probe_failure(Accelerator.KVM))
        _remember(memory, key, known)
    return known


def probe_failure(accelerator: Accelerator, rom: bytes = probe.ROM) -> str | None:
    """Run the probe guest. None when it got to its end, else what became of it and what QEMU said."""
    with tempfile.TemporaryDirectory(prefix="kho-kexec-lab-probe-") as folder:
        image = Path(folder) / "rom"
        image.write_bytes(rom)
        argv = [PROGRAM, "-machine", "q35", *accelerator.arguments, "-smp", "2", "-m", "16M"]
        argv += ["-nodefaults", "-no-user-config", "-display", "none", "-bios", str(image)]
        argv += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        argv += ["-no-reboot"]  # a fault that the guest does not handle resets it: that ends it, instead of a loop
        try:
            done = subprocess.run(argv, check=False, capture_output=True, timeout=_PROBE_SECONDS)
        except subprocess.TimeoutExpired as late:
            return _with_first_line(f"it did not end within {_PROBE_SECONDS:.0f} s", late.stderr)
        except OSError as error:
            return str(error)
    if done.returncode == probe.STATUS:
        return None
    return _with_first_line(_ending(done.returncode), done.stderr)


def _ending(status: int) -> str:
    if status == 0:
        return "it reset itself"
    if status < 0:
        return f"QEMU was ended by signal {-status}"
    return f"QEMU ended with status {status}"


def _with_first_line(ending: str, stderr: bytes | None) -> str:
    lines = (stderr or b"").decode(errors="replace").strip().splitlines()
    return f"{ending} and QEMU said: {lines[0][:200]}" if lines else ending


def _decide(failure: str | None) -> Choice:
    if failure is None:
        return Choice(Accelerator.KVM, f"virtualization by {_DEVICE}, a probe guest ran in 64-bit mode with paging")
    return Choice(Accelerator.TCG, f"software emulation, {_DEVICE} is there but a probe guest failed: {failure}")


def _key() -> str:
    """What the outcome of the probe depends on."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    program = shutil.which(PROGRAM)
    changed = os.stat(program).st_mtime_ns if program else 0
    return f"{boot} {program} {changed} {probe.VERSION}"


def _recall(memory: Path, key: str) -> Choice | None:
    try:
        stored = json.loads(memory.read_text())
        if stored["key"] == key:
            return Choice(Accelerator(stored["accelerator"]), str(stored["reason"]))
    except (OSError, ValueError, LookupError, TypeError):
        pass  # the probe is cheap: whatever is wrong with the memory, ask again
    return None


def _remember(memory: Path, key: str, choice: Choice) -> None:
    beside = memory.with_name(f".{memory.name}.{os.getpid()}")
    beside.write_text(json.dumps({"key": key, "accelerator": choice.accelerator.value, "reason": choice.reason}))
    beside.replace(memory)
