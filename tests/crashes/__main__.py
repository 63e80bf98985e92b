# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the logs of crashes whose truth is known were made: ``python -m crashes BUILD FOLDER POINT...``.

A guest boots a kernel with nothing but ``init``, and has LKDTM (drivers/misc/lkdtm) end that kernel at a point. What
its console, pstore and kdump tell of it goes to ``FOLDER/POINT/BUILD.FORM``; in another boot, where it survives,
what the journal and netconsole tell. ``BUILD`` is a folder with ``vmlinuz``, the modules it needs in ``modules/``
(lkdtm, ramoops, netconsole and what they depend on, not compressed), programs in ``root/`` (busybox; kexec and
vmcore-dmesg; systemd-journald and journalctl), and a file ``qemu`` with the words of QEMU's command line, where two
commas stand for a space. One guest at a time.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

from tools.processes import prepare_child

from .guest_root import pack

INIT = Path(__file__).parent / "init"
# There is no other program in the guest, and no such line in a file of the repository.
SHEBANG = "#!/bin/busybox sh\n"
SECONDS = 400.0  # for all boots of a guest
LINES = 110  # that are kept of each form
PARTS = 8  # of a dump of pstore's
_PART = re.compile(rb"\w+#\d+ Part(\d+)\n")
FIELDS = ("MESSAGE", "PRIORITY", "_SOURCE_MONOTONIC_TIMESTAMP", "__REALTIME_TIMESTAMP")
FATAL = ("console", "kdump", "pstore")
# A kernel that panics at once leaves netconsole's thread no time (7.3).
SURVIVED = ("journal", "json", "netconsole", "netconsole-extended")
_TOLD = re.compile(r"TRUTH-BEGIN (\w+)\r?\n(.*?)TRUTH-END \1", re.DOTALL)
# What no panic ends on one processor, or what nobody survives.
NO_JOURNAL = (
    "PANIC",
    "PANIC_IN_HARDIRQ",
    "PANIC_STOP_IRQOFF",
    "BUG_IN_HARDIRQ",
    "LOOP",
    "SOFTLOCKUP",
    "CORRUPT_STACK",
    "CORRUPT_STACK_STRONG",
    "EXHAUST_STACK",
)


class Listener:
    """What netconsole sends to one port of this machine."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.lines: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            self.lines.append(self.socket.recv(65536))


def initramfs(build: Path, work: Path) -> Path:
    """Make the file system of a guest, with that of a capture kernel in it where the build has programs for it."""
    root = work / "root"
    shutil.copytree(build / "root", root, symlinks=True)
    (root / "init").write_text(SHEBANG + INIT.read_text())
    (root / "init").chmod(0o755)
    if (root / "sbin/kexec").exists():
        pack(root, work / "capture.cpio")
        (work / "capture.cpio").rename(root / "capture.cpio")
        shutil.copy(build / "vmlinuz", root / "vmlinuz")
    shutil.copytree(build / "modules", root / "modules")
    pack(root, work / "initramfs")
    return work / "initramfs"


def crash(build: Path, point: str, mode: str, image: Path, work: Path) -> dict[str, bytes]:
    """Run a guest until it has told all; return what it told, by form."""
    console = work / "console"
    console.write_bytes(b"")
    extended, plain = Listener(), Listener()
    words = (build / "qemu").read_text().split()
    argv = [word.replace("@BUILD@", str(build)).replace("@WORK@", str(work)) for word in words]
    if (build / "variables").exists():
        shutil.copy(build / "variables", work / "variables")
    at = argv.index("-append") + 1
    argv[at] = f"{argv[at].replace(',,', ' ')} quiet panic=1 truth.point={point} truth.mode={mode}"
    argv[at] += f" truth.extended={extended.port} truth.plain={plain.port}"
    argv += ["-kernel", str(build / "vmlinuz"), "-initrd", str(image), "-serial", f"file:{console}"]
    end = time.monotonic() + SECONDS * (1 + point.count("+") / 4)
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=prepare_child) as guest:
        try:
            while time.monotonic() < end and guest.poll() is None and b"TRUTH-DONE" not in console.read_bytes():
                time.sleep(0.3)
        finally:
            guest.kill()
    told = forms(console.read_bytes().decode("utf-8", "replace"), mode)
    told.update(of_points("netconsole", plain.lines))
    told.update(of_points("netconsole-extended", extended.lines))
    return told


def of_points(form: str, lines: list[bytes]) -> dict[str, bytes]:
    """Return what came by netconsole, apart for each point that the kernel names first."""
    told: dict[str, bytes] = {}
    point = ""
    for line in b"".join(line.rstrip(b"\n") + b"\n" for line in lines).splitlines(keepends=True):
        named = re.search(rb"lkdtm: Performing direct entry (\w+)", line)
        point = named[1].decode() if named else point
        told[f"{form}_{point}"] = told.get(f"{form}_{point}", b"") + line
    return told


def forms(console: str, mode: str) -> dict[str, bytes]:
    """Take apart what came over the serial line: the kernel's own words, and what later boots told, encoded."""
    told = {name: gzip.decompress(base64.b64decode(text)) for name, text in _TOLD.findall(console)}
    if mode == "fatal":
        after = console.partition("TRUTH-CRASH ")[2].partition("\n")[2]
        ends = [after.find(mark) for mark in ("Linux version ", "TRUTH-", "\x1b") if mark in after]
        told["console"] = after[: min(ends, default=len(after))].replace("\r\n", "\n").encode()
    return told


def parts(archive: bytes) -> dict[str, bytes]:
    """Return the files of pstore by their names."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = [member for member in tar.getmembers() if member.isfile()]
        opened = ((member, tar.extractfile(member)) for member in files)
        return {Path(member.name).name: file.read() for member, file in opened if file is not None}


def trimmed(form: str, text: bytes) -> bytes:
    """Return the end of what a form tells; of a journal's entries, what tells anything of the kernel."""
    if form == "pstore":
        names = parts(text)
        text = b"".join(names[name].rstrip(b"\n") + b"\n" for name in sorted(names))
        found = re.split(rb"^(?=\w+#\d+ Part\d+$)", text, flags=re.MULTILINE)
        return b"".join(part for part in found if (named := _PART.match(part)) and int(named[1]) <= PARTS)
    lines = text.rstrip(b"\n").split(b"\n")[-LINES:]
    if form == "json":
        entries = [{name: entry[name] for name in FIELDS if name in entry} for entry in map(json.loads, lines)]
        lines = [json.dumps(entry).encode() for entry in entries]
    return b"\n".join(lines) + b"\n"


def keep(folder: Path, build: str, told: dict[str, bytes]) -> list[str]:
    """Write each form that tells something; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = [form for form, text in sorted(told.items()) if text.strip()]
    for form in kept:
        (folder / f"{build}.{form}").write_bytes(trimmed(form, told[form]))
    return kept


def main(argv: list[str]) -> int:
    """Crash one guest after the other; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("points", nargs="+")
    chosen = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        image = initramfs(chosen.build, work)
        build = chosen.build.resolve()
        survived = "+".join(point for point in chosen.points if point not in NO_JOURNAL)
        if survived and (build / "root/usr/lib/systemd/systemd-journald").exists():
            told = crash(build, survived, "journal", image, work)
            for point in survived.split("+"):
                its = {form: text for form in SURVIVED if (text := told.get(f"{form}_{point}"))}
                print(f"{point} journal: {' '.join(keep(chosen.folder / point, build.name, its))}", flush=True)
        for point in chosen.points:
            began = time.monotonic()
            told = crash(build, point, "fatal", image, work)
            kept = keep(chosen.folder / point, build.name, {form: told[form] for form in FATAL if form in told})
            print(f"{point} fatal, {time.monotonic() - began:.0f} s: {' '.join(kept)}", flush=True)
            if folder := os.environ.get("CRASHES_CONSOLES"):
                shutil.copy(work / "console", Path(folder) / point)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
