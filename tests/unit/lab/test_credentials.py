# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guest is given at its start."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from lab import credentials
from lab.errors import LabError


@pytest.fixture
def host_key(tmp_path: Path) -> credentials.KeyPair:
    private = tmp_path / "key"
    private.write_text("PRIVATE\n")
    return credentials.KeyPair(private, "ssh-ed25519 HOST")


def written_files(lines: str) -> dict[str, tuple[str, str, str, str]]:
    """What systemd-tmpfiles would write: path to mode, user, group and content."""
    rows = [line.split(" ") for line in lines.splitlines()]
    assert all(len(row) == 7 for row in rows if row[0] == "f+~")
    return {
        path: (mode, user, group, base64.b64decode(content, validate=True).decode())
        for kind, path, mode, user, group, _age, content in (row for row in rows if row[0] == "f+~")
        if kind == "f+~"
    }


def test_a_guest_learns_its_name_keys_and_packages(host_key: credentials.KeyPair) -> None:
    given = credentials.guest_credentials("web1", "ssh-ed25519 CLIENT", host_key, credentials.apt_source(8080))
    assert set(given) == {"system.hostname", "tmpfiles.extra"}
    assert given["system.hostname"] == "web1"
    assert written_files(given["tmpfiles.extra"]) == {
        "/home/operator/.ssh/authorized_keys": ("0600", "operator", "operator", "ssh-ed25519 CLIENT\n"),
        "/etc/hosts": ("0644", "root", "root", "127.0.0.1 localhost\n127.0.1.1 web1\n::1 localhost\n"),
        "/etc/ssh/ssh_host_ed25519_key": ("0600", "root", "root", "PRIVATE\n"),
        "/etc/ssh/ssh_host_ed25519_key.pub": ("0644", "root", "root", "ssh-ed25519 HOST\n"),
        "/etc/apt/sources.list.d/lab.sources": ("0644", "root", "root", credentials.apt_source(8080)),
    }


def test_the_folder_of_the_keys_is_made_before_them(host_key: credentials.KeyPair) -> None:
    given = credentials.guest_credentials("web1", "ssh-ed25519 CLIENT", host_key, "")
    assert given["tmpfiles.extra"].startswith("d /home/operator/.ssh 0700 operator operator -\n")


def test_the_repository_is_on_the_machine_that_runs_qemu() -> None:
    assert credentials.apt_source(8080).splitlines() == [
        "Types: deb", "URIs: http://10.0.2.2:8080/", "Suites: ./", "Trusted: yes",
    ]  # fmt: skip


def test_nobody_else_can_read_credentials(tmp_path: Path) -> None:
    credentials.write(tmp_path / "credentials", {"system.hostname": "web1"})
    written = tmp_path / "credentials" / "system.hostname"
    assert written.read_text() == "web1"
    assert written.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "credentials").stat().st_mode & 0o777 == 0o700


def test_keys_are_new_each_time(tmp_path: Path) -> None:
    first, second = credentials.make_key(tmp_path / "first"), credentials.make_key(tmp_path / "second")
    assert first.public.startswith("ssh-ed25519 ")
    assert first.public != second.public
    assert first.private.stat().st_mode & 0o777 == 0o600


def test_a_key_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="ssh-keygen failed with status"):
        credentials.make_key(tmp_path / "missing" / "key")
