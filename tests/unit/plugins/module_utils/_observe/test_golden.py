# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of real guests, learned again from what was recorded there (molecule scenario ``facts``)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._observe.running import observe_running
from ansible_collections.kho.kexec.tests.unit.support.recording import record, replay

GUESTS = Path(__file__).resolve().parents[3] / "golden" / "guests"
STORIES = sorted(file.stem for file in GUESTS.glob("*.json"))


def _recording(story):
    return json.loads((GUESTS / f"{story}.json").read_text())


def test_there_are_recordings():
    assert {"cold_boot", "handover_3", "kho_v9", "log_wrapped", "target_without_kho"} <= set(STORIES)


@pytest.mark.parametrize("story", STORIES)
def test_the_facts_are_those_that_the_guest_had(story, tmp_path):
    recording = _recording(story)
    host = replay(recording, tmp_path)
    assert observe_running(host).as_facts() == recording["facts"]
    host.assert_nothing_left()


@pytest.mark.parametrize("story", STORIES)
def test_a_recording_of_a_recording_is_the_same(story, tmp_path):
    recording = _recording(story)
    assert record(replay(recording, tmp_path)) == recording


@pytest.mark.parametrize("story", STORIES)
def test_each_file_is_read_once(story, tmp_path):
    host = replay(_recording(story), tmp_path)
    observe_running(host)
    assert len(host.reads) == len(set(host.reads))


@pytest.mark.parametrize("story", STORIES)
def test_programs_are_run_only_where_debugfs_leaves_something_open(story):
    recording = _recording(story)
    unexplained = any(note["code"] == "handover_refused_unexplained" for note in recording["facts"]["notes"])
    if recording["facts"]["source"] == "debugfs" and not unexplained:
        assert recording["runs"] == []
