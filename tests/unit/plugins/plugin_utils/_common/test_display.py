# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose output may not be disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._common import display
from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import is_for_programs, say


@pytest.mark.parametrize(
    ("callback", "expected"),
    [("default", False), ("ansible.builtin.default", False), ("ansible.posix.json", True), ("jsonl", True)],
)
def test_standard_output_of_programs(callback: str, expected: bool) -> None:
    assert is_for_programs(callback) is expected


@pytest.mark.parametrize("callback", ["default", "ansible.posix.json"])
def test_lines_go_where_they_disturb_nobody(
    callback: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display.constants, "DEFAULT_STDOUT_CALLBACK", callback)
    say("wave 1 waits")
    shown = capsys.readouterr()
    assert (shown.out, shown.err)[callback != "default"] == "wave 1 waits\n"
    assert (shown.out, shown.err)[callback == "default"] == ""


def test_no_action_shows_lines_otherwise() -> None:
    actions = Path(display.__file__).parents[2] / "action"
    assert [path.name for path in sorted(actions.glob("*.py")) if "_display" in path.read_text(encoding="utf-8")] == []
