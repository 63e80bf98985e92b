# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One jump of a soak as a row, whatever the host has answered."""

from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._soak.rows import measures_of, row_from, row_of

RESULT = {
    "from": "7.3.4-kho",
    "to": "7.3.4-kho",
    "action": "handover",
    "verdict": "handover_verified",
    "accepted": True,
    "code": None,
    "reported": {"kexec_count": 3},
    "outage_seconds": 8.3491,
}
HEALTHY = {"healthy": True, "troubles": [{"code": "unit_failed", "new": False}]}
MEMORY = base64.b64encode(b"MemTotal: 9 kB\nMemFree:    4 kB\nCmaFree:   2 kB\nSlab:     1 kB\n").decode()
BOOT = "UserspaceTimestampMonotonic=1\nFinishTimestampMonotonic=12500000\n"


def test_a_jump_that_went_well():
    row = row_of(2, RESULT, HEALTHY, MEMORY, BOOT)
    assert row.as_dict() == {
        **{"number": 2, "left": "7.3.4-kho", "to": "7.3.4-kho", "verdict": "handover_verified", "failure": None},
        **{"kexec_count": 3, "well": True, "symptoms": [], "outage_seconds": 8.349, "boot_seconds": 12.5},
        **{"free_bytes": 4096, "cma_free_bytes": 2048, "slab_bytes": 1024},
    }
    assert row_from(json.loads(json.dumps(row.as_dict()))) == row


@pytest.mark.parametrize(
    ("result", "health", "code", "symptoms"),
    [
        ({**RESULT, "accepted": False, "code": "rolled_back"}, HEALTHY, "rolled_back", ()),
        ({**RESULT, "action": "none"}, HEALTHY, "not_proven", ()),
        (None, None, "not_proven", None),
        ([], "troubles", "not_proven", None),
        (RESULT, {"healthy": None, "troubles": []}, None, None),
        (
            RESULT,
            {"healthy": False, "troubles": [{"code": "kernel_warning", "new": True}, {"code": 7, "new": True}, 3]},
            None,
            ("kernel_warning",),
        ),
    ],
)
def test_what_is_not_well(result, health, code, symptoms):
    row = row_of(1, result, health, MEMORY, BOOT)
    assert (row.well, row.failure, row.symptoms) == (False, code, symptoms)


@pytest.mark.parametrize("memory", [None, 7, "***", "Zm9v"])
@pytest.mark.parametrize("boot", [None, 7, "", "FinishTimestampMonotonic=0", "FinishTimestampMonotonic=x"])
def test_what_is_not_told_is_not_known(memory, boot):
    row = row_of(1, RESULT, HEALTHY, memory, boot)
    assert (row.free_bytes, row.cma_free_bytes, row.slab_bytes, row.boot_seconds) == (None,) * 4


def test_what_a_host_says_is_made_printable():
    row = row_of(1, {**RESULT, "to": "{{ bad }}\x1b", "verdict": 7}, HEALTHY, MEMORY, BOOT)
    assert (row.to, row.verdict) == ("?{ bad }}?", None)


@pytest.mark.parametrize("changes", [{"number": "1"}, {"well": None}, {"more": 1}])
def test_a_row_that_is_none(changes):
    with pytest.raises(ValueError, match="a row"):
        row_from({**row_of(1, RESULT, HEALTHY, MEMORY, BOOT).as_dict(), **changes})
    with pytest.raises(ValueError, match="keys"):
        row_from(None)


def test_what_the_ledger_is_told_of_the_boot_that_answers():
    row = row_of(2, RESULT, HEALTHY, MEMORY, BOOT)
    whole = {**{"outage_seconds": 8.349, "boot_seconds": 12.5, "free_bytes": 4096, "cma_free_bytes": 2048}}
    whole["slab_bytes"] = 1024
    reached = {**RESULT, "reported": {"kexec_count": 3, "boot_id": "a"}}
    assert measures_of(row, reached, {**HEALTHY, "boot_id": "a"}) == {"boot_id": "a", **whole}
    assert measures_of(row, reached, None) == {"boot_id": "a", **whole}
    assert measures_of(row, reached, {"boot_id": "b"}) == {"boot_id": "b", **whole, "outage_seconds": None}
    assert measures_of(row, RESULT, {"boot_id": 7})["boot_id"] is None
