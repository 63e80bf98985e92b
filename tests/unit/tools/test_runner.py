# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps: their order, their logs, what a failure shows, and what the exit code says."""

from __future__ import annotations

import os

import pytest

from tools import cli, console, layout, runner
from tools.runner import Step


@pytest.fixture(autouse=True)
def own_tree(tmp_path, monkeypatch):
    for module in (runner, layout, console, cli):
        for name, path in (("ROOT", tmp_path), ("LOGS", tmp_path / "logs")):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, path)
    # The real sweep ends every child of this process, pytest's included.
    monkeypatch.setattr(runner.processes, "end_leftovers", lambda: [])


def step(name, action=lambda _context: None, group="unit", absent=None):
    return Step(name, group, f"title of {name}", action, absent=absent)


def shell(script):
    def action(context):
        context.run(["sh", "-c", script], cwd=layout.ROOT)

    return action


def run(steps, strict=False):
    shown = console.Console(stream=False)
    results = runner.run_all(steps, shown)
    return cli.summarize(results, steps, shown, strict)


def test_all_pass(capsys):
    assert run([step("one"), step("two")])
    out = capsys.readouterr().out
    assert "step 1 of 2: title of one ... ok, 0 s" in out
    assert out.splitlines()[-1] == "2 passed, 0 failed"


def test_a_failure_shows_the_end_of_its_log_and_the_rest_goes_on(capsys):
    assert not run([step("bad", shell("seq 1000; exit 4")), step("good")])
    out = capsys.readouterr().out
    assert "exit code 4" in out
    assert "logs/bad.log" in out
    assert "    1000\n" in out
    assert "    900\n" not in out
    assert out.splitlines()[-1] == "1 passed, 1 failed"


def test_a_failed_preparation_stops_the_run(capsys):
    assert not run([step("packages", shell("exit 1"), group="prepare"), step("never")])
    out = capsys.readouterr().out
    assert "not reached: title of never" in out
    assert out.splitlines()[-1] == "0 passed, 2 failed"


@pytest.mark.parametrize(("strict", "well"), [(False, True), (True, False)])
def test_what_cannot_run_is_named_and_fails_in_ci(capsys, strict, well):
    assert run([step("one"), step("two", absent="no Python 3.8 here")], strict) is well
    assert "not run here: title of two (no Python 3.8 here)" in capsys.readouterr().out


def test_a_guest_left_running_fails_the_step(monkeypatch, capsys):
    left = [runner.processes.Leftover(7, "qemu-system-x86"), runner.processes.Leftover(8, "ssh")]
    monkeypatch.setattr(runner.processes, "end_leftovers", lambda: left)
    assert not run([step("one")])
    out = capsys.readouterr().out
    assert "guests were left running and have been ended: qemu-system-x86 (pid 7)" in out


def test_other_daemons_left_are_only_logged(monkeypatch):
    monkeypatch.setattr(runner.processes, "end_leftovers", lambda: [runner.processes.Leftover(8, "ssh")])
    assert run([step("one")])
    assert "ended after the step: ssh (pid 8)" in (runner.LOGS / "one.log").read_text()


def test_environment_is_the_machines_less_what_changes_results(monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", "-j8")
    monkeypatch.setenv("ANSIBLE_STRATEGY", "free")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    variables = runner.base_environment(None)
    assert "MAKEFLAGS" not in variables
    assert "ANSIBLE_STRATEGY" not in variables
    assert variables["XDG_CACHE_HOME"] == "/somewhere"
    assert variables["KHO_LAB_OWNER"] == str(os.getpid())


def test_selection_by_name_and_group():
    steps = [step("ruff", group="lint"), step("unit-3.8"), step("unit-3.9")]
    assert [each.name for each in cli.select(steps, ["lint", "unit-3.9"])] == ["ruff", "unit-3.9"]
    assert cli.select(steps, []) == steps
    with pytest.raises(cli.UnknownStep, match=r"no step or group units; there are: lint, ruff, unit"):
        cli.select(steps, ["units"])
