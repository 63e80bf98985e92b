# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events are read back as they were written, also when the writer was killed."""

from __future__ import annotations

from pathlib import Path

from lab.events import Event, read

RESET = Event("RESET", "2026-11-22T15:00:00.000+00:00", 12.5, 4711, {"guest": True, "reason": "guest-reset"})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(RESET.line() + RESET.line())
    assert read(file) == [RESET, RESET]


def test_a_line_that_is_not_whole_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(RESET.line() + RESET.line()[:20])
    assert read(file) == [RESET]


def test_no_file_means_no_events(tmp_path: Path) -> None:
    assert read(tmp_path / "events.jsonl") == []
