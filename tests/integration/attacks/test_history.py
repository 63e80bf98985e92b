# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that lies in its history, among 100 that do not: what the fleet is told of crashes, and what plans do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.plugin_utils.histories import BEGIN, END, NEW, NOW, OLD, before, boot, cold, ended, history, some_id

from ansible_collections.kho.kexec.plugins.module_utils._options.policy import policy_spec
from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import policy_of
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.answers import assess, query, report
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_budget import keep_within
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import WAYS
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW as NEW_OF_PLAN
from ansible_collections.kho.kexec.tests.unit.support.transitions import OLD as OLD_OF_PLAN
from ansible_collections.kho.kexec.tests.unit.support.transitions import situation

HONEST = 100
DEFAULTS = {name: option.get("default") for name, option in policy_spec().items()}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A fleet in which each host has taken the transition, and nothing crashes more often than anything else."""
    with Ledger(place_of(f"sqlite:///{tmp_path}/ledger.db")) as opened:
        for number in range(HONEST):
            boots = [ended(1), ended(2), cold(3), cold(4)]
            opened.import_history(f"web{number}", history(*boots), NOW)
        yield opened


def lies(count: int, hours: float = 2.6, **changes: Any) -> list[dict[str, Any]]:
    """Return made-up boots that follow each other, the last of them now."""
    times = [{"begin": before(BEGIN, hours * at), "end": before(END, hours * at)} for at in range(count)]
    return [boot(boot_id=some_id(10**6 + at), **{**when, **changes}) for at, when in enumerate(times)]


def codes(notes: list[dict[str, str]]) -> list[str]:
    return [note["code"] for note in notes]


def plan(ledger: Ledger) -> Any:
    """Return what is planned for the next host, of which the kernels are those of the fleet."""
    return decide(situation(policy=policy_of({**DEFAULTS, "crash_risks": assess(ledger)["risks"]})))


@pytest.mark.parametrize("looping", [True, False])
def test_made_up_crashes_refuse_a_transition_for_nobody(ledger: Ledger, looping: bool) -> None:
    for number in range(HONEST):
        kernels = {"release": NEW_OF_PLAN, "previous_release": OLD_OF_PLAN}
        boots = [ended(5, **kernels), cold(6, release=NEW_OF_PLAN), cold(7, release=NEW_OF_PLAN)]
        ledger.import_history(f"web{number}", history(*boots), NOW)
    crashed = lies(30, release=NEW_OF_PLAN, previous_release=OLD_OF_PLAN, ending="crash")
    if not looping:
        crashed = [one if at % 2 else {**one, "ending": "clean"} for at, one in enumerate(crashed)]
    ledger.import_history("mallory", history(*crashed), NOW)
    decided = plan(ledger)
    assert (decided.action, decided.warnings) == ("handover", ())
    found = query(ledger, OLD_OF_PLAN, NEW_OF_PLAN)
    assert found["finding"] not in ("crashes_more", "crashes_less")
    (caution, *_others) = found["risk"]["cautions"]
    assert caution["code"] == "crashes_on_one_host"
    number = 30 if looping else 15
    assert f"{number} of the {number} boots that crashed are of one host, mallory." in caution["message"]


def test_made_up_crashes_of_cold_boots_are_said_to_be_one_hosts(ledger: Ledger) -> None:
    crashed = lies(200, boot="cold", previous_release=None, kexec_count=0, ending="crash")
    ledger.import_history("mallory", history(*crashed), NOW)
    found = query(ledger, OLD, NEW)
    assert found["finding"] not in ("crashes_more", "crashes_less")
    assert codes(found["risk"]["cautions"])[0] == "cold_crashes_on_one_host"


@pytest.mark.parametrize(
    "boots",
    [
        lies(5000, hours=0),
        lies(5000, hours=2.5 / 3600),
        lies(30, begin="9999-12-31T23:00:00Z", end="9999-12-31T23:30:00Z"),
    ],
    ids=["at once", "overlapping", "year 9999"],
)
def test_boots_that_cannot_have_been_are_not_taken(ledger: Ledger, boots: list[dict[str, Any]]) -> None:
    told = ledger.import_history("mallory", history(*boots), NOW)
    # 5,000 boots that began within three and a half hours and ran for two and a half each.
    assert told["boots"] <= 2
    assert codes(told["notes"]) == ["history_implausible"]


def test_thousands_of_boots_in_no_time_are_not_taken(ledger: Ledger) -> None:
    short = [{**one, "end": before(END, 2.5 + at / 100)} for at, one in enumerate(lies(5000, hours=1 / 100))]
    told = ledger.import_history("mallory", history(*short), NOW)
    # They began 36 seconds after each other, on three days.
    assert told["boots"] <= 4 * 200
    assert "history_too_large" in codes(told["notes"])


def test_thousands_of_clean_boots_hide_no_crashes(ledger: Ledger) -> None:
    """All of them can have been, so they are taken, and weigh as one host's."""
    for number in range(HONEST):
        boots = [ended(5, ending="crash" if number < 30 else "clean"), cold(6), cold(7)]
        ledger.import_history(f"web{number}", history(*boots), NOW)
    found = query(ledger, OLD, NEW)
    assert found["finding"] == "crashes_more"
    times = [{"begin": before(BEGIN, at / 5 + 0.1), "end": before(BEGIN, at / 5 + 0.05)} for at in range(5000)]
    clean = [{**one, **when} for one, when in zip(lies(5000, hours=0), times, strict=True)]
    assert ledger.import_history("mallory", history(*clean), NOW)["boots"] == 5000
    hidden = query(ledger, OLD, NEW)
    assert (hidden["finding"], hidden["risk"]["boots"]) == ("crashes_more", found["risk"]["boots"] + 5000)
    assert hidden["risk"]["rate"] > 0.9 * found["risk"]["rate"]


def test_a_crash_loop_counts_as_one_host_in_the_budget(ledger: Ledger) -> None:
    ledger.import_history("mallory", history(*lies(30, ending="crash")), NOW)
    found = keep_within(ledger, OLD, NEW, 0, 1)
    assert (found.get("failed"), found["crashed_hosts"], found["boots_crashed"]) == (None, ["mallory"], 30)


def test_thousands_of_counts_and_releases_make_nothing_long(ledger: Ledger, tmp_path: Path) -> None:
    for batch in range(5):
        boots = [
            {
                **one,
                "boot_id": some_id(10**7 + 2000 * batch + at),
                "begin": before(BEGIN, 0.2 * (2000 * batch + at) + 1),
                "end": before(BEGIN, 0.2 * (2000 * batch + at) + 0.9),
                "release": f"{at % 97}.0",
                "previous_release": f"{at % 89}.1",
                "kexec_count": 2000 * batch + at,
                "ending": "crash" if at % 3 else "clean",
            }
            for at, one in enumerate(lies(2000, hours=0))
        ]
        told = ledger.import_history("mallory", history(*boots), NOW)
        assert codes(told["notes"]) == ["history_too_large"]
    began = time.process_time()
    found = report(ledger, tmp_path / "report", NOW, keep=True)
    risks = assess(ledger)["risks"]
    # Both; what was measured is in tests/bench.
    assert time.process_time() - began < 20
    assert len(found["summary"]) <= WAYS + 5
    assert len(risks) <= WAYS
    assert max((tmp_path / "report" / name).stat().st_size for name in ("report.json", "report.html")) < 2 << 20
    assert "mallory" in " ".join(found["summary"])
    # What others did is still told.
    assert query(ledger, OLD, NEW)["risk"]["boots"] == 2 * HONEST


def complaints(first: int, number: int) -> list[dict[str, str]]:
    return [{"code": "iommu_fault", "signature": f"DMAR: {'x' * at}"} for at in range(first, first + number)]


def test_made_up_complaints_say_nothing_of_a_transition(ledger: Ledger, tmp_path: Path) -> None:
    for number in range(HONEST):
        boots = [ended(1, troubles=[]), ended(2, troubles=[]), cold(3, troubles=[]), cold(4, troubles=[])]
        ledger.import_history(f"web{number}", history(*boots), NOW)
    # One has none of its own, and says what another said in 200 boots.
    ledger.import_history("web1", history(ended(1, troubles=complaints(0, 1))), NOW)
    for batch in range(10):
        made_up = [
            {**one, "boot_id": some_id(10**8 + 100 * batch + at), "troubles": complaints(10 * (100 * batch + at), 10)}
            for at, one in enumerate(lies(100))
        ]
        when = [{"begin": before(BEGIN, 3.0 * (100 * batch + at) + 30)} for at in range(100)]
        ends = [{"end": before(END, 3.0 * (100 * batch + at) + 30)} for at in range(100)]
        boots = [{**one, **begin, **end} for one, begin, end in zip(made_up, when, ends, strict=True)]
        told = ledger.import_history("mallory", history(*boots), NOW)
    assert codes(told["notes"]) == ["history_too_large"]
    report(ledger, tmp_path / "report", NOW, keep=True)
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [one["finding"] for one in found["symptoms"] if one["finding"] not in ("too_few", "one_host")] == []
    assert found["symptoms_of_one_host"] == 199
    assert assess(ledger)["own_troubles"] == []
