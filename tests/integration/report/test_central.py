# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Journals of several hosts in one directory, as systemd-journal-remote keeps them, read by a real journalctl."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from ansible_collections.kho.kexec.plugins.plugin_utils._central.collect import collect
from ansible_collections.kho.kexec.plugins.plugin_utils._central.names import HostNames
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from bench.journal import EPOCH, MadeBoot, write_journal

START = "Linux version 7.3.4-kho (lab@lab) (gcc) #2 SMP"
CRASH = Path(__file__).parents[2] / "unit/golden/crashes/x86-null-pointer-panic.txt"


def boot(number: int, **given: object) -> MadeBoot:
    """A boot of an hour; a minute is between two."""
    return MadeBoot(number, EPOCH + number * 3660.0, [START], noise=50, kernel_noise=10, **given)  # type: ignore[arg-type]


def test_journals_of_a_collector(tmp_path: Path) -> None:
    messages = [line.split("] ", 1)[1] for line in CRASH.read_text().splitlines() if "] " in line]
    crash = messages[next(n for n, message in enumerate(messages) if message.startswith("lkdtm")) :]
    remote = tmp_path / "remote"
    remote.mkdir()
    hosts = {
        "192.0.2.1": [boot(0, target="reboot.target"), boot(1, late=crash), boot(2, target="poweroff.target")],
        "web2": [boot(10, target="reboot.target"), boot(11)],
        "db9": [boot(20, target="reboot.target"), boot(21)],
    }
    for name, boots in hosts.items():
        made = tmp_path / name
        made.mkdir()
        write_journal(made, boots)
        for number, file in enumerate(sorted(made.glob("*.journal"))):
            ending = f"@{number:032x}-{number:016x}-{number:016x}" if number else ""
            shutil.move(file, remote / f"remote-{name}{ending}.journal")
    with Ledger(place_of(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        names = HostNames({"web1": ["192.0.2.1"], "web2": []})
        logs = [{"kind": "journal", "path": str(remote)}]
        news = collect(ledger, logs, names, 60.0, int(time.time()))
        ends = [ending for _known, ending in ledger.boots_of("web1")]
        # How the last one of the other ended, if it did, is not known.
        other = [ending for _known, ending in ledger.boots_of("web2")]
    assert (ends, other) == (["clean", "crash", "clean"], ["clean"])
    assert (news["boots"], news["crashes"], news["hosts"]) == (4, 1, ["web1", "web2"])
    assert [note["code"] for note in news["notes"]] == ["central_log_unmatched"]
    assert "db9" in news["unmatched"][0]
