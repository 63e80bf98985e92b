# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps: their logs, what a failure shows, what is left behind, and what the exit code says."""

from __future__ import annotations

import os
import time

import pytest

from tools import cli, console, layout, runner, schedule, times
from tools.runner import Step


@pytest.fixture(autouse=True)
def own_tree(tmp_path, monkeypatch):
    for module in (runner, layout, console, cli):
        for name, path in (("ROOT", tmp_path), ("LOGS", tmp_path / "logs"), ("TIMES", tmp_path / "times")):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, path)
    monkeypatch.setattr(times, "RESULT", tmp_path / "times.json")


def step(name, action=lambda _context: None, group="unit", absent=None):
    return Step(name, group, f"title of {name}", action, absent=absent)


def shell(script):
    def action(context):
        context.run(["sh", "-c", script], cwd=layout.ROOT)

    return action


def run(steps, strict=False):
    shown = console.Console(stream=False)
    results = schedule.run_all(steps, shown, processors=2)
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


def test_what_speaks_of_the_failure_stands_below_the_table(capsys):
    fatal = "fatal: [web1]: FAILED! => no"
    assert not run([step("bad", shell(f"echo '{fatal}'; seq 100; exit 2"))])
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("failed: title of bad; logs/bad.log") + 1] == f"  {fatal}"


@pytest.mark.parametrize(
    ("log", "causes"),
    [
        ("fine\nE   assert 1 == 2\nFAILED a.py::test_b\n1 failed\n", ["E   assert 1 == 2", "FAILED a.py::test_b"]),
        ("TASK [x]\nfatal: [web1]: FAILED! => {}\nweb1 : ok=1 failed=1\n", ["fatal: [web1]: FAILED! => {}"]),
        ("a.py:1: error: no\nlast\n", ["a.py:1: error: no"]),
        ("  File x\nValueError: no\n", ["ValueError: no"]),
        ("ok\nlast\n\x1b[31mexit code 2\x1b[0m\n\n", ["last", "[31mexit code 2[0m"]),
        ("error: " + "x" * 400, ["error: " + "x" * 293 + " …"]),
        ("", []),
    ],
)
def test_the_last_lines_that_speak_of_a_failure_are_taken(tmp_path, log, causes):
    path = tmp_path / "log"
    path.write_text(log, encoding="utf-8")
    assert schedule.telling(path) == causes


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


def test_a_fault_in_an_action_fails_the_step_and_is_in_its_log(capsys):
    assert not run([step("one", lambda _context: {}["absent"])])
    assert "a fault in the driver: KeyError('absent')" in capsys.readouterr().out
    assert "Traceback" in (runner.LOGS / "one.log").read_text()


def test_what_a_step_reports_is_said_at_the_end(capsys):
    assert run([step("one", lambda context: context.report("one of its tests"))])
    assert "not run here: one of its tests" in capsys.readouterr().out


def test_what_the_lab_wrote_is_summed_up_anew_in_each_run():
    record = '{"kind": "boot", "seconds": 31.2, "what": "alpha"}'
    boot = shell(f"""echo '{record}' >> "$KHO_LAB_TIMES"; printf torn >> "$KHO_LAB_TIMES" """)
    for _again in range(2):
        (result,) = schedule.run_all([step("one", boot)], console.Console(stream=False))
        assert result.entry()["kinds"] == {"boot": {"count": 1, "seconds": 31.2}}


def wait_for(path):
    while not path.exists():
        time.sleep(0.02)


def test_a_step_waits_for_another_run_of_it_and_says_so(tmp_path, monkeypatch):
    held, said = tmp_path / "held", tmp_path / "said"

    def hold(_context):
        with layout.locked(layout.ROOT / "logs" / "one.lock", "nobody", print):
            held.touch()
            wait_for(said)

    def say(_console, text):
        if text == "  one: waiting for another run of one":
            said.touch()

    monkeypatch.setattr(console.Console, "say", say)
    # The other run is a step that holds the lock of the last, which begins when that is so.
    assert run([step("other", hold), step("between", lambda _context: wait_for(held)), step("one")])
    assert said.exists()


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
