# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kexec_history_info costs on a large journal: the first run, and a second one that reads only what is new.

    PYTHONPATH=build/collections:tests python3 -m bench.history --boots 200 --entries 16000

The journal is made for it: each boot begins with 1,200 messages of its kernel, and a tenth of its other entries is the
kernel's too. Memory is the largest of the program itself and of one journalctl, in MiB; most of what journalctl has are
the journal's files, which it maps.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._history.read import Request, read_history
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from bench.journal import EPOCH, MadeBoot, write_journal
from tools.layout import ROOT

RESULTS = ROOT / "build" / "bench"
DAY = 86_400
START = "Linux version 7.3.4-kho (lab@lab) (gcc) #2 SMP"
OOPS = (
    "BUG: kernel NULL pointer dereference, address: 0000000000000000",
    "RIP: 0010:broken_driver+0x9/0x10",
    "---[ end trace 0000000000000000 ]---",
)
TIME_LIMIT = 3600.0


def boots(count: int, entries: int) -> Iterator[MadeBoot]:
    """Yield so many boots of a day each: always a cold one and two handovers, the second of which crashes."""
    for number in range(count):
        place = number % 3
        early = [START, *(f"pci 0000:00:{n % 32:02x}.0: BAR {n % 6}: assigned [mem {n:#x}]" for n in range(1200))]
        yield MadeBoot(
            number,
            EPOCH + number * DAY,
            [*early, f"KHO: exec from: 7.2.13-kho (count {place})"] if place else early,
            late=OOPS if place == 2 else (),
            target=("kexec.target", "kexec.target", None)[place],
            noise=entries,
            seconds=DAY - 600,
            kernel_noise=entries // 10,
        )


def measure(directory: Path, cursor: str | None) -> dict[str, Any]:
    """Read the history in a process of its own; return how long it took, its memory, what was found, and the cursor."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        return alone.submit(read, directory, cursor).result()


def read(directory: Path, cursor: str | None) -> dict[str, Any]:
    """Read the history once in this process."""
    started = time.monotonic()
    history = read_history(LocalHost(), Request(cursor, str(directory), (), TIME_LIMIT))
    seconds = time.monotonic() - started
    found = {"boots": len(history["host_boots"]), "crashes": len(history["crashes"])}
    memory = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {"seconds": seconds, "memory_mib": memory, **found, "cursor": history["cursor"], "notes": history["notes"]}


def main(argv: Sequence[str] | None = None) -> int:
    """Make a journal, measure, keep everything in build/bench/, print the times."""
    parser = argparse.ArgumentParser(prog="bench.history", description="Time kexec_history_info on a large journal.")
    parser.add_argument("--boots", type=int, default=30, help="default %(default)s")
    parser.add_argument("--entries", type=int, default=4000, help="of each boot, after its start; default %(default)s")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="kho-bench-") as name:
        directory = Path(name)
        write_journal(directory, boots(given.boots, given.entries))
        size = sum(path.stat().st_size for path in directory.iterdir())
        first = measure(directory, None)
        second = measure(directory, first["cursor"])
    found = {
        "boots": given.boots,
        "entries": given.entries,
        "journal_bytes": size,
        "python": platform.python_version(),
        "runs": [first, second],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / time.strftime("history-%Y%m%dT%H%M%SZ.json", time.gmtime())
    path.write_text(json.dumps(found, indent=1))
    print(f"{given.boots} boots in {size / 1e6:.0f} MB")
    for which, run in (("first run", first), ("second run", second)):
        own, other = run["memory_mib"]
        counts = f"{run['boots']} boots, {run['crashes']} crashes"
        print(f"{which}: {run['seconds']:.1f} s, {own} MiB (journalctl {other} MiB); {counts}")
    print(f"raw data: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
