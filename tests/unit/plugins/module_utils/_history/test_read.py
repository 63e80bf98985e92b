# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history import read as history
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_files import CONSOLE_LIMIT, KDUMP
from ansible_collections.kho.kexec.plugins.module_utils._history.read import Request, read_history
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.tests.unit.support import journals
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.journals import (
    APART,
    EPOCH,
    INIT,
    LIST,
    UP,
    expect_journal,
    kernel,
)
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.transitions import OLD, upgradable_host

START = journals.start("7.3.4-kho")
EXEC = "KHO: exec from: 7.2.13-kho (count {})"
PANIC = "Kernel panic - not syncing: no"
FOURTH = "00000000-0000-0000-0000-000000000004"
ALL = Request(None, None, (), 60.0)


@pytest.fixture
def host(tmp_path):
    host = upgradable_host(FakeRoot(tmp_path)).add_directory("/var/log/journal")
    return host.add("/proc/uptime", "100.00 200.00\n")


def read(host, **given):
    history = read_history(host, ALL._replace(**given))
    host.assert_nothing_left()
    return history


def story(*numbers):
    """A chain of two handovers after a cold boot; the third boot crashes, and its last words are in the journal."""
    said = {
        1: kernel(1, START, INIT),
        2: kernel(2, START, EXEC.format(1), INIT),
        3: kernel(3, START, EXEC.format(2), INIT) + kernel(3, PANIC, uptime=UP + 1.0),
        4: kernel(4, START, INIT),
    }
    return [line for number in numbers for line in said[number]]


GOODBYES = journals.goodbye(1, "kexec.target") + journals.goodbye(2, "kexec.target")


def told(history):
    return [(boot["boot"], boot["kexec_count"], boot["ending"]) for boot in history["host_boots"]]


def codes(history):
    return [note["code"] for note in history["notes"]]


def test_the_story_of_a_chain(host):
    expect_journal(host, [1, 2, 3, 4], GOODBYES, story(1, 2, 3, 4))
    history = read(host)
    assert told(history) == [
        ("unknown", 0, "kexec"),
        ("handover", 1, "kexec"),
        ("handover", 2, "crash"),
        ("cold", 0, "unknown"),
        ("cold", 0, "running"),
    ]
    assert history["host_boots"][1]["begin"] == "2026-09-21T16:26:40Z"
    (crash,) = history["crashes"]
    assert crash["boot_id"] == history["host_boots"][2]["boot_id"] == "00000000-0000-0000-0000-000000000003"
    assert (crash["previous_release"], crash["kexec_count"], crash["kind"]) == ("7.2.13-kho", 2, "panic")
    assert (history["cursor"], codes(history)) == (journals.cursor(4), [])


def test_the_running_boot_speaks_for_itself(host):
    host.add("/proc/sys/kernel/random/boot_id", FOURTH + "\n")
    expect_journal(host, [4], words=story(4))
    (boot,) = read(host)["host_boots"]
    assert (boot["boot_id"], boot["release"], boot["boot"], boot["end"]) == (FOURTH, OLD, "cold", None)
    assert boot["evidence"] == ["start: the running kernel shows: cold"]


def test_a_second_run_reads_only_what_is_new(host):
    since = journals.cursor(3)
    expect_journal(host, [1, 2, 3, 4], [], story(3, 4), since=since)
    history = read(host, cursor=since)
    assert told(history) == [("cold", 0, "unknown"), ("cold", 0, "running")]
    assert history["cursor"] == journals.cursor(4)


def dump(host, path, number, uptime):
    text = f"[    0.000000] {START}\n[    1.000000] {EXEC.format(2)}\n[    1.500000] {INIT}\n[ {uptime:.6f}] {PANIC}\n"
    host.add(path, text)
    written = EPOCH + number * APART + UP + 20
    os.utime(str(host.root) + path, (written, written))


def test_a_dump_tells_how_a_boot_ended(host):
    dump(host, f"{KDUMP}/1/dmesg.1", 3, UP + 1.5)
    expect_journal(host, [2, 3, 4], GOODBYES, [*story(2), *story(3)[:3], *story(4)])
    history = read(host)
    assert told(history)[1:3] == [("handover", 2, "crash"), ("cold", 0, "unknown")]
    assert history["crashes"][0]["sources"] == ["kdump"]


def test_old_dumps_are_not_told_again(host):
    since = journals.cursor(3)
    dump(host, f"{KDUMP}/1/dmesg.1", 2, UP + 1.5)
    expect_journal(host, [1, 2, 3, 4], [], story(3, 4), since=since)
    assert [crash["source"] for crash in read(host, cursor=since)["crashes"]] == ["journal"]


@pytest.mark.parametrize(("since", "crashes"), [(None, 2), (journals.cursor(3), 1)])
def test_a_console_is_told_of_once(host, since, crashes):
    expect_journal(host, [3, 4], [], story(3, 4), since=since)
    log = f"[    0.000000] {journals.start('7.0')}\n[  500.000000] {PANIC} at all\n"
    host.expect_pipe(("tail", f"--bytes={CONSOLE_LIMIT}", "--", "/console"), log.encode())
    assert len(read(host, cursor=since, console_logs=("/console",))["crashes"]) == crashes


def test_what_was_read_until_the_time_was_over(host):
    expect_journal(host, [1, 2, 3, 4], GOODBYES, story(1, 2, 3), error="not finished in time")
    history = read(host)
    assert told(history) == [("unknown", 0, "kexec"), ("handover", 1, "kexec")]
    # The last one is read again, with the one that came after it.
    assert (codes(history), history["cursor"]) == (["history_incomplete"], journals.cursor(1))


def test_a_host_without_journal(host):
    (host.root / "var/log/journal").rmdir()
    host.add("/proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n").expect_missing(LIST)
    history = read(host)
    assert codes(history) == ["not_root", "journal_volatile", "journal_unreadable"]
    (boot,) = history["host_boots"]
    assert (boot["boot_id"], boot["ending"], history["cursor"]) == (BOOT_ID, "running", None)


@pytest.mark.parametrize("uptime", ["", "x", "\n"])
def test_without_an_uptime_the_running_boot_began_now(host, uptime, monkeypatch):
    monkeypatch.setattr(history.time, "time", lambda: EPOCH)
    host.add("/proc/uptime", uptime).expect_run(LIST)
    assert read(host)["host_boots"][0]["begin"] == "2026-09-21T14:13:20Z"


def test_the_journal_of_a_dead_host(host):
    where = "--directory=/dead"
    host.expect_run((*LIST[:3], where, *LIST[3:]), stdout="")
    assert read(host, directory="/dead")["host_boots"] == []


def test_what_is_no_cursor(host):
    with pytest.raises(KhoError) as caught:
        read_history(host, Request("nonsense", None, (), 60.0))
    assert caught.value.code == "cursor_invalid"


NAMED = "[    9.000000] kho-kexec: boot {} of 7.3.4-kho began {}: handover from 7.2.13-kho count 1\n"
NINTH = "00000000-0000-0000-0000-000000000009"


def test_a_boot_that_only_a_dump_tells_of(host):
    expect_journal(host, [1, 2], GOODBYES, story(1, 2))
    host.add(f"{KDUMP}/1/dmesg.1", NAMED.format(NINTH.replace("-", ""), EPOCH - 900) + f"[   50.000000] {PANIC}\n")
    history = read(host)
    (crash,) = history["crashes"]
    assert (crash["boot_id"], crash["previous_release"], crash["kexec_count"]) == (NINTH, "7.2.13-kho", 1)
    first = history["host_boots"][0]
    assert (first["boot_id"], first["boot"], first["ending"]) == (NINTH, "handover", "crash")
    assert len(history["host_boots"]) == 4
