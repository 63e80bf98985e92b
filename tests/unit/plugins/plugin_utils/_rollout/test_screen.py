# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from unit.plugins.plugin_utils.rollouts import STAGED, Told

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout import screen as rollout_screen
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.events import HostEvent
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.screen import Screen, chosen_progress

TERMINAL, PIPE = SimpleNamespace(isatty=lambda: True), SimpleNamespace(isatty=lambda: False)


@pytest.mark.parametrize(
    ("wanted", "stream", "environment", "no_color", "chosen"),
    [
        ("auto", TERMINAL, {"TERM": "xterm"}, False, "bar"),
        ("auto", PIPE, {"TERM": "xterm"}, False, "lines"),
        ("auto", TERMINAL, {"TERM": "dumb"}, False, "lines"),
        ("auto", TERMINAL, {}, False, "lines"),
        ("auto", TERMINAL, {"TERM": "xterm", "NO_COLOR": "1"}, False, "lines"),
        ("auto", TERMINAL, {"TERM": "xterm"}, True, "lines"),
        ("bar", TERMINAL, {"TERM": "xterm", "NO_COLOR": "1"}, True, "bar"),
        ("bar", PIPE, {"TERM": "xterm"}, False, "lines"),
        ("lines", TERMINAL, {"TERM": "xterm"}, False, "lines"),
        ("none", TERMINAL, {"TERM": "xterm"}, False, "none"),
    ],
)
def test_choice(wanted: str, stream: Any, environment: dict[str, str], no_color: bool, chosen: str) -> None:
    assert chosen_progress(wanted, stream, environment, no_color) == chosen


class World:
    """A screen with a clock that is set by hand."""

    def __init__(self, progress: str) -> None:
        self.told = Told(["web1", "web2", "web3"], [2])
        self.told.wave()
        self.lines: list[str] = []
        self.screen = Screen(self.told.run_log, lambda: self.told.now, self.lines.append, nullcontext(), progress)

    @property
    def wave(self) -> Any:
        return self.told.run_log.waves[-1]


def test_lines_at_sensible_moments_only() -> None:
    world = World("lines")
    world.screen.wave_begins(world.wave)
    world.screen.happened("web1", None)
    world.told.now = 31.0
    world.screen.happened("web1", None)
    world.screen.happened("web1", None)
    world.told.run_log.end_wave(40.0)
    world.told.now = 40.0
    world.screen.wave_ends(world.wave)
    counts = "0 done, 0 failed, 2 in flight, 1 untouched, ? left"
    assert world.lines == [
        f"rollout [0:00:00] wave 1/2 begins, 2 hosts: {counts}",
        f"rollout [0:00:31] wave 1/2: {counts}",
        "rollout [0:00:40] wave 1/2 ended: 0 done, 0 failed, 0 in flight, 3 untouched, ? left",
    ]


def test_events_with_host_and_time() -> None:
    world = World("none")
    event = world.told.result("web1", "kexec_image", STAGED)
    world.screen.happened("web1", event)
    world.screen.happened("w\x1beb", HostEvent("failed", "x", "x"))
    world.screen.happened("web1", HostEvent("already_there", None, ""))
    assert world.lines == [
        "rollout [0:00:01] web1: staged, 7.2.13-kho to 7.3.4-kho by handover",
        "rollout [0:00:01] w?eb: x",
    ]


def test_bar_is_drawn_after_each_event_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    row = SimpleNamespace(show=lambda render: drawn.append(render(80)), remove=lambda: drawn.append("removed"))
    monkeypatch.setattr(rollout_screen, "StatusRow", lambda *_arguments: row)
    world = World("bar")
    world.screen.wave_begins(world.wave)
    world.screen.happened("web1", world.told.result("web1", "kexec_image", STAGED))
    world.screen.close()
    world.screen.happened("web1", None)
    assert [text.split(" ")[0] for text in drawn] == ["wave", "wave", "removed"]
    assert len(world.lines) == 1
