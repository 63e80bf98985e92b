# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One page explains every code that plugins can give to a user, and nothing else."""

from __future__ import annotations

import ast

import pytest
from contract.codes import HEADING, PAGE, headings, lines
from contract.emitted import Sources, Unresolved
from contract.tree import PLUGINS, ROOT, files

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import CODES_PAGE

# These hand on the code of a note, of an error or of a verdict that came to be elsewhere, where it is found.
PASSED_ON = frozenset(
    {
        "action.kexec_image: error.code",
        "action.kexec_reboot: error.code",
        "action.kexec_soak_bisect: problem.code",
        "action.kexec_reboot: refusal.code",
        "action.kexec_rollout: error.code",
        "module_utils._history.read: one.what",
        "plugin_utils._ledger.errors: error.code",
        "module_utils._host.access: problem.code",
        "module_utils._host.busy: note.code",
        "module_utils._plan.policy: caution['code']",
        "module_utils._record.claim: note.code",
        "module_utils._transition.commit: note.code",
        "module_utils._observe.debugfs: error.code",
        "module_utils._host.errors: self.code",
        "module_utils._guard.arm: note.code",
        "module_utils._transition.leave: foreign.code",
        "module_utils._bootloader.arguments: found.problem.code",
        "module_utils._options.fail: error.code",
        "module_utils._transition.keep: error.code",
        "module_utils._transition.stage: error.code",
        "module_utils._transition.stage: first.code",
        "module_utils._transition.stage: pending.code",
        "module_utils._transition.stage: foreign.code",
        "module_utils._transition.verdict: str(first['code'])",
        "plugin_utils._common.answers: WORD",
        "plugin_utils._common.controller_action: error.code",
        "plugin_utils._fleet.attention: _text(noted['code'], CODE_LIMIT)",
        "plugin_utils._waves.gate: self.code",
        "plugin_utils._rollout.outcome: _code(results)",
        "plugin_utils._rollout.outcome: outcome.code",
        "plugin_utils._rollout.outcome: outcome.verdict",
        "plugin_utils._jump.module_action: error.code",
        "plugin_utils._jump.jump: code",
        "plugin_utils._jump.jump: trouble.code",
        "plugin_utils._jump.jump: verdict['verdict']",
        "plugin_utils._central.collect: error.code",
        "plugin_utils._central.collect: note['code']",
        "plugin_utils._ledger.facts: _field(result, 'verdict')",
        "plugin_utils._ledger.facts: _field(verdict, 'verdict')",
        "plugin_utils._ledger.facts: _matching(told, 'reason', _WORD)",
        "plugin_utils._ledger.facts: _matching(told, 'verdict', _WORD)",
        "plugin_utils._ledger.facts: verdict.get('reason')",
        "plugin_utils._ledger.risks: note.code",
        "plugin_utils._ledger.symptom_words: one.trouble",
        "plugin_utils._rollout.results: run_log.stopped_by",
        "plugin_utils._rollout.results: known.told.code()",
        "plugin_utils._rollout.results: text_or_none(outcome.verdict)",
    }
)
# Event is what a line of the kernel's log means; its code gets out in a Note only. Gate and Outcome are given
# theirs by keyword.
CARRIERS = {"Event", "Gate", "KhoError", "Note", "Outcome"}


@pytest.fixture(scope="module")
def plugins():
    paths = [path for path in files() if path.suffix == ".py" and path.is_relative_to(PLUGINS)]
    texts = {
        ".".join(path.relative_to(PLUGINS).with_suffix("").parts): path.read_text(encoding="utf-8") for path in paths
    }
    return Sources(texts, PASSED_ON)


def test_every_code_has_a_heading(plugins):
    assert plugins.codes() - set(headings()) == set()


def test_every_heading_is_a_code(plugins):
    assert set(headings()) - plugins.codes() == set()


def test_no_code_has_two_headings():
    assert sorted(headings()) == sorted(set(headings()))


def test_something_stands_below_every_heading():
    below = lines()
    empty = [line for line, following in zip(below, [*below[1:], "#"], strict=True) if is_empty(line, following)]
    assert empty == []


def is_empty(line, following):
    return HEADING.match(line) is not None and following.startswith("#")


def test_no_other_class_carries_codes(plugins):
    assert plugins.carriers() == CARRIERS


def test_all_that_passes_codes_on_is_still_there(plugins):
    plugins.codes()
    assert plugins.used == PASSED_ON


def test_every_failure_leads_to_the_page():
    """One function makes the result of a task that fails with a code, and says where the code is explained."""
    made = [
        path.name
        for path in files()
        if path.suffix == ".py" and path.is_relative_to(PLUGINS)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Dict)
        and {"failed", "code"} <= {ast.unparse(key).strip("'") for key in node.keys if key}
    ]
    assert made == ["errors.py"]
    assert (ROOT / CODES_PAGE) == PAGE


def test_every_warning_of_a_module_leads_to_the_page():
    """One function shows notes as warnings, as one makes failures."""
    folders = (PLUGINS / "modules", PLUGINS / "module_utils")
    warning = [
        path.name
        for path in files()
        if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in folders)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "warn"
    ]
    assert warning == ["fail.py"]


PREAMBLE = """
class Note: code: str
class KhoError(Exception):
    def __init__(self, code, message):
        self.code = code
class Refusal(KhoError): pass
class Damage(KhoError):
    def __init__(self, what, reason):
        super().__init__("damaged_" + reason, what)
TABLE = {1: ("in_table", "text"), 2: ("also_in_table", "text")}
def look_up(number):
    return TABLE[number] if number else TABLE[1]
"""


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("Note('plain', 'text')", {"plain"}),
        ("Note(message='text', code='by_keyword')", {"by_keyword"}),
        ("Refusal('a' if question else 'b', 'text')", {"a", "b"}),
        ("errors.KhoError('qualified', 'text')", {"qualified"}),
        ("CODE: str = 'constant'\nNote(CODE, 'text')", {"constant"}),
        ("Damage('text', 'once')\nDamage('text', reason='twice')", {"damaged_once", "damaged_twice"}),
        (
            "def give(number):\n    code, text = TABLE[number]\n    return Note(code, text)",
            {"in_table", "also_in_table"},
        ),
        ("def give():\n    code, text = look_up(3)\n    return Note(code, text)", {"in_table", "also_in_table"}),
        ("def give(code='usual'):\n    return Note(code, 'text')\ngive()\ngive('other')", {"usual", "other"}),
        ("def give(log):\n    event = log.first('x', 'y')\n    return Note(event.code, 'text')", {"x", "y"}),
        ("def act():\n    code = 'one'\n    if f():\n        code = 'two'\n    return {'code': code}", {"one", "two"}),
        ("result['code'] = 'subscript'", {"subscript"}),
        ("module.fail_json(msg='text', code='keyword')", {"keyword"}),
        (
            "class Finding: pass\ndef find(v, r=None): return Finding(v, r, 'text')\nfind('lost', 'why')",
            {"lost", "why"},
        ),
        ("result = {'verdict': 'lost', 'reason': None, 'accepted': False}", {"lost"}),
        ("argument_spec = {'verdict': 'no code'}", set()),
    ],
)
def test_codes_are_found(source, codes):
    # A call of Damage makes its code; without one, there is none to find.
    preamble = PREAMBLE if "Damage" in source else PREAMBLE + "Damage('text', 'always')\n"
    assert Sources({"given": preamble + source}).codes() - {"damaged_always"} == codes


@pytest.mark.parametrize(
    "source",
    [
        "Note(ask(), 'text')",
        "Note(f'made_{up}', 'text')",
        "Note('made_' + up, 'text')",
        "Note(nowhere, 'text')",
        "Note(3, 'text')",
        "Note(*arguments)",
        "Note(other.code, 'text')",
        "def give(event):\n    return Note(event.code, 'text')",
        "def give(code):\n    return Note(code, 'text')",
        "for code in CODES:\n    Note(code, 'text')",
        "code = 'first'\ncode += 'second'\nNote(code, 'text')",
        "Refusal()",
        "result = {'code': ask()}",
        "Damage(**arguments)",
    ],
)
def test_what_cannot_be_followed_is_an_error(source):
    with pytest.raises(Unresolved):
        Sources({"given": PREAMBLE + source}).codes()
