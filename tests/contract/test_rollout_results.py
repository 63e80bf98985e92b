# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a rollout are what their schema and their page say."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone

import jsonschema
import pytest
from contract.tree import ROOT
from unit.plugins.plugin_utils.rollouts import bad_day

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import OUTCOMES
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.results import SCHEMA, Setting, document

SCHEMA_FILE = json.loads((ROOT / "docs/reference/rollout_results.schema.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs/reference/rollout_results.md").read_text(encoding="utf-8")
SETTING = Setting(datetime(2026, 11, 23, tzinfo=timezone.utc), "kexec_upgrade.yml", False, "controller")
CHECKER = jsonschema.Draft202012Validator(SCHEMA_FILE)


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA_FILE)
    assert SCHEMA_FILE["properties"]["schema"]["const"] == SCHEMA
    assert tuple(SCHEMA_FILE["$defs"]["outcome"]["enum"]) == OUTCOMES


@pytest.mark.parametrize("state", ["running", "stopped", "interrupted"])
def test_results_follow_the_schema(state):
    told = bad_day()
    if state != "running":
        told.stop()
    CHECKER.validate(document(told.run_log, SETTING, state, told.now))


def test_what_does_not_follow_the_schema_is_found():
    results = document(bad_day().stop(), SETTING, "stopped", 60.0)
    results["hosts"][0]["outcome"] = "fine"
    assert not CHECKER.is_valid(results)


def test_every_field_is_explained():
    run, host = (SCHEMA_FILE["properties"][name] for name in ("run", "hosts"))
    events = host["items"]["properties"]["events"]["items"]["properties"]["event"]["enum"]
    words = [*run["properties"], *host["items"]["properties"], *events, *OUTCOMES, *run["properties"]["state"]["enum"]]
    assert [word for word in words if not re.search(rf"`{word}`", PAGE)] == []
