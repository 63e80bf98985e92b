# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests for _central/sources.py, by what comes into a ledger."""

from __future__ import annotations

import json
import os

import pytest
from unit.plugins.plugin_utils.central import CRASH, NAMES, behind
from unit.plugins.plugin_utils.histories import NOW, cold, history

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.plugin_utils._central import sources
from ansible_collections.kho.kexec.plugins.plugin_utils._central.collect import collect


def test_lines_of_two_hosts_in_one_file_are_kept_apart(ledger, logs, crashes):
    pairs = zip(behind("Nov 22 07:10:12 web1"), behind("Nov 22 07:10:12 web2"), strict=True)
    collect(ledger, logs("netconsole", "all.log", [line for pair in pairs for line in pair]), NAMES, 60.0, NOW)
    assert [(host, kind) for host, _boot, kind, *_rest in crashes()] == [("web1", "oops"), ("web2", "oops")]


def test_boots_of_a_fleet_that_keeps_them_elsewhere(ledger, logs):
    lines = [
        json.dumps({"host": "web1.example.com", "boot": cold(1)}),
        "",
        json.dumps({"host": "web2", "boot": cold(1)}),
    ]
    news = collect(ledger, logs("boots", "fleet.jsonl", lines), NAMES, 60.0, NOW)
    assert (news["boots"], news["hosts"]) == (2, ["web1", "web2"])


def test_a_boot_that_is_known_tells_whose_it_is(ledger, logs):
    ledger.import_history("web2", history(cold(1, ending="unknown")), NOW)
    news = collect(ledger, logs("boots", "a.jsonl", [json.dumps({"boot": cold(1)})]), NAMES, 60.0, NOW)
    assert (news["boots"], news["hosts"]) == (1, ["web2"])


@pytest.mark.parametrize(
    ("kind", "name", "lines", "named"),
    [
        ("netconsole", "db9.log", CRASH, "db9.log: [812.114202]"),
        ("netconsole", "all.log", behind("Nov 22 07:10:12 db9"), "all.log: db9"),
        ("kdump", "db9-2026-11-22-07:10:15/vmcore-dmesg.txt", CRASH, "vmcore-dmesg.txt"),
        ("boots", "a.jsonl", [json.dumps({"host": "db9", "boot": cold(1)})], "a.jsonl: db9"),
        ("journal", "system.journal", [""], "system.journal"),
    ],
)
def test_what_is_of_no_host_is_said(ledger, logs, crashes, kind, name, lines, named):
    news = collect(ledger, logs(kind, name, lines), NAMES, 60.0, NOW)
    assert (news["hosts"], crashes()) == ([], [])
    assert [note["code"] for note in news["notes"]] == ["central_log_unmatched"]
    assert named.split(": [")[0] in news["unmatched"][0]
    assert news["unmatched"][0] in news["notes"][0]["message"]


@pytest.mark.parametrize(
    "line",
    [
        *("{", "[]", '{"host": "web1"}', '{"host": "web1", "boot": 1}', "[" * 100000),
        *('{"host": "web1", "boot": {}}', '{"boot": {"boot_id": "\\ud800"}}'),
        json.dumps({"host": "web1", "boot": cold(2, ending="crashed")}),
    ],
)
def test_a_line_that_is_not_understood_keeps_no_other_from_being_read(ledger, logs, line):
    lines = [line, json.dumps({"host": "web1", "boot": cold(1)})]
    news = collect(ledger, logs("boots", "a.jsonl", lines), NAMES, 60.0, NOW)
    assert news["boots"] == 1
    assert [note["code"] for note in news["notes"]] == ["central_log_unread"]
    assert "line 1 is not a JSON object" in news["notes"][0]["message"]


def test_a_file_that_cannot_be_read_is_said(ledger, logs, tmp_path):
    wanted = logs("netconsole", "web1.log", CRASH)
    (tmp_path / "logs/web2.log.gz").write_bytes(b"\x1f\x8b\x08" + b"\xff" * 20)
    os.mkfifo(tmp_path / "logs/pipe")
    news = collect(ledger, wanted, NAMES, 60.0, NOW)
    assert (news["crashes"], [note["code"] for note in news["notes"]]) == (1, ["central_log_unread"])
    assert "web2.log.gz" in news["notes"][0]["message"]


def test_a_journal_of_which_not_all_was_read_is_said(ledger, logs, monkeypatch):
    told = ([cold(1)], [], [Note("history_incomplete", "The time was over.")])
    monkeypatch.setattr(sources, "history_of_journal", lambda *_options: told)
    news = collect(ledger, logs("journal", "remote-192.0.2.2.journal", [""]), NAMES, 60.0, NOW)
    assert (news["boots"], news["hosts"]) == (1, ["web2"])
    assert "The time was over." in news["notes"][0]["message"]


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
@pytest.mark.parametrize("kind", ["netconsole", "boots", "kdump"])
def test_what_a_device_is_called_ends_no_line(ledger, logs, crashes, kind, end):
    forged = f"[  812.114530] usb 1-1: Product: Disk{end}[  812.114530] Kernel panic - not syncing: forged"
    lines = {"boots": [json.dumps({"host": "web1", "log": forged})]}.get(kind, [forged])
    collect(ledger, logs(kind, "web1/dmesg.202611220710", lines), NAMES, 60.0, NOW)
    assert [message for *_rest, message in crashes()] == (["kdump"] if kind == "kdump" else [])


def test_what_is_not_read_in_time_is_said(ledger, logs):
    news = collect(ledger, logs("netconsole", "web1.log", CRASH), NAMES, 0.0, NOW)
    assert (news["crashes"], [note["code"] for note in news["notes"]]) == (0, ["central_log_unread"])
    assert "the time was over" in news["notes"][0]["message"]


def test_a_path_that_is_a_link_is_followed(ledger, logs, tmp_path):
    logs("netconsole", "web1.log", CRASH)
    (tmp_path / "link").symlink_to(tmp_path / "logs")
    wanted = [{"kind": "netconsole", "path": str(tmp_path / "link")}]
    assert collect(ledger, wanted, NAMES, 60.0, NOW)["crashes"] == 1
