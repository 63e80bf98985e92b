# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of steps, and what may be in the artefact."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from lab import sharing
from stories import __main__ as stories
from tools import artefact, catalogue, environments, schedule
from tools.layout import ROOT
from tools.runner import WHOLE_MACHINE, StepFailed


def test_names_are_unique_and_groups_are_the_makefiles_targets():
    steps = catalogue.steps()
    names = [step.name for step in steps]
    assert len(names) == len(set(names))
    targets = {"lint", "contract", "unit", "artefact", "sanity", "integration", "guests", "molecule"}
    assert {step.group for step in steps} == targets


def test_no_scenario_is_a_failure(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "MOLECULE", tmp_path)
    (step,) = catalogue.molecule(environments.controller())
    with pytest.raises(StepFailed, match="no scenario"):
        step.action(None)


def test_a_step_for_each_scenario(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "MOLECULE", tmp_path)
    for name in ("default", "lost_host"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "molecule.yml").touch()
    (tmp_path / "resources").mkdir()
    steps = list(catalogue.molecule(environments.controller()))
    assert [step.name for step in steps] == ["molecule-default", "molecule-lost_host"]
    assert {step.processors for step in steps} == {WHOLE_MACHINE}, "nobody knows how many guests they have"


def test_scenarios_are_run_side_by_side_on_two_processors_and_one_after_the_other_when_each_is_run_twice():
    default, facts = [step for step in catalogue.steps() if step.group == "molecule"]
    platforms = [
        yaml.safe_load((ROOT / "molecule" / name / "molecule.yml").read_text())["platforms"]
        for name in ("default", "facts")
    ]
    assert [default.guests, facts.guests] == [len(guests) for guests in platforms]
    assert schedule.fits(facts, [default], 2)
    (stories_told,) = [step for step in catalogue.steps() if step.name == "stories"]
    assert not schedule.fits(default, [stories_told], 2)
    every = [step for step in catalogue.steps(True) if step.group == "molecule"]
    assert {(step.processors, step.guests) for step in every} == {(WHOLE_MACHINE, 0)}


def _names(everything):
    return [step.name for step in catalogue.steps(everything)]


def test_everything_is_all_that_the_tests_run_and_more():
    assert set(_names(False)) < set(_names(True))


def test_every_scenario_is_run_with_and_without_snapshots_by_one_of_the_two():
    folders = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
    wanted = {f"molecule-{name}{cold}" for name in folders for cold in ("", "-cold")}
    assert {name for name in _names(True) if name.startswith("molecule-")} == wanted
    left_out = {f"molecule-{name}" for name in catalogue.ONLY_IN_ALL}
    assert left_out < wanted
    assert {name for name in _names(False) if name.startswith("molecule-")} == {
        f"molecule-{name}" for name in folders
    } - left_out


class Recorder:
    """Notes which programs a step runs."""

    def __init__(self):
        self.variables = {}
        self.ran = []

    def tool(self, *words):
        self.ran.append((words[2:], self.variables))


def test_more_cases_of_the_same_are_tried_by_everything_alone():
    for everything, options in ((False, catalogue.WITHOUT_MORE_CASES), (True, ())):
        for step in catalogue.steps(everything):
            if step.group == "integration":
                context = Recorder()
                context.tool = lambda *words, ran=context.ran: ran.append(words)
                step.action(context)
                folder = ROOT / "tests/integration" / step.name.removeprefix("integration-")
                assert context.ran == [("pytest", *options, folder)]
        (step,) = (step for step in catalogue.steps(everything) if step.name == "unit-tools")
        context = Recorder()
        context.tool = lambda *words, ran=context.ran: ran.append(words)
        step.action(context)
        assert context.ran[0][: len(options) + 2] == ("pytest", *options, catalogue.UNIT)
    # No other step leaves them out, so nothing of the others may have the mark.
    tests = {path.relative_to(ROOT / "tests"): path for path in (ROOT / "tests").rglob("*.py")}
    texts = {str(name): path.read_text(encoding="utf-8") for name, path in tests.items()}
    assert {name for name, text in texts.items() if "only_in_all" in text} == {
        *("tools/catalogue.py", "unit/support/cases.py", "unit/tools/test_catalogue.py")
    }
    using = {name for name, text in texts.items() if "from unit.support.cases import" in text}
    assert "unit/statistics/test_truth.py" in using
    assert not {name for name in using if not name.startswith(("integration/", "unit/"))}
    assert not {name for name in using if name.startswith("unit/plugins/")}


@pytest.mark.parametrize(
    ("everything", "name", "wanted"),
    [
        (False, "stories", (("stories", "--representative"), {})),
        (True, "stories", (("stories",), {})),
        (True, "stories-cold", (("stories",), catalogue.WITHOUT_SNAPSHOTS)),
        (True, "matrix", (("matrix", "--afresh"), {})),
        (True, "matrix-cold", (("matrix", "--afresh"), catalogue.WITHOUT_SNAPSHOTS)),
    ],
)
def test_everything_tells_all_stories_and_tries_all_cells(everything, name, wanted):
    (step,) = (step for step in catalogue.steps(everything) if step.name == name)
    context = Recorder()
    step.action(context)
    assert context.ran[-1] == wanted


def test_the_scenario_for_kernels_of_others_gets_two_of_the_labs_as_if_they_were_somebodys(monkeypatch):
    monkeypatch.setattr(catalogue, "GIVEN", Path("/a folder"))
    for name in ("molecule-own_kernels", "molecule-own_kernels-cold"):
        (step,) = (step for step in catalogue.steps(True) if step.name == name)
        context = Recorder()
        step.action(context)
        assert ("kernels", "--copy-to", Path("/a folder"), "new", "kho-v9") in [ran[0][1:] for ran in context.ran]
        _words, variables = context.ran[-1]
        assert shlex.split(variables["KHO_LAB_DEBS"]) == ["/a folder/new.deb", "/a folder/kho-v9.deb"]
        assert ("KHO_LAB_COLD" in variables) == name.endswith("cold")
    assert set(catalogue.AS_SOMEBODYS) <= set(catalogue.KERNELS)


def test_a_dump_is_read_with_a_python_that_has_the_debugger():
    (step,) = (step for step in catalogue.steps(True) if step.name == "post-mortem")
    context = Recorder()
    step.action(context)
    assert context.ran[0][0] == ("lab", "build", "debug-info")
    debugger = environments.debugger()
    assert debugger in step.environments
    assert context.ran[-1][1] == {catalogue.DRGN: str(debugger.folder / "bin" / "python")}


def test_each_kind_of_guest_tells_its_own_stories_and_plain_ones_take_turns():
    shares = stories._shares(stories.STORIES, 3)
    assert [name for name in shares if name.startswith("plain")] == ["plain-1", "plain-2", "plain-3"]
    for name, share in shares.items():
        assert {story.kind for story in share} == {"plain" if name.startswith("plain") else name}
    assert sorted(story.name for share in shares.values() for story in share) == sorted(
        story.name for story in stories.STORIES
    )
    plain = [story for story in stories.STORIES if story.kind == "plain"][:7]
    turns = [[plain.index(story) for story in share] for share in stories._shares(plain, 3).values()]
    assert turns == [[0, 5, 6], [1, 4], [2, 3]]


def test_everything_on_guests_is_done_without_snapshots_too():
    once = {"lab", "snapshots", "by-hand", "post-mortem"}
    warm = {step.name for step in catalogue.steps(True) if step.group in ("guests", "molecule")} - once
    names = {name for name in warm if not name.endswith("-cold")}
    assert {f"{name}-cold" for name in names} == warm - names


def test_the_most_telling_days_are_told_by_the_tests():
    told = {one.name for one in [*stories.STORIES, *stories.FLEET_STORIES] if one.representative}
    assert told >= {
        "handover_that_is_lost",
        "sshd_masked_in_target",
        "controller_killed_in_the_jump",
        "health_check_that_fails",
        "target_that_panics_without_init",
        "crash_after_a_transition",
        "all_hosts_go_well",
    }
    assert {"molecule-default", "molecule-facts"} <= set(_names(False))


def test_units_run_on_the_oldest_and_the_newest_and_of_everything_on_each():
    pythons = [f"unit-{environments.interpreters.spell(version)}" for version in catalogue.MODULE_VERSIONS]
    cores = [f"unit-core-{core}" for core in environments.CORES]
    units = {step.name for step in catalogue.steps(False) if step.group == "unit"}
    assert units == {pythons[0], pythons[-1], cores[0], cores[-1], "unit-tools"}
    assert {step.name for step in catalogue.steps(True) if step.group == "unit"} == {
        *pythons,
        *cores,
        "unit-tools",
    }


def test_no_scenario_and_no_rollout_has_more_guests_than_are_counted_with():
    scenarios = [yaml.safe_load(path.read_text()) for path in (ROOT / "molecule").glob("*/molecule.yml")]
    assert max(len(scenario["platforms"]) for scenario in scenarios) <= sharing.MOST_GUESTS
    with_initramfs = any(story.kind == "initramfs" for story in stories.STORIES)
    assert stories.FLEET + with_initramfs == sharing.MOST_GUESTS


def test_an_absent_interpreter_makes_its_step_absent(monkeypatch):
    monkeypatch.setattr(environments.interpreters, "find", lambda _version: None)
    steps = list(catalogue.unit(environments.controller()))
    assert [step.name for step in steps if step.absent is None] == ["unit-tools"]
    assert "no Python 3.8 here" in [step.absent for step in steps]


def test_preparation_covers_what_runnable_steps_need_and_no_more(monkeypatch):
    seen = []
    monkeypatch.setattr(catalogue.packages, "ensure", lambda purposes, _run, _say: seen.append(purposes))
    lint = [step for step in catalogue.steps() if step.group == "lint"]
    packages, made = catalogue.prepare(lint)
    packages.action(type("Context", (), {"run": None, "say": None}))
    assert seen == [frozenset({"python"})]
    assert made.title == "Python environments (1)"


def test_unwanted_files_of_an_artefact_are_found():
    good = ["README.md", "plugins/modules/kho_facts.py", "changelogs/changelog.yaml", "docs/howto/upgrade.md"]
    bad = ["Makefile", "tests/unit/x.py", "plugins/modules/__pycache__/x.pyc", "changelogs/fragments/1.yml", "build/a"]
    assert artefact.unwanted(good + bad) == bad


def test_the_longest_integration_tests_begin_first_and_who_needs_the_machine_is_the_last():
    for everything in (False, True):
        steps = [step for step in catalogue.steps(everything) if step.group == "integration"]
        names = [step.name.removeprefix("integration-") for step in steps]
        assert names[: len(catalogue.LONGEST)] == list(catalogue.LONGEST)
        assert names[-1] == catalogue.MEASURING
        assert [step.processors for step in steps] == [1] * (len(steps) - 1) + [WHOLE_MACHINE]


def test_every_integration_test_is_in_a_step_of_its_folder():
    tests = ROOT / "tests" / "integration"
    folders = {path.relative_to(tests).parts[0] for path in tests.rglob("test_*.py")}
    assert set(catalogue.FOLDERS_ONLY_IN_ALL) < folders
    for everything, expected in ((True, folders), (False, folders - set(catalogue.FOLDERS_ONLY_IN_ALL))):
        found = {name for name in _names(everything) if name.startswith("integration-")}
        assert found == {f"integration-{name}" for name in expected}
    assert folders <= {path.name for path in tests.iterdir() if path.is_dir()}
