# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import pytest
from unit.plugins.plugin_utils.histories import NEW, NOW, OLD, cold, ended, history

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.answers import assess, query, report, write
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger


def test_handover_that_nobody_knows(ledger: Ledger) -> None:
    answer = query(ledger, OLD, NEW)
    assert (answer["changed"], answer["risk"], answer["finding"]) == (False, None, "too_few")
    assert f"no handover from {OLD} to {NEW}" in answer["msg"]


def test_handover_that_is_known(ledger: Ledger) -> None:
    ledger.import_history("web1", history(), NOW)
    answer = query(ledger, OLD, NEW)
    assert (answer["risk"]["boots"], answer["risk"]["crashes"]) == (1, 0)


def test_nothing_crashes(ledger: Ledger) -> None:
    answer = assess(ledger)
    assert (answer["risks"], answer["changed"]) == ([], False)
    assert "none was found" in answer["msg"]


def test_what_kernels_have_after_cold_boots(ledger: Ledger) -> None:
    bug = {"code": "firmware_bug", "signature": "[Firmware Bug]: TSC"}
    for host in ("web1", "web2"):
        ledger.import_history(host, history(cold(1, troubles=[bug]), ended(2, troubles=[bug])), NOW)
    assert assess(ledger)["own_troubles"] == [{"release": NEW, **bug, "boots": 2, "hosts": 2}]


def test_what_a_kernel_that_no_kexec_has_begun_has_after_cold_boots(ledger: Ledger) -> None:
    bug = {"code": "firmware_bug", "signature": "[Firmware Bug]: TSC"}
    for host in ("web1", "web2"):
        ledger.import_history(host, history(cold(1, troubles=[bug]), cold(2, troubles=[bug])), NOW)
    ledger.import_history("web3", history(cold(1, troubles=[])), NOW)
    assert assess(ledger)["own_troubles"] == [{"release": NEW, **bug, "boots": 4, "hosts": 2}]


@pytest.mark.parametrize("keep", [True, False])
def test_reports(ledger: Ledger, tmp_path: Path, keep: bool) -> None:
    ledger.import_history("web1", history(), NOW)
    answer = report(ledger, tmp_path / "made", NOW, keep)
    paths = [Path(path) for path in answer["paths"]]
    assert {path.parent for path in paths} == {tmp_path / "made"}
    assert [path.exists() for path in paths] == [keep] * len(paths)
    if keep:
        assert json.loads((tmp_path / "made" / "report.json").read_text())["transitions"]
    assert answer["msg"] == answer["summary"][0]


def test_report_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="Not a directory") as caught:
        write({tmp_path / "file" / "report.json": "{}"}, tmp_path / "file" / "more")
    assert caught.value.code == "report_unwritable"
