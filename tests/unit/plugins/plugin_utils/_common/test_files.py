# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._common.files import replace_file


def test_old_and_new(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    replace_file(path, "old")
    replace_file(path, "new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["report.md"]


def test_the_umask_says_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "report.md", "")
    finally:
        os.umask(before)
    assert (tmp_path / "report.md").stat().st_mode & 0o777 == 0o640


def test_a_link_in_its_place_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("whole")
    (tmp_path / "report.md").symlink_to(tmp_path / "victim")
    replace_file(tmp_path / "report.md", "new")
    assert (tmp_path / "victim").read_text() == "whole"
    assert not (tmp_path / "report.md").is_symlink()


def test_a_name_that_is_taken_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _bytes: "guessed")
    (tmp_path / "victim").write_text("whole")
    (tmp_path / ".report.md.guessed").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "report.md", "new")
    assert (tmp_path / "victim").read_text() == "whole"


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path, "a folder cannot be replaced")
    assert os.listdir(tmp_path) == []
