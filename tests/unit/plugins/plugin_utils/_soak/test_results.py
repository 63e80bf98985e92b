# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results file of a soak: another run goes on with it, and nothing else than such a file is believed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.results import (
    ALL_JUMPS,
    FILE,
    NOT_WELL,
    OUT_OF_TIME,
    asked_for,
    read,
    resumed,
    write,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.rows import Row

WELL = Row(1, "a", "b", "handover_verified", None, 1, True, (), 8.0, 12.0, 4096, 2048, 1024)
BAD = replace(WELL, number=2, well=False, symptoms=("kernel_warning",))
SOAK = asked_for("web1", 3, ["7.2.13-kho", "7.3.4-kho"], 100)


def code_of(call, *arguments):
    with pytest.raises(KhoError) as caught:
        call(*arguments)
    return caught.value.code


@pytest.mark.parametrize("jumps", [0, -1, 1001])
def test_too_few_or_too_many_jumps(jumps):
    assert code_of(asked_for, "web1", jumps, ["running"], 0) == "soak_jumps_invalid"


@pytest.mark.parametrize("targets", [[], [""], ["running", "  "]])
def test_no_target(targets):
    assert code_of(asked_for, "web1", 3, targets, 0) == "soak_targets_empty"


def test_targets_are_taken_in_turns_and_what_runs_is_started_anew():
    assert SOAK.target("7.3.4-kho") == "7.2.13-kho"
    assert SOAK.target("7.2.13-kho") == "running"
    assert SOAK.with_row(WELL, False).target(None) == "7.3.4-kho"


def test_the_first_that_is_not_well_ends_it_unless_it_keeps_going():
    assert SOAK.with_row(WELL, False).ended is None
    assert SOAK.with_row(WELL, False).with_row(BAD, False).ended == NOT_WELL
    all_of_them = SOAK.with_row(WELL, True).with_row(BAD, True).with_row(WELL, True)
    assert (all_of_them.ended, all_of_them.failures, all_of_them.is_well) == (ALL_JUMPS, 1, False)


def test_another_run_goes_on(tmp_path):
    assert resumed(tmp_path, SOAK) == SOAK
    write(tmp_path / "deep", replace(SOAK.with_row(WELL, False), ended=OUT_OF_TIME))
    assert resumed(tmp_path / "deep", replace(SOAK, began=200)) == SOAK.with_row(WELL, False)
    assert read(tmp_path / "deep").number == 2


def test_results_of_one_that_has_ended_are_kept_beside(tmp_path):
    write(tmp_path, replace(SOAK.with_row(BAD, False), ended=NOT_WELL))
    (tmp_path / "jump-2").mkdir()
    assert resumed(tmp_path, replace(SOAK, jumps=5)).jumps == 5
    assert {path.name for path in tmp_path.iterdir()} == {"soak-100.json", "soak-100-jump-2"}


def test_one_that_has_made_no_jump_stands_in_nobodys_way(tmp_path):
    write(tmp_path, SOAK)
    assert resumed(tmp_path, replace(SOAK, jumps=5)).jumps == 5


def test_stored_numbers_that_cannot_be_are_not_taken_for_typed_ones(tmp_path):
    write(tmp_path, replace(SOAK.with_row(WELL, False), jumps=5000))
    assert code_of(resumed, tmp_path, SOAK) == "soak_results_unreadable"


@pytest.mark.parametrize("target", ["latest", "previous", "7.3.*", "7.3.?", "[7]"])
def test_targets_that_are_another_kernel_each_time(target):
    assert code_of(asked_for, "web1", 3, ["running", target], 0) == "soak_target_unfit"


@pytest.mark.parametrize("changes", [{"jumps": 4}, {"targets": ("running",)}, {"host": "web2"}])
def test_another_soak_does_not_go_on(tmp_path, changes):
    write(tmp_path, SOAK.with_row(WELL, False))
    assert code_of(resumed, tmp_path, replace(SOAK, **changes)) == "soak_results_differ"


@pytest.mark.parametrize(
    "content",
    [
        *(
            "",
            "null",
            "[]",
            "{}",
            json.dumps({**SOAK.as_dict(), "schema": 2}),
            json.dumps({**SOAK.as_dict(), "rows": [{}]}),
        ),
        json.dumps({**SOAK.as_dict(), "ended": "well"}),
        json.dumps({**SOAK.as_dict(), "host": None}),
    ],
)
def test_what_is_no_results_file(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    assert code_of(resumed, tmp_path, SOAK) == "soak_results_unreadable"


def test_results_that_are_missing_or_too_large(tmp_path):
    assert code_of(read, tmp_path) == "soak_results_unreadable"
    (tmp_path / FILE).write_bytes(b" " * ((1 << 22) + 1))
    assert code_of(read, tmp_path) == "soak_results_unreadable"


def test_results_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    assert code_of(write, tmp_path / "file", SOAK) == "soak_results_unwritable"
