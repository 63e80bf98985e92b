# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json
import sys

from ansible_collections.kho.kexec.plugins.module_utils._fact_script import main as fact_script
from ansible_collections.kho.kexec.plugins.module_utils._observe import running


def printed(capsys):
    fact_script.main()
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.endswith("}\n")
    assert captured.out.count("\n") == 1
    return json.loads(captured.out)


def test_the_fields_are_those_of_the_facts():
    assert tuple(field.name for field in dataclasses.fields(running.RunningKernel)) == fact_script.FIELDS


def test_facts(capsys):
    assert tuple(printed(capsys)) == fact_script.FIELDS


def test_an_error_becomes_a_note(capsys, monkeypatch):
    def fail(_host):
        raise RecursionError("{{ 7*7 }}\n\x1b[31m caf\xe9 " + "x" * 1000)

    monkeypatch.setattr(running, "observe_running", fail)
    facts = printed(capsys)
    assert tuple(facts) == fact_script.FIELDS
    assert (facts["boot"], facts["source"], facts["subtrees"], facts["kexec_count"]) == ("unknown", "none", [], None)
    (note,) = facts["notes"]
    assert note["code"] == "fact_script_failed"
    assert "RecursionError" in note["message"]
    assert note["message"].isprintable()
    assert note["message"].isascii()
    assert len(note["message"]) < 600
    assert "{{" not in note["message"]


def test_a_core_that_cannot_be_imported_becomes_a_note(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, running.__name__, None)
    assert [note["code"] for note in printed(capsys)["notes"]] == ["fact_script_failed"]
