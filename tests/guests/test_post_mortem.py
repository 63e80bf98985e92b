# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dump of a real guest names the transition that its kernel came from; it is read as somebody does who has drgn."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import kernels
from lab.monitor import dump
from matrix.cells import KHO_OFF, PLAIN, Kernel
from matrix.guest import Guest
from tools.catalogue import DRGN
from tools.layout import ROOT

RUN = "post-mortem"
NAME = "crashed"
LAB = [sys.executable, "-m", "lab"]
SCRIPT = ROOT / "roles" / "kho_fact_script" / "files" / "kho_post_mortem.py"
_PT_LOAD = 1


@pytest.fixture(scope="module")
def debugged() -> kernels.Kernel:
    """The kernel whose dumps can be read, with its vmlinux beside it."""
    return kernels.ensure([kernels.DEBUG_INFO])[0]


@pytest.fixture(scope="module")
def guest() -> Iterator[Guest]:
    """A guest with that kernel."""
    try:
        subprocess.run([*LAB, "up", "--run", RUN, f"--guest={NAME}:plain:{kernels.DEBUG_INFO}"], check=True)
        made = Guest(RUN, NAME, PLAIN)
        made.learn()
        yield made
    finally:
        subprocess.run([*LAB, "down", "--run", RUN], check=True)


def jump(guest: Guest, kernel: kernels.Kernel, *options: str) -> None:
    """Execute the kernel, with a handover unless it is told to accept none."""
    assert guest.load(Kernel(kernel.name, options), kernel.release) is None
    guest.jump()
    assert guest.do("uname", "-r").stdout.strip() == kernel.release


def dumped(guest: Guest, folder: Path) -> tuple[Path, Path]:
    """Return a dump of the guest's memory and its VMCOREINFO, which guests of the lab do not tell their hypervisor."""
    core, information = guest.folder.path / "core", folder / "vmcoreinfo"
    core.unlink(missing_ok=True)
    dump(guest.folder.control_socket, core.name)
    address, size = (int(word, 16) for word in guest.do("cat", "/sys/kernel/vmcoreinfo").stdout.split())
    found = re.search(rb"VMCOREINFO\0+(OSRELEASE=[^\0]*)", physical(core, address, size))
    assert found
    information.write_bytes(found[1])
    return core, information


def physical(core: Path, address: int, size: int) -> bytes:
    """Return memory from a core dump (elf(5)), by its physical address."""
    with core.open("rb") as file:
        header = file.read(64)
        start, entry, count = *struct.unpack_from("<Q", header, 32), *struct.unpack_from("<HH", header, 54)
        for number in range(count):
            file.seek(start + number * entry)
            kind, _flags, offset, _virtual, place, length = struct.unpack_from("<IIQQQQ", file.read(entry))
            if kind == _PT_LOAD and place <= address < place + length:
                file.seek(offset + address - place)
                return file.read(size)
    raise AssertionError(f"the dump has nothing at {address:#x}")


def post_mortem(*words: str | Path, status: int = 0) -> dict[str, Any]:
    """Return what the script prints."""
    done = subprocess.run(
        [os.environ[DRGN], SCRIPT, *words], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False
    )
    assert done.returncode == status, done.stdout
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def codes(facts: dict[str, Any]) -> list[str]:
    return [note["code"] for note in facts["notes"]]


def test_a_dump_names_the_transition(guest: Guest, debugged: kernels.Kernel, tmp_path: Path) -> None:
    old = kernels.ensure(["old"])[0].release
    vmlinux = debugged.deb.parent / kernels.VMLINUX
    jump(guest, debugged)
    core, information = dumped(guest, tmp_path)
    read = ["--vmcoreinfo", information, "--vmlinux", vmlinux]
    first = {"release": debugged.release, "boot": "handover", "previous_release": old, "kexec_count": 1}
    seen = post_mortem(core, *read)
    assert seen == {**first, "source": "dump", "built": True, "enabled": True, "notes": []}
    assert codes(post_mortem(core, *read[:2], status=1)) == ["symbols_missing"]
    assert codes(post_mortem(core, *read[2:], status=1)) == ["not_a_kernel"]
    assert codes(post_mortem(vmlinux, status=1)) == ["core_unreadable"]
    # The next one names this one, whatever the log has forgotten.
    jump(guest, debugged)
    guest.do("dmesg", "--clear")
    second = post_mortem(dumped(guest, tmp_path)[0], *read)
    assert (second["previous_release"], second["kexec_count"]) == (debugged.release, 2)


def test_a_kernel_that_accepted_nothing_says_so(guest: Guest, debugged: kernels.Kernel, tmp_path: Path) -> None:
    jump(guest, debugged, KHO_OFF)
    core, information = dumped(guest, tmp_path)
    seen = post_mortem(core, "--vmcoreinfo", information, "--vmlinux", debugged.deb.parent / kernels.VMLINUX)
    assert (seen["boot"], seen["previous_release"], seen["kexec_count"], seen["enabled"]) == ("kexec", None, 0, False)
    assert codes(seen) == ["running_kho_off"]
