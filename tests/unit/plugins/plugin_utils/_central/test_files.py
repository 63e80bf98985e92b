# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests for _central/files.py"""

from __future__ import annotations

import gzip
import os

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._central import files
from ansible_collections.kho.kexec.plugins.plugin_utils._central.files import Unreadable, files_below, text_of


def test_regular_files_are_found_in_their_order(tmp_path):
    for name in ("b/2.log", "a.log", "b/1.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to("/etc")
    found = [str(path.relative_to(tmp_path)) for path in files_below(tmp_path).files]
    assert found == ["a.log", "b/1.log", "b/2.log"]


def test_a_file_is_what_is_below_it(tmp_path):
    (tmp_path / "one").touch()
    assert files_below(tmp_path / "one") == ([tmp_path / "one"], [])


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(Unreadable, match="No such file"):
        files_below(tmp_path / "none")


def test_no_more_files_and_directories_are_looked_at_than_may_be(tmp_path, monkeypatch):
    deep = tmp_path / "1/2/3/4/5"
    deep.mkdir(parents=True)
    (deep / "too_deep").touch()
    for number in range(5):
        (tmp_path / str(number + 10)).touch()
        os.utime(tmp_path / str(number + 10), (100 - number, 100 - number))
    found = files_below(tmp_path)
    assert (len(found.files), [words.partition(": ")[2] for words in found.left_out]) == (
        5,
        ["the directories below it, which are deeper than 4 levels"],
    )
    monkeypatch.setattr(files, "FILES_LIMIT", 3)
    found = files_below(tmp_path)
    assert [path.name for path in found.files] == ["10", "11", "12"]  # the newest
    assert "2, the oldest, were left out" in found.left_out[-1]


def test_the_end_of_a_file_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FILE_LIMIT", 4)
    (tmp_path / "log").write_bytes(b"12345678")
    assert text_of(tmp_path / "log") == "5678"


def test_a_packed_file_is_read(tmp_path):
    (tmp_path / "log.gz").write_bytes(gzip.compress(b"words"))
    assert text_of(tmp_path / "log.gz") == "words"


def test_a_packed_file_is_no_larger_than_may_be(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FILE_LIMIT", 1000)
    (tmp_path / "log.gz").write_bytes(gzip.compress(b"0" * 100000 + b"the end"))
    text = text_of(tmp_path / "log.gz")
    assert (len(text), text[-8:]) == (1000, "0the end")
    monkeypatch.setattr(files, "UNPACKED_LIMIT", 50000)
    with pytest.raises(Unreadable, match="would be larger"):
        text_of(tmp_path / "log.gz")


@pytest.mark.parametrize("kind", ["damaged", "pipe", "link", "folder", "none"])
def test_what_cannot_be_read_is_said(tmp_path, kind):
    path = tmp_path / "log"
    if kind == "damaged":
        path.write_bytes(b"\x1f\x8b\x08" + b"\xff" * 20)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(Unreadable):
        text_of(path)
