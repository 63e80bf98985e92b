# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users of a host put where root reads, and other users of the controller where reports go; real files."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history import crash_files
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_files import read_crash_files
from ansible_collections.kho.kexec.plugins.module_utils._host.ownership import ACL, lets_others_write
from ansible_collections.kho.kexec.plugins.module_utils._host.port import HostError, LocalHost
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.answers import report
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of

PANIC = "[    0.000000] Linux version 7.3.4\n[   42.000000] Kernel panic - not syncing: forged\n"
NOW = 1795392000


@pytest.fixture
def dumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of this host's dumps, which is open to all."""
    folder = tmp_path / "crash"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(crash_files, "KDUMP", str(folder))
    monkeypatch.setattr(crash_files, "PSTORE", str(tmp_path / "pstore"))
    return folder


def read(*console_logs: str, patience: float = 20.0) -> tuple[int, list[str], float]:
    """Return how many crashes were found, the notes, and how long it took."""
    began = time.monotonic()
    witnesses, notes = read_crash_files(LocalHost(), 0.0, console_logs, began + patience)
    crashes = sum(len(witness.text.reports) for witness in witnesses)
    return crashes, [note.code for note in notes], time.monotonic() - began


def test_what_is_no_file_of_roots_beside_dumps(dumps: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(PANIC)
    os.mkfifo(dumps / "dmesg.pipe")
    (dumps / "dmesg.link").symlink_to(tmp_path / "elsewhere")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(dumps / "dmesg.socket"))
        crashes, notes, seconds = read()
    # A socket cannot even be opened.
    assert (crashes, sorted(notes)) == (0, ["crash_file_foreign", "crash_file_foreign", "crash_file_unreadable"])
    assert seconds < 5


def test_a_pipe_that_somebody_writes_to(dumps: Path) -> None:
    os.mkfifo(dumps / "dmesg.pipe")
    both_ways = os.open(dumps / "dmesg.pipe", os.O_RDWR | os.O_NONBLOCK)
    os.write(both_ways, PANIC.encode())
    crashes, notes, seconds = read()
    os.close(both_ways)
    assert (crashes, notes) == (0, ["crash_file_foreign"])
    assert seconds < 5


def test_a_file_that_grows_is_read_once(dumps: Path) -> None:
    path = dumps / "dmesg.grows"
    path.write_text(PANIC)
    over = threading.Event()

    def grow() -> None:
        with path.open("a") as stream:
            while not over.is_set():
                stream.write("x" * (1 << 16))
                stream.flush()
                os.truncate(path, 1 << 20)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        crashes, _notes, seconds = read()
    finally:
        over.set()
        writer.join()
    assert crashes <= 1
    assert seconds < 10


@pytest.fixture
def console(tmp_path: Path) -> Path:
    """Return a console's log that is a pipe, with somebody who never writes."""
    path = tmp_path / "console"
    os.mkfifo(path)
    return path


def test_a_console_that_is_a_pipe_is_not_waited_for(dumps: Path, console: Path) -> None:
    assert dumps.is_dir()
    crashes, notes, seconds = read(str(console))
    assert (crashes, notes) == (0, ["crash_file_unreadable"])
    assert seconds < 5


def test_a_console_that_becomes_a_pipe_takes_no_longer_than_was_given(
    dumps: Path, console: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the reading: nobody can keep that from happening."""
    assert dumps.is_dir()
    monkeypatch.setattr(LocalHost, "exists", lambda _host, _path: False)
    crashes, notes, seconds = read(str(console), patience=1.5)
    assert (crashes, notes) == (0, ["crash_file_unreadable"])
    assert seconds < 5


def test_reports_are_not_written_through_links(tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "report"
    victim.write_text("whole")
    folder.mkdir()
    for name in ("report.json", "report.md", "report.html"):
        (folder / name).symlink_to(victim)
    with Ledger(place_of(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        report(ledger, folder, NOW, keep=True)
    assert victim.read_text() == "whole"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md"]
    assert not any(path.is_symlink() for path in folder.iterdir())


def test_an_access_control_list_is_seen_without_programs(tmp_path: Path) -> None:
    path = tmp_path / "guard"
    path.write_text("")
    entries = (
        (0x01, 6, 0xFFFFFFFF),
        (0x02, 6, 1234),
        (0x04, 4, 0xFFFFFFFF),
        (0x10, 6, 0xFFFFFFFF),
        (0x20, 4, 2**32 - 1),
    )
    os.setxattr(path, ACL, struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries))
    assert lets_others_write(LocalHost().attribute(str(path), ACL))


def test_a_loop_of_links_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(HostError) as caught:
        LocalHost().read_roots(str(tmp_path / "loop"))
    assert caught.value.reason == "foreign"
