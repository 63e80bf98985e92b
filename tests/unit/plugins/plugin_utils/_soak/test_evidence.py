# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence of a jump that was not well: bounded, printable, and never a template."""

from __future__ import annotations

import json

from ansible_collections.kho.kexec.plugins.plugin_utils._soak.evidence import LOG_LIMIT, TREE_LIMIT, files_of


def test_logs_are_kept_to_their_end_line_by_line():
    files = files_of({"log_left": "first\n" + "x" * LOG_LIMIT + "\nlast {{ bad }}\x1b[2J\n", "log_new": ""})
    assert list(files) == ["log_left.txt"]
    assert len(files["log_left.txt"]) <= LOG_LIMIT + 1
    assert "first" not in files["log_left.txt"]
    assert files["log_left.txt"].endswith("last ?{ bad }}?[2J\n")


def test_answers_are_kept_as_json():
    files = files_of(
        {"result": {"code": "rolled_back", "x": [1, None, True, 2.5, {"{{ a }}": "\x07"}]}, "health": None}
    )
    assert json.loads(files["result.json"]) == {"code": "rolled_back", "x": [1, None, True, 2.5, {"?{ a }}": "?"}]}
    assert list(files) == ["result.json"]


def test_answers_that_are_large_deep_or_strange_are_bounded():
    deep = []
    for _level in range(100):
        deep = [deep]
    files = files_of(
        {"history": {"deep": deep, "many": list(range(10**5)), "strange": object()}, "facts": ["y" * 10**7]}
    )
    assert all(len(content) <= TREE_LIMIT + 1 for content in files.values())
    assert json.loads(files["history.json"])["many"][:2] == [0, 1]


def test_what_is_no_text_is_no_log():
    assert files_of({"log_left": 7, "log_new": ["a"]}) == {}
