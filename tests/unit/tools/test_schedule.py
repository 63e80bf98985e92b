# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps side by side: which may run together, what is shown, and that nothing of them outlives the run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.kho.kexec.tests.unit.support.processes import read_pid, runs, wait_until
from tools import console, layout, processes, runner, schedule
from tools.runner import WHOLE_MACHINE, Step

# A run of two steps side by side, each of which leaves a daemon in a session of its own and then works on.
DRIVER = """
import os, sys
from functools import partial
from pathlib import Path
from tools import console, processes, runner, schedule
processes.end_leftovers = partial(processes.end_leftovers, patience=0.1)
folder = Path(sys.argv[1])
runner.LOGS, runner.TIMES, console.ROOT = folder / "logs", folder / "times", folder

def leave(name):
    return f"setsid sleep 300 & echo $! > {folder}/{name}.daemon; "

def working(name):
    script = leave(name) + f"echo said; echo $$ > {folder}/{name}.command; exec sleep 300"
    return runner.Step(name, "unit", name, lambda context: context.run(["sh", "-c", script], cwd=folder))

def lose(context):
    context.run(["sh", "-c", leave("lost")], cwd=folder)
    os.kill(os.getpid(), 9)

def go_on(context):
    context.run(["sleep", "2"], cwd=folder)

if "--lost" in sys.argv:
    steps = [runner.Step("lost", "unit", "lost", lose), runner.Step("good", "unit", "good", go_on)]
else:
    steps = [working("one"), working("two")]
processes.catch_signals()
processes.adopt_orphans()
try:
    results = schedule.run_all(steps, console.Console(stream="--stream" in sys.argv), processors=2)
    print([result.failure for result in results])
except processes.Interrupted as interrupted:
    sys.exit(128 + interrupted.number)
"""


@pytest.fixture(autouse=True)
def own_tree(tmp_path, monkeypatch):
    for module, name in ((runner, "LOGS"), (runner, "TIMES"), (console, "ROOT"), (layout, "ROOT")):
        monkeypatch.setattr(module, name, tmp_path / name if name != "ROOT" else tmp_path)


def step(name, action=lambda _context: None, processors=1, group="unit", guests=0):
    return Step(name, group, f"title of {name}", action, processors=processors, guests=guests)


def sleeping(seconds):
    return lambda _context: time.sleep(seconds)


@pytest.mark.parametrize(
    ("shares", "processors", "expected"),
    [
        ([1, 1], 2, True),
        ([1, 1, 1], 2, False),
        ([2, 1], 2, False),
        ([2, 1], 4, True),
        ([1, WHOLE_MACHINE], 64, False),
        ([WHOLE_MACHINE], 1, True),
        ([4], 2, True),  # more than there are
    ],
)
def test_what_fits_on_the_machine(shares, processors, expected):
    *running, last = [step("any", processors=share) for share in shares]
    assert schedule.fits(last, running, processors) is expected


def test_guests_run_beside_guests_only():
    two, four = (Step(name, "molecule", name, lambda _context: None, guests=int(name)) for name in ("2", "4"))
    assert schedule.fits(two, [two], 2)
    assert not schedule.fits(two, [two, two], 2)
    assert not schedule.fits(two, [step("unit")], 64)
    assert not schedule.fits(step("unit"), [two], 64)
    assert not schedule.fits(four, [two], 2)


def test_preparations_run_by_themselves():
    assert not schedule.fits(step("one"), [step("packages", group="prepare")], 64)


def spans(steps, processors):
    """Run steps that note when they began and ended; return those times by name."""
    for each in steps:
        (layout.ROOT / each.name).touch()
    assert [result.failure for result in schedule.run_all(steps, console.Console(False), processors)] == [None] * len(
        steps
    )
    return {each.name: tuple(map(float, (layout.ROOT / each.name).read_text().split())) for each in steps}


def noting(name, seconds, **settings):
    def action(_context):
        began = time.monotonic()
        time.sleep(seconds)
        (layout.ROOT / name).write_text(f"{began} {time.monotonic()} {os.nice(0)}")

    return step(name, action, **settings)


def test_steps_run_side_by_side_in_their_order_and_a_whole_machine_step_alone():
    names = ("one", "two", "three")
    steps = [noting(name, 0.4) for name in names] + [
        noting("guests", 0.1, processors=WHOLE_MACHINE),
        noting("last", 0.1),
        noting("scenario", 0.3, guests=2),
        noting("another", 0.3, guests=2),
    ]
    seen = spans(steps, processors=2)
    assert seen["two"][0] < seen["one"][1]
    assert seen["three"][0] >= min(seen["one"][1], seen["two"][1])
    assert seen["guests"][0] >= max(seen[name][1] for name in names)
    assert seen["last"][0] >= seen["guests"][1]
    own = os.nice(0)
    assert seen["scenario"][0] >= seen["last"][1]
    assert seen["another"][0] < seen["scenario"][1]
    usual = [min(own + 10, 19)] * 3
    assert [seen[name][2] for name in (*names, "guests", "scenario", "another")] == [*usual, own, own, own]


def test_results_are_in_the_order_of_the_steps():
    results = schedule.run_all([step("slow", sleeping(0.4)), step("fast")], console.Console(False), processors=2)
    assert [result.step.name for result in results] == ["slow", "fast"]


def test_lines_without_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(console, "SIGN_OF_LIFE", 0.3)
    schedule.run_all([step("slow", sleeping(1)), step("fast")], console.Console(False), processors=2)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"step 2 of 2: title of fast \.\.\. ok, \d s", lines[0])
    assert re.fullmatch(r"  1 of 2 done, running: slow \d s \| ", lines[1])
    assert re.fullmatch(r"step 1 of 2: title of slow \.\.\. ok, \d s", lines[-1])


def test_a_terminal_has_one_live_line(capsys, monkeypatch):
    shown = console.Console(stream=False)
    shown.is_terminal = True
    monkeypatch.setattr(console.shutil, "get_terminal_size", lambda: os.terminal_size((60, 24)))
    schedule.run_all([step("slow", printing(*"abcdefgh")), step("fast")], shown, processors=2)
    live = [part for part in capsys.readouterr().out.split("\r\x1b[K") if part]
    assert [part.endswith("\n") for part in live] == [True, *[False] * (len(live) - 2), True]
    assert re.fullmatch(r"1 of 2 done, running: slow \d s \| \w", live[1])


def printing(*words):
    script = "; ".join(f"echo {word}; sleep 0.2" for word in words)
    return lambda context: context.run(["sh", "-c", script], cwd=layout.ROOT)


def test_streamed_steps_side_by_side_are_shown_in_one_piece(capsys):
    steps = [step("one", printing("a", "b")), step("two", printing("c", "d"))]
    schedule.run_all(steps, console.Console(stream=True), processors=2)
    out = re.sub(r"ok, \d s", "ok", capsys.readouterr().out)
    lines = [line for line in out.splitlines() if not line.startswith("$")]
    blocks = {tuple(lines[:4]), tuple(lines[4:])}
    assert blocks == {
        (f"step {number} of 2: title of {name} ...", *said, f"step {number} of 2: title of {name} ... ok")
        for number, name, said in ((1, "one", "ab"), (2, "two", "cd"))
    }


def test_a_step_alone_is_shown_as_it_comes():
    shown = []
    stream = console.Console(stream=True)
    stream.print = lambda text, end="\n": shown.append((time.monotonic(), text + end))
    schedule.run_all([step("one", printing("early", "late"))], stream, processors=2)
    first = next(when for when, text in shown if "early" in text.split())
    assert first < next(when for when, text in shown if "late" in text.split())


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    script = folder / "driver.py"
    script.write_text(DRIVER)
    environment = {**os.environ, "PYTHONPATH": str(Path(processes.__file__).parents[1])}
    argv = [sys.executable, str(script), str(folder), *arguments]
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)


def pids_of(folder: Path) -> list[int]:
    names = [f"{name}.{kind}" for name in ("one", "two") for kind in ("daemon", "command")]
    return [read_pid(folder / name) for name in names]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_waits_until_nothing_of_it_runs(tmp_path, number):
    driver = start(tmp_path, "--stream")
    pids = pids_of(tmp_path)
    driver.send_signal(number)
    out, _nothing = driver.communicate(timeout=60)
    assert driver.returncode == 128 + number
    assert not any(map(runs, pids))
    assert "ending what runs, and waiting for its cleaning up: one " in out
    assert out.count("said\n") == 2


def test_a_killed_driver_takes_all_steps_and_their_daemons_along(tmp_path):
    driver = start(tmp_path)
    pids = pids_of(tmp_path)
    driver.kill()
    driver.wait(10)
    wait_until(lambda: not any(map(runs, pids)), 60)


def test_a_lost_step_is_a_failure_its_daemons_end_and_others_go_on(tmp_path):
    driver = start(tmp_path, "--lost")
    out, _nothing = driver.communicate(timeout=60)
    assert out.splitlines()[-1] == "['its process ended early, with code -9', None]"
    assert not runs(read_pid(tmp_path / "lost.daemon"))
