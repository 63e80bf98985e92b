# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout import HEADER, OUTAGE_COLUMN, Rollout

PROMISE = {"release": "7.3.4-kho", "previous_release": "7.2.13-kho", "kexec_count": 1}
STAGED = {
    "running": {"release": "7.2.13-kho"},
    "target": {"release": "7.3.4-kho"},
    "plan": {"action": "handover", "promise": PROMISE},
}
THERE = {"running": {"release": "7.3.4-kho"}, "target": {"release": "7.3.4-kho"}, "plan": {"action": "none"}}
PROVEN = {
    "promise": PROMISE,
    "outage_seconds": 8.349,
    "verdict": {"verdict": "handover_verified", "reported": {**PROMISE, "boot": "handover"}},
}


def row_of(*results: tuple[str, Any]) -> tuple[str, ...]:
    rollout = Rollout()
    for module, result in results:
        rollout.note_result("web1", module, result)
    (row,) = rollout.rows()
    assert len(row) == len(HEADER)
    return row


def test_proven_host() -> None:
    assert row_of(("kexec_image", STAGED), ("kexec_reboot", PROVEN)) == (
        *("web1", "7.2.13-kho", "7.3.4-kho", "7.2.13-kho (1)", "7.2.13-kho (1)", "handover_verified", "8.3"),
    )
    assert HEADER[OUTAGE_COLUMN].startswith("outage")


def test_lost_host_shows_what_was_promised() -> None:
    lost = {"failed": True, "code": "unreachable", "promise": PROMISE, "verdict": {"verdict": "unreachable"}}
    assert row_of(("kexec_image", STAGED), ("kexec_reboot", lost))[3:] == ("7.2.13-kho (1)", "-", "unreachable", "-")


@pytest.mark.parametrize(
    ("results", "word"),
    [
        ([("kexec_image", THERE)], "already there"),
        ([("kexec_image", STAGED)], "staged"),
        ([("kexec_image", STAGED), ("kexec_reboot", {"changed": True, "verdict": None})], "planned"),
        ([("kexec_image", {"failed": True, "code": "kexec_disabled"})], "kexec_disabled"),
        ([("kexec_image", {"failed": True})], "failed"),
        ([("kexec_image", STAGED), ("kexec_reboot", {"failed": True, "code": "connection_local"})], "connection_local"),
    ],
)
def test_word_for_hosts_without_a_verdict(results: list[tuple[str, Any]], word: str) -> None:
    assert row_of(*results)[5] == word


def test_host_that_ansible_itself_could_not_reach() -> None:
    rollout = Rollout()
    rollout.note_lost("web1")
    assert rollout.rows() == [("web1", "-", "-", "-", "-", "unreachable", "-")]


@pytest.mark.parametrize("junk", [None, 3, "text", [], {"release": {"a": 1}, "previous_release": 7}])
def test_results_of_any_shape(junk: Any) -> None:
    image = {"running": junk, "target": junk, "plan": junk}
    row_of(("kexec_image", image), ("kexec_reboot", {"promise": junk, "verdict": junk, "outage_seconds": junk}))


def test_what_hosts_report_is_reduced_to_printable_ascii() -> None:
    row = row_of(("kexec_image", {**STAGED, "running": {"release": "\x1b[2J主"}, "plan": {}}))
    assert row[1] == "?[2J?"


def test_counts_by_word() -> None:
    rollout = Rollout()
    for host in ("a", "b"):
        rollout.note_result(host, "kexec_image", THERE)
    rollout.note_lost("c")
    assert rollout.counts() == [("already there", 2), ("unreachable", 1)]
