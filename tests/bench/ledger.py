# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger costs: time and peak memory of importing and reporting made-up fleets, on both databases."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_fleet
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.no_worse import keep_no_worse
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import render_reports
from bench.fleet import BEGIN, RELEASES, histories
from bench.postgres import private_cluster
from tools.layout import ROOT

RESULTS = ROOT / "build" / "bench"
BOOTS_PER_HOST = 100
NOW = 1795392000
SINCE = int(BEGIN.timestamp()) + 99 * 86400
"""When the rollout began that the gate is asked about: half of the hosts have begun some boots since then."""
SIZES = (10_000, 100_000)


def do_import(url: str, boots: int) -> dict[str, Any]:
    """Import a fleet of so many boots; return seconds and boots a second, without the making of the fleet."""
    seconds = cpu = 0.0
    with Ledger(place_of(url)) as ledger:
        for host, history in histories(boots // BOOTS_PER_HOST, BOOTS_PER_HOST, seed=boots):
            begun, used = time.perf_counter(), time.process_time()
            ledger.import_history(host, history, NOW)
            seconds, cpu = seconds + time.perf_counter() - begun, cpu + time.process_time() - used
    return {"seconds": seconds, "cpu_seconds": cpu, "boots_per_second": boots / seconds}


def do_report(url: str, _boots: int) -> dict[str, Any]:
    """Count, correlate and render all three reports."""
    begun = time.perf_counter()
    with Ledger(place_of(url)) as ledger:
        counts = count_fleet(ledger)
    counted = time.perf_counter()
    reports = render_reports(correlate(counts), NOW)
    return {
        "seconds": time.perf_counter() - begun,
        "counting_seconds": counted - begun,
        "bytes": {name: len(text) for name, text in reports.items()},
    }


def do_gate(url: str, _boots: int) -> dict[str, Any]:
    """Ask whether hosts that jumped in the last days are worse off, without symptoms and with them."""
    found: dict[str, Any] = {}
    with Ledger(place_of(url)) as ledger:
        for name, symptoms in (("without", False), ("with_symptoms", True)):
            begun = time.perf_counter()
            answer = keep_no_worse(ledger, RELEASES[-1], SINCE, symptoms)
            found[name] = {"seconds": time.perf_counter() - begun, "jumped": answer["jumped"]["hosts"]}
    return {**found, "seconds": max(one["seconds"] for one in found.values())}


TASKS = {"import": do_import, "report": do_report, "gate": do_gate}


def measure(task: str, url: str, boots: int) -> dict[str, Any]:
    """Run one task in a process of its own, whose peak memory is then its own too."""
    argv = [sys.executable, "-m", "bench.ledger", "--task", task, "--url", url, str(boots)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Yield the addresses of a new ledger in each kind of database."""
    with tempfile.TemporaryDirectory(prefix="bench-ledger-") as folder, private_cluster() as cluster:
        yield {"sqlite": f"sqlite:///{Path(folder) / 'ledger.db'}", "postgresql": cluster.url}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="bench.ledger", description=__doc__)
    parser.add_argument("boots", type=int, nargs="*", default=SIZES, help="how many boots, default %(default)s")
    parser.add_argument("--task", choices=TASKS, help="only this, in this process; needs --url")
    parser.add_argument("--url", help="the ledger of --task")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each size on each database, keep everything in build/bench/, print a table."""
    given = parse(argv)
    if given.task:
        found = TASKS[given.task](given.url, given.boots[0])
        found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found))
        return 0
    RESULTS.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    rows = []
    for boots in given.boots:
        with databases() as places:
            for name, url in places.items():
                row = {"database": name, "boots": boots, **{task: measure(task, url, boots) for task in TASKS}}
                rows.append(row)
                print(
                    f"{name:10} {boots:9} boots: imported at {row['import']['boots_per_second']:.0f} boots/s "
                    f"({row['import']['peak_mib']:.0f} MiB), reported in {row['report']['seconds']:.2f} s "
                    f"({row['report']['peak_mib']:.0f} MiB), gate asked in {row['gate']['without']['seconds']:.2f} s, "
                    f"{row['gate']['with_symptoms']['seconds']:.2f} s with symptoms",
                    flush=True,
                )
    path = RESULTS / time.strftime("ledger-%Y%m%dT%H%M%SZ.json", time.gmtime())
    path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))
    print(f"raw data: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
