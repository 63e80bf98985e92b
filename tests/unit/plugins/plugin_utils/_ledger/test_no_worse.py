# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gate that asks whether hosts that jumped are worse off than the others."""

from __future__ import annotations

import pytest
from unit.plugins.plugin_utils.histories import NEW, cold, history
from unit.plugins.plugin_utils.jumped_hosts import ACPI, HOUR, SINCE, after, at, before, looked, waiting

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.no_worse import keep_no_worse
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.stakes import KEPT


def test_empty_ledger(ledger: Ledger) -> None:
    found = keep_no_worse(ledger, None, SINCE)
    assert "failed" not in found
    assert (found["evidence"], found["ratio"], found["ratio_interval"]) == (pytest.approx(KEPT), None, [0.0, None])


def test_hosts_before_and_after_their_jump(ledger: Ledger) -> None:
    waiting(ledger, 2)
    ledger.import_history("web1", history(before(until=600), after(660)), SINCE + HOUR)
    found = keep_no_worse(ledger, NEW, SINCE)
    assert found["jumped"] == {"hosts": 1, "hours": pytest.approx((HOUR - 660) / HOUR), "crashed": 0}
    assert found["waiting"] == {"hosts": 2, "hours": pytest.approx(2 + 600 / HOUR), "crashed": 0}
    assert "0 of 1 host crashed in 0.817 host hours after the jump, and 0 of 2 hosts" in found["msg"]


def test_jumps_that_kill_are_found(ledger: Ledger) -> None:
    waiting(ledger, 200)
    for number in range(6):
        boots = [before(until=600), after(660), *([after(900, number=3)] if number else [])]
        if number < 2:
            boots[1] = after(660, 680, ending="crash")
        ledger.import_history(f"web{number}", history(*boots), SINCE + HOUR)
    found = keep_no_worse(ledger, NEW, SINCE)
    assert (found["failed"], found["code"]) == (True, "jumped_hosts_worse")
    assert found["crashed_hosts"] == ["web0", "web1"]
    assert "2 of 6 hosts crashed" in found["msg"]
    assert "web0, web1" in found["msg"]
    assert found["evidence"] >= found["evidence_limit"]


def test_a_host_that_crashes_in_a_loop_counts_once(ledger: Ledger) -> None:
    waiting(ledger, 5)
    loop = [after(660 + 60 * at, 690 + 60 * at, number=2 + at, ending="crash") for at in range(30)]
    ledger.import_history("web1", history(before(until=600), *loop), SINCE + HOUR)
    found = keep_no_worse(ledger, NEW, SINCE)
    assert found["jumped"]["crashed"] == 1
    assert "failed" not in found


def roll_out(ledger: Ledger, hosts: int, *troubles: dict[str, str], of_old: tuple[dict[str, str], ...] = ()) -> None:
    """Have hosts jump, all of which complain of something afterwards, while as many others wait."""
    for number in range(hosts):
        boots = looked(before(until=600), *of_old), looked(after(660 + number), *troubles)
        ledger.import_history(f"web{number:02}", history(*boots), SINCE + HOUR)
        ledger.import_history(f"waiting{number:02}", history(looked(before(3))), SINCE + HOUR)


def test_symptoms_of_jumps_are_found_where_they_are_wanted(ledger: Ledger) -> None:
    roll_out(ledger, 12, ACPI)
    assert "failed" not in keep_no_worse(ledger, NEW, SINCE)
    assert "symptoms" not in keep_no_worse(ledger, NEW, SINCE)
    found = keep_no_worse(ledger, NEW, SINCE, symptoms=True)
    assert (found["failed"], found["code"]) == (True, "jumped_hosts_worse")
    assert "Of 12 hosts that jumped, 12 complained of acpi_error (ACPI Error: AE_AML) after it" in found["msg"]
    assert "it is 12 to 0. Hosts: web00, web01, web02, web03, web04 and 7 more." in found["msg"]
    assert "Crashed: none." in found["msg"]
    (symptom,) = found["symptoms"]
    assert (symptom["trouble"], symptom["with_itself"], symptom["own"]) == (
        "acpi_error",
        {"after": 12, "other": 0},
        False,
    )
    assert "failed" not in keep_no_worse(ledger, "7.3.5", SINCE, symptoms=True)


def test_what_the_release_has_after_cold_boots_too_is_no_fault_of_jumps(ledger: Ledger) -> None:
    roll_out(ledger, 12, ACPI)
    for host in ("cold1", "cold2"):
        ledger.import_history(host, history(looked(cold(9, begin=at(-9 * HOUR), end=at(-HOUR)), ACPI)), SINCE + HOUR)
    found = keep_no_worse(ledger, NEW, SINCE, symptoms=True)
    assert "failed" not in found
    assert found["symptoms"][0]["own"] is True
    assert "No complaint of kernels is seen to come from the jump, on 12 hosts" in found["msg"]


def test_what_is_the_kernels_own_is_asked_where_it_decides(ledger: Ledger) -> None:
    roll_out(ledger, 3, ACPI)
    for host in ("cold1", "cold2"):
        ledger.import_history(host, history(looked(cold(9, begin=at(-9 * HOUR), end=at(-HOUR)), ACPI)), SINCE + HOUR)
    found = keep_no_worse(ledger, NEW, SINCE, symptoms=True)
    assert ("failed" in found, found["symptoms"][0]["own"]) == (False, None)


def test_what_hosts_had_before_their_jump_does_not_stop(ledger: Ledger) -> None:
    roll_out(ledger, 20, ACPI, of_old=(ACPI,))
    found = keep_no_worse(ledger, NEW, SINCE, symptoms=True)
    assert ("failed" in found, found["symptoms"]) == (False, [])
