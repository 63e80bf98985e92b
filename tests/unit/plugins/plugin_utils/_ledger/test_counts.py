# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections import Counter

import pytest
from unit.plugins.plugin_utils.correlations import boots_and_crashes
from unit.plugins.plugin_utils.histories import (
    BEGIN,
    END,
    NEW,
    NOW,
    OLD,
    before,
    boot,
    cold,
    crash,
    ended,
    history,
    some_id,
)

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import (
    BUGS,
    SIGNATURES,
    Begun,
    count_begun,
    count_fleet,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import (
    FleetCounts,
    Way,
    WorstHost,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import Sum

HANDOVER, COLD = Way("handover", OLD, NEW), Way("cold", None, NEW)


def test_empty_ledger(ledger: Ledger) -> None:
    assert count_fleet(ledger) == FleetCounts(counts=())


def test_boots_by_way_and_count(ledger: Ledger) -> None:
    boots = [ended(1), ended(2), ended(3, kexec_count=2, ending="crash"), cold(4), cold(5, ending="crash")]
    ledger.import_history("web1", history(*boots), NOW)
    ledger.import_history("web2", history(*boots), NOW)
    assert boots_and_crashes(count_fleet(ledger)) == {
        (HANDOVER, 1): (4, 0),
        (HANDOVER, 2): (2, 2),
        (COLD, 0): (4, 2),
    }


def test_boots_of_unknown_kind_are_compared_with_nothing(ledger: Ledger) -> None:
    unknown = [ended(number, boot="unknown", previous_release=None, ending="crash") for number in range(10, 30)]
    ledger.import_history("web1", history(ended(40), cold(41), *unknown), NOW)
    fleet = count_fleet(ledger)
    assert boots_and_crashes(fleet) == {(HANDOVER, 1): (1, 0), (COLD, 0): (1, 0)}
    assert (fleet.not_compared, fleet.worst_host) == (20, {})
    found = correlate(fleet)
    assert found.cold == {NEW: Sum(1, 0, 2.5)}
    assert [one.risk.cold.boots for one in found.transitions] == [1]


def test_boot_whose_kind_is_known_later_is_compared_then_and_stays_so(ledger: Ledger) -> None:
    for kind in ("unknown", "cold", "unknown"):
        ledger.import_history("web1", history(cold(1, boot=kind)), NOW)
    assert boots_and_crashes(count_fleet(ledger)) == {(COLD, 0): (1, 0)}


def test_crashes_of_boots_that_are_not_there(ledger: Ledger) -> None:
    crashes = (crash(boot_id=None), crash(boot_id=some_id(99)), crash(boot_id=some_id(1)))
    ledger.import_history("web1", history(ended(1), crashes=crashes), NOW)
    ledger.import_history("web2", history(ended(2)), NOW)
    fleet = count_fleet(ledger)
    assert fleet.not_joined == 2
    assert boots_and_crashes(fleet) == {(HANDOVER, 1): (2, 1)}


def test_what_cannot_be_compared(ledger: Ledger) -> None:
    boots = [ended(1), ended(2, boot="unknown"), ended(3, boot="kdump"), ended(4, release=None)]
    ledger.import_history("web1", history(*boots), NOW)
    fleet = count_fleet(ledger)
    assert (fleet.boots, fleet.not_compared) == (4, 3)
    assert boots_and_crashes(fleet) == {(HANDOVER, 1): (1, 0)}


def test_only_a_handover_tells_its_origin(ledger: Ledger) -> None:
    ledger.import_history("web1", history(ended(1, boot="kexec"), ended(2, boot="kexec", previous_release=None)), NOW)
    assert [count.way for count in count_fleet(ledger).counts] == [Way("kexec", None, NEW)]


def test_hours(ledger: Ledger) -> None:
    boots = [
        ended(1),
        boot(boot_id=some_id(2)),
        ended(3, begin=None),
        boot(boot_id=some_id(4), begin=END, end=BEGIN, ending="clean"),
    ]
    ledger.import_history("web1", history(*boots), NOW)
    (count,) = count_fleet(ledger).counts
    # One ended, one runs until now, the times of two say nothing.
    assert count.boots == 4
    assert count.hours == pytest.approx(2.5 + (NOW - 1795359600) / 3600)


def test_leading_bugs_and_their_signatures(ledger: Ledger) -> None:
    boots, crashes = [], []
    for number in range(1, 16):
        boots.append(ended(number, ending="crash"))
        crashes += [
            crash(boot_id=some_id(number), bug=f"{which:016x}", signature=f"{way:08x}{which:08x}")
            for which in range(5)
            if number % (which + 1) == 0
            for way in range(5)
            if number % (way + 1) == 0
        ]
    ledger.import_history("web1", history(*boots, crashes=tuple(crashes)), NOW)
    found = count_fleet(ledger).bugs
    # A boot counts once, however many signatures of the bug were seen in it.
    assert [(one.bug[-1], one.boots) for one in found] == [("0", 15), ("1", 7), ("2", 5)]
    assert len(found) == BUGS
    assert [(one.signature[:8][-1], one.boots) for one in found[0].signatures] == [("0", 15), ("1", 7), ("2", 5)]
    assert len(found[0].signatures) == SIGNATURES
    assert found[0].frames == ("nvme_reset_work", "process_one_work")
    assert (found[0].way, found[0].old) == (HANDOVER, False)


def test_a_crash_of_an_earlier_version_is_old_until_it_is_told_anew(ledger: Ledger) -> None:
    old = {name: value for name, value in crash(boot_id=some_id(1)).items() if name != "bug"}
    ledger.import_history("web1", history(ended(1), crashes=(old,)), NOW)
    (before,) = count_fleet(ledger).bugs
    assert (before.bug, before.old) == (old["signature"], True)
    ledger.import_history("web1", history(ended(1), crashes=(crash(boot_id=some_id(1), signature="a" * 16),)), NOW)
    (after,) = count_fleet(ledger).bugs
    assert (after.bug, after.old, [one.signature for one in after.signatures]) == (crash()["bug"], False, ["a" * 16])


def test_worst_host(ledger: Ledger) -> None:
    for host, crashed in (("web1", 1), ("web2", 3), ("web3", 0)):
        boots = [ended(number, ending="crash" if number <= crashed else "clean") for number in range(1, 6)]
        ledger.import_history(host, history(*boots), NOW)
    assert count_fleet(ledger).worst_host == {HANDOVER: WorstHost("web2", 3)}


def test_counts_of_a_made_up_fleet(ledger: Ledger) -> None:
    from bench.fleet import histories

    expected: Counter[tuple[Way, int]] = Counter()
    crashed: Counter[tuple[Way, int]] = Counter()
    for host, given in histories(30, 40, seed=1):
        ledger.import_history(host, given, NOW)
        for one in given["host_boots"]:
            key = (Way(one["boot"], one["previous_release"], one["release"]), one["kexec_count"])
            expected[key] += 1
            crashed[key] += one["ending"] == "crash"
    found = boots_and_crashes(count_fleet(ledger))
    assert found == {key: (boots, crashed[key]) for key, boots in expected.items()}


BEGAN = 1795359600

"""``BEGIN`` of the histories, in seconds since 1970."""


def test_boots_that_began_since(ledger: Ledger) -> None:
    def at(hours: float) -> dict[str, str]:
        return {"begin": before(BEGIN, -hours), "end": before(BEGIN, -hours - 0.5)}

    early = ended(1, ending="crash", **{**at(0), "begin": "2026-11-22T14:59:59Z"})
    other = ended(3, previous_release="7.2.12", ending="crash", **at(2))
    ledger.import_history("web2", history(early, ended(2, ending="crash", **at(1)), other), NOW)
    oops = crash(boot_id=some_id(5), kind="oops", fatal=False)
    by_kexec = ended(6, boot="kexec", previous_release=None, begin=None, end=END)
    unknown = ended(7, boot="unknown", ending="crash", **at(4))
    crashed = cold(4, ending="crash", **at(1))
    ledger.import_history("web1", history(ended(5, **at(0)), by_kexec, crashed, unknown, crashes=(oops,)), NOW)
    assert count_begun(ledger, OLD, NEW, BEGAN) == Begun(2, 2, 2, ("web1", "web2"))
    assert count_begun(ledger, None, NEW, BEGAN) == Begun(2, 4, 3, ("web1", "web2"))
    assert count_begun(ledger, OLD, NEW, BEGAN - 1) == Begun(2, 3, 3, ("web1", "web2"))
    assert count_begun(ledger, OLD, NEW, BEGAN + 3601) == Begun(0, 0, 0, ())
    assert count_begun(ledger, OLD, "7.3.5", 0) == Begun(0, 0, 0, ())


def test_hosts_that_were_not_taken_at_their_word(ledger: Ledger) -> None:
    ledger.import_history("web1", history(ended(1)), NOW)
    ledger.import_history("mallory", history(ended(1), boot(begin="9000-01-01T00:00:00Z")), NOW)
    ledger.import_history("mallory", history(ended(1)), NOW)
    found = count_fleet(ledger)
    assert (found.doubted_hosts, found.boots) == (("mallory",), 2)
