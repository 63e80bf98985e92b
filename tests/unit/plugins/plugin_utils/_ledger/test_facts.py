# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from unit.plugins.plugin_utils.histories import (
    BOOT_ID,
    LEFT,
    NEW,
    NOW,
    OLD,
    boot,
    crash,
    history,
    measured,
    result,
    upgraded,
)

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.facts import (
    LINES_LIMIT,
    row_of_transition,
    rows_of_history,
    rows_of_measures,
)


def row(**changes: Any) -> dict[str, Any]:
    (one,), _crashes = rows_of_history("web1", history(boot(**changes)), NOW)
    return one


def crash_row(**changes: Any) -> dict[str, Any]:
    _boots, (one,) = rows_of_history("web1", history(crashes=(crash(**changes),)), NOW)
    return one


def test_boot() -> None:
    assert row() == {
        **{"host": "web1", "boot_id": BOOT_ID, "release": NEW, "previous_release": OLD, "kexec_count": 1},
        **{"boot": "handover", "began": 1795359600, "ended": None, "ending": "running"},
        **{"evidence": '["it answers"]', "seen": NOW, "looked": None},
    }


def test_boot_ids_of_the_journal_and_of_the_kernel_are_the_same() -> None:
    assert row(boot_id=BOOT_ID.replace("-", ""))["boot_id"] == BOOT_ID


@pytest.mark.parametrize("time", ["2026-11-22T15:00:00+00:00", "2026-11-22T15:00:00", "2026-11-22T16:00:00.5+01:00"])
def test_times(time: str) -> None:
    assert row(begin=time)["began"] == 1795359600


def test_time_of_a_clock_that_was_not_set_is_unknown() -> None:
    assert row(begin="1970-01-01T00:00:05Z")["began"] is None


@pytest.mark.parametrize(
    "changes",
    [
        *({"boot_id": value} for value in (None, "", "x" * 32, 7)),
        *({"boot": value} for value in ("warm", None, ["cold"])),
        *({"ending": value} for value in ("crashed", None)),
        *({"begin": value} for value in ("yesterday", 7, "2026-13-01T00:00:00Z")),
        *({"kexec_count": value} for value in (-1, True, "1", 2**63, 1.5)),
    ],
)
def test_boot_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(LedgerError) as caught:
        row(**changes)
    assert caught.value.code == "history_invalid"
    assert "web1" in caught.value.message


@pytest.mark.parametrize("given", [None, [], {}, {"host_boots": {}, "crashes": []}, {"host_boots": [7], "crashes": []}])
def test_history_of_another_shape_is_refused(given: Any) -> None:
    with pytest.raises(LedgerError) as caught:
        rows_of_history("web1", given, NOW)
    assert caught.value.code == "history_invalid"


def test_what_a_host_wrote_is_bounded_and_cannot_be_a_template() -> None:
    hostile = "{{ lookup('pipe', 'id') }}\x1b[31m" + "x" * 500
    one = row(release=hostile, evidence=[hostile] * 100)
    lines = json.loads(one["evidence"])
    assert len(one["release"]) == 64
    assert len(lines) == LINES_LIMIT
    for text in (one["release"], *lines):
        assert "{{" not in text
        assert text.isprintable()
        assert len(text) <= 200


def test_crash() -> None:
    one = crash_row()
    assert (one["incident"], one["boot_id"], one["kind"], one["fatal"]) == (BOOT_ID, BOOT_ID, "panic", True)
    assert json.loads(one["frames"]) == ["nvme_reset_work", "process_one_work"]
    assert crash_row(source=["journal", "pstore"])["source"] == "journal, pstore"


def test_crash_without_its_boot_is_known_by_its_time() -> None:
    assert crash_row(boot_id=None)["incident"] == "1795368600"
    assert crash_row(boot_id=None, at=None)["incident"] == "unknown"


@pytest.mark.parametrize(
    "changes", [{"signature": "xyz"}, {"signature": None}, {"kind": "Kernel panic"}, {"boot_id": 1}]
)
def test_crash_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(LedgerError) as caught:
        crash_row(**changes)
    assert caught.value.code == "history_invalid"


TRANSITION = {
    **{"host": "web1", "boot_id_left": LEFT, "boot_id_found": BOOT_ID, "how": "handover"},
    **{"from_release": OLD, "to_release": NEW, "kexec_count": 1, "verdict": "handover_verified", "reason": None},
    **{"accepted": True, "outage_seconds": 8.5, "recorded": NOW},
}
COLDLY = {"how": "cold_boot", "release": NEW, "previous_release": None, "kexec_count": 0, "abi": None}


@pytest.mark.parametrize("given", [result(), upgraded()], ids=["of the module", "of the role"])
def test_transition(given: dict[str, Any]) -> None:
    assert row_of_transition("web1", given, NOW) == TRANSITION


def recorded(given: dict[str, Any]) -> dict[str, Any]:
    row = row_of_transition("web1", given, NOW)
    assert row is not None
    return row


def test_release_that_was_left_is_known_without_a_handover_when_this_run_left_it() -> None:
    assert recorded(upgraded(promised=COLDLY))["from_release"] == OLD
    resumed = upgraded(action="verify", promised=COLDLY, **{"from": None})
    assert recorded(resumed)["from_release"] is None
    assert recorded({**resumed, "promised": upgraded()["promised"]})["from_release"] == OLD
    of_module = result()
    of_module["verdict"]["promised"], of_module["verdict"]["evidence"]["release_left"] = COLDLY, OLD
    assert recorded(of_module)["from_release"] == OLD


def test_lost_host_has_neither_found_boot_nor_outage() -> None:
    given = result(boot_id_after=None, outage_seconds=None)
    given["verdict"]["evidence"]["boot_id_found"] = None
    of_role = upgraded(reported=None, outage_seconds=None, verdict="unreachable", accepted=False)
    for one in (recorded(given), recorded(of_role)):
        assert (one["boot_id_found"], one["outage_seconds"]) == (None, None)


@pytest.mark.parametrize("evidence", [None, [], "none", {"release_left": None}])
def test_evidence_that_is_none_leaves_the_release_unknown(evidence: Any) -> None:
    """What comes from a host need have no shape."""
    given = result()
    given["verdict"] = {**given["verdict"], "promised": COLDLY, "evidence": evidence}
    assert recorded(given)["from_release"] is None


@pytest.mark.parametrize(
    "given",
    [
        upgraded(action="refuse", verdict=None, boot_id_left=None, promised=None, reported=None, accepted=False),
        upgraded(action="none", verdict=None, boot_id_left=None, promised=None, reported=None),
        upgraded(action=None, verdict=None, boot_id_left=None, promised=None, reported=None, **{"from": None}),
        upgraded(verdict="unreachable", accepted=False, boot_id_left=None, promised=None, reported=None),
        upgraded(verdict="unhealthy", accepted=False, boot_id_left=None),
    ],
)
def test_nothing_to_record(given: dict[str, Any]) -> None:
    assert row_of_transition("web1", given, NOW) is None


@pytest.mark.parametrize(
    "given",
    [
        *(None, {}, {"verdict": None}, {"verdict": {"promised": {}, "evidence": {}}}, {"verdict": "handover_verified"}),
        *(upgraded(verdict="It went well."), upgraded(boot_id_left="x"), upgraded(promised="handover")),
        *(upgraded(reported={"release": NEW}), upgraded(promised={"how": "teleport"})),
    ],
)
def test_no_transition(given: Any) -> None:
    with pytest.raises(LedgerError) as caught:
        row_of_transition("web1", given, NOW)
    assert caught.value.code == "transition_invalid"


def test_what_was_measured_of_a_boot() -> None:
    rows, notes = rows_of_measures("web1", measured(boot_id=BOOT_ID.replace("-", "")))
    key = {"host": "web1", "boot_id": BOOT_ID}
    assert rows == [
        {**key, "measure": "outage_seconds", "value": 8.5},
        {**key, "measure": "free_bytes", "value": 812646400.0},
    ]
    assert notes == []
    assert rows_of_measures("web1", measured(boot_id=None)) == ([], [])


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 2**50 + 1, True, "812", [1], {"a": 1}, "x" * 10**6])
def test_what_cannot_have_been_measured_is_left_out(value: Any) -> None:
    rows, (note,) = rows_of_measures("web1", measured(free_bytes=value))
    assert [row["measure"] for row in rows] == ["outage_seconds"]
    assert note.code == "measure_implausible"
    assert len(note.message) < 400


@pytest.mark.parametrize(
    "given",
    [None, [], {}, measured(boot_id="x"), measured(boot_id=7), measured(temperature=3), {1: 2, "boot_id": None}],
)
def test_no_measures(given: Any) -> None:
    with pytest.raises(LedgerError) as caught:
        rows_of_measures("web1", given)
    assert caught.value.code == "measures_invalid"
