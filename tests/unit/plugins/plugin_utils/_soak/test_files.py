# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a host's results: no host's name leads out of it, and no other file is believed."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.files import (
    SIZE_LIMIT,
    folder_of,
    read_json,
    set_aside,
    write_json,
)


def code_of(call, *arguments):
    with pytest.raises(KhoError) as caught:
        call(*arguments)
    return caught.value.code


def test_what_is_written_is_read_by_its_user_alone(tmp_path):
    path = tmp_path / "deep/x.json"
    assert read_json(path) is None
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1}
    assert path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"null", b"{", b"\xff", b"[" * 100_000, b" " * (SIZE_LIMIT + 1)])
def test_what_cannot_be_results(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    assert code_of(read_json, tmp_path / "x.json") == "soak_results_unreadable"


def test_old_results_and_their_evidence_are_kept_under_their_time(tmp_path):
    write_json(tmp_path / "x.json", {})
    (tmp_path / "try-1").mkdir()
    set_aside(tmp_path, tmp_path / "x.json", "bisect", 7, "try-*")
    assert {path.name for path in tmp_path.iterdir()} == {"bisect-7.json", "bisect-7-try-1"}
    assert code_of(set_aside, tmp_path, tmp_path / "x.json", "bisect", 7, "try-*") == "soak_results_unwritable"


@pytest.mark.parametrize("host", ["../../etc/passwd", "..", "a/b", "a_b", "x" * 300, "-", "{{ x }}"])
def test_no_name_of_a_host_leads_elsewhere(host):
    folder = folder_of("/srv/soak", host)
    assert str(folder.parent) == "/srv/soak"
    assert not folder.name.startswith(".")


def test_no_two_hosts_share_a_folder():
    assert folder_of("/srv", "web1").name == "web1"
    assert len({folder_of("/srv", host) for host in ("a/b", "a_b", "a:b", "a b")}) == 4
