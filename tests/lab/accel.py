# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose between the processor (KVM) and QEMU's translator (TCG), by trying.

/dev/kvm being there, even being writable, does not say that a guest runs: inside a virtual machine or a container QEMU
may abort when it sets up the first virtual processor. So a guest of four instructions is run before KVM is believed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.paths import cache_dir
from lab.qemu import PROGRAM, Accelerator

_DEVICE = Path("/dev/kvm")
_PROBE_SECONDS = 20.0
_ROM_SIZE = 1 << 16
_RESET_VECTOR = _ROM_SIZE - 16  # where an x86 processor starts
_CODE = bytes([0xB0, 0x31, 0xE6, 0xF4])  # mov al, 0x31; out 0xf4, al
_ALIVE = 0x31 << 1 | 1  # what isa-debug-exit makes of 0x31 (QEMU hw/misc/debugexit.c)


@dataclass(frozen=True)
class Choice:
    """The accelerator to use and why."""

    accelerator: Accelerator
    reason: str

    def __str__(self) -> str:
        return f"{self.accelerator.value.upper()}: {self.reason}"


def choose() -> Choice:
    """The accelerator for this machine. The probe is run once per boot, program and permission."""
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


def probe_failure(accelerator: Accelerator) -> str | None:
    """Run the probe guest. None when its code ran, else what QEMU said."""
    rom = bytearray(_ROM_SIZE)
    rom[_RESET_VECTOR : _RESET_VECTOR + len(_CODE)] = _CODE
    with tempfile.TemporaryDirectory(prefix="kho-kexec-lab-probe-") as folder:
        image = Path(folder) / "rom"
        image.write_bytes(rom)
        argv = [PROGRAM, "-machine", "q35", *accelerator.arguments, "-smp", "2", "-m", "16M"]
        argv += ["-nodefaults", "-no-user-config", "-display", "none", "-bios", str(image)]
        argv += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        try:
            done = subprocess.run(
                argv, check=False, capture_output=True, text=True, errors="replace", timeout=_PROBE_SECONDS
            )
        except subprocess.TimeoutExpired:
            return f"it did not end within {_PROBE_SECONDS:.0f} s"
        except OSError as error:
            return str(error)
    if done.returncode == _ALIVE:
        return None
    return _first_line(done.stderr) or f"QEMU ended with status {done.returncode}"


def _decide(failure: str | None) -> Choice:
    if failure is None:
        return Choice(Accelerator.KVM, "a probe guest ran")
    return Choice(Accelerator.TCG, f"software emulation, {_DEVICE} is there but a probe guest did not run: {failure}")


def _key() -> str:
    """What the outcome of the probe depends on."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    program = shutil.which(PROGRAM)
    changed = os.stat(program).st_mtime_ns if program else 0
    return f"{boot} {program} {changed}"


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


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:200] if text.strip() else ""
