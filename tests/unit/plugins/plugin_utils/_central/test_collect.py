# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests for _central/collect.py, on a ledger in a file."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from unit.plugins.plugin_utils.central import CRASH, NAMES, behind
from unit.plugins.plugin_utils.histories import NEW, NOW, OLD, boot, cold, history, some_id

from ansible_collections.kho.kexec.plugins.plugin_utils._central.collect import collect
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError

UPTIME = 816
BEGAN = 1795300000


def iso(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def crashed(number=1, began=BEGAN, **changes):
    """The boot that the crash is of, as its host's journal knows it: it just ends."""
    times = {"begin": iso(began), "end": iso(began + UPTIME - 5), "ending": "unknown"}
    return boot(boot_id=some_id(number), kexec_count=3, **{**times, **changes})


@pytest.mark.parametrize(
    ("kind", "name", "lines"),
    [
        ("netconsole", "web1.log", CRASH),
        ("netconsole", "192.0.2.1.log", behind("2026-11-22T07:10:12+00:00 whatever")),
        ("netconsole", "web1/2026-11-22.log", CRASH),
        ("netconsole", "all.log", behind("Nov 22 07:10:12 web1")),
        ("netconsole", "all.log", behind("Nov 22 07:10:12 192.0.2.1")),
        ("netconsole", "all.log", behind("web1:")),
        ("kdump", "web1-2026-11-22-07:10:15/vmcore-dmesg.txt", CRASH),
        ("kdump", "web1/202611220710/dmesg.202611220710", CRASH),
        ("boots", "fleet.jsonl", [json.dumps({"host": "web1", "log": "\n".join(CRASH)})]),
    ],
)
def test_a_crash_that_only_central_logs_tell_of_is_of_its_boot(ledger, logs, crashes, kind, name, lines):
    ledger.import_history("web1", history(crashed(), cold(2)), NOW)
    news = collect(ledger, logs(kind, name, lines), NAMES, 60.0, NOW)
    assert crashes() == [("web1", some_id(1), "oops", 1, kind)]
    assert (news["crashes"], news["hosts"], news["unmatched"], news["notes"]) == (1, ["web1"], [], [])
    assert collect(ledger, logs(kind, name, lines), NAMES, 60.0, NOW)["crashes"] == 0


@pytest.mark.parametrize(
    "other",
    [
        crashed(2, BEGAN + 5000, ending="unknown"),  # it fits as well
        None,
    ],
)
def test_a_crash_that_fits_no_boot_or_two_has_none(ledger, logs, crashes, other):
    if other:
        ledger.import_history("web1", history(crashed(), other), NOW)
    collect(ledger, logs("netconsole", "web1.log", CRASH), NAMES, 60.0, NOW)
    assert [boot_id for _host, boot_id, *_rest in crashes()] == [None]


@pytest.mark.parametrize(
    "changes",
    [
        {"kexec_count": 4},
        {"previous_release": NEW},
        {"release": OLD},
        {"end": iso(BEGAN + 90000)},
    ],
)
def test_a_boot_that_cannot_have_crashed_so_does_not_get_the_crash(ledger, logs, crashes, changes):
    ledger.import_history("web1", history({**crashed(), **changes}), NOW)
    collect(ledger, logs("netconsole", "web1.log", CRASH), NAMES, 60.0, NOW)
    assert [boot_id for _host, boot_id, *_rest in crashes()] == [None]


def test_a_date_in_a_name_tells_which_boot_it_was(ledger, logs, crashes):
    long_before = crashed(2, BEGAN - 400000)
    ledger.import_history("web1", history(crashed(), long_before), NOW)
    name = datetime.fromtimestamp(BEGAN + UPTIME, timezone.utc).strftime("web1-%Y-%m-%d-%H:%M:%S/vmcore-dmesg.txt")
    collect(ledger, logs("kdump", name, CRASH), NAMES, 60.0, NOW)
    assert [boot_id for _host, boot_id, *_rest in crashes()] == [some_id(1)]


LATER = [line.replace("[  81", "[ 381") for line in CRASH]
"""The same, 3,000 s later."""


@pytest.mark.parametrize(
    ("ago", "seen_ago", "lines", "joined"),
    [
        (5000, 4900, LATER, True),
        (5000, 4900, LATER[5:], False),  # it does not begin with the kernel's first line
        (5000, 100, LATER, False),  # it was seen running later
        (3600, 3500, LATER, False),  # that is still to come
    ],
)
def test_a_boot_that_was_last_seen_running_can_have_crashed_since(ledger, logs, crashes, ago, seen_ago, lines, joined):
    running = crashed(began=NOW - ago, end=None, ending="running")
    ledger.import_history("web1", history(running), NOW - seen_ago)
    collect(ledger, logs("netconsole", "web1.log", lines), NAMES, 60.0, NOW)
    assert [boot_id for _host, boot_id, *_rest in crashes()] == [some_id(1) if joined else None]


def test_a_crash_that_has_its_boot_stays_one_when_another_boot_fits_as_well(ledger, logs, crashes):
    ledger.import_history("web1", history(crashed()), NOW)
    wanted = logs("netconsole", "web1.log", CRASH)
    collect(ledger, wanted, NAMES, 60.0, NOW)
    ledger.import_history("web1", history(crashed(2, BEGAN + 5000)), NOW)
    assert collect(ledger, wanted, NAMES, 60.0, NOW)["crashes"] == 0
    assert [boot_id for _host, boot_id, *_rest in crashes()] == [some_id(1)]


CUT = CRASH[5:]
"""What is left of it where only the end was kept."""


def named(number=1, count=3):
    began = f"began {BEGAN}: handover from {OLD} count {count}"
    return f"[    9.000000] kho-kexec: boot {some_id(number).replace('-', '')} of {NEW} {began}"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("web1.log", [named(), *CUT]),
        ("web1.log", [*CUT, named()]),
        ("all.log", behind("Nov 22 07:10:12 web1", [named(), *CUT])),
    ],
)
def test_a_boot_that_no_host_can_tell_of_is_named_by_its_crash(ledger, logs, crashes, name, lines):
    wanted = logs("netconsole", name, lines)
    news = collect(ledger, wanted, NAMES, 60.0, NOW)
    assert (news["boots"], news["crashes"], news["notes"]) == (1, 1, [])
    assert crashes() == [("web1", some_id(1), "oops", 1, "netconsole")]
    ((known, ending),) = ledger.boots_of("web1")
    assert (known.release, known.previous_release, known.kexec_count, ending) == (NEW, OLD, 3, "crash")
    assert (known.began, known.ended) == (BEGAN, BEGAN + 812)
    again = collect(ledger, wanted, NAMES, 60.0, NOW)
    assert (again["boots"], again["crashes"]) == (0, 0)


def test_a_dump_of_pstore_in_a_line_of_json_is_put_together(ledger, logs, crashes):
    parts = "\n".join(["Panic#1 Part1", *CUT[6:], "Panic#1 Part2", named(), *CUT[:6]])
    collect(ledger, logs("boots", "a.jsonl", [json.dumps({"host": "web1", "log": parts})]), NAMES, 60.0, NOW)
    assert crashes() == [("web1", some_id(1), "oops", 1, "boots")]


def test_a_record_names_one_of_several_boots_that_fit(ledger, logs, crashes):
    ledger.import_history("web1", history(crashed(), crashed(2, BEGAN + 5000)), NOW)
    collect(ledger, logs("netconsole", "web1.log", [named(), *CUT]), NAMES, 60.0, NOW)
    assert [boot_id for _host, boot_id, *_rest in crashes()] == [some_id(1)]


def test_a_line_does_not_count_against_what_the_ledger_knows(ledger, logs, crashes):
    ledger.import_history("web1", history(crashed(), crashed(2, BEGAN + 5000)), NOW)
    collect(ledger, logs("netconsole", "web1.log", [named(count=4), *CUT]), NAMES, 60.0, NOW)
    assert [boot_id for _host, boot_id, *_rest in crashes()] == [None]
    assert len(ledger.boots_of("web1")) == 2


def test_logs_that_are_not_there(ledger, tmp_path):
    with pytest.raises(LedgerError, match="central logs") as caught:
        collect(ledger, [{"kind": "kdump", "path": str(tmp_path / "none")}], NAMES, 60.0, NOW)
    assert caught.value.code == "central_logs_missing"
