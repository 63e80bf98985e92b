# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.ownership import (
    ACL,
    ACL_GROUP,
    ACL_MASK,
    ACL_USER,
    lets_others_write,
    writable_by_others,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

FILE = "/etc/a/file"


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    return FakeRoot(tmp_path).add_directory("/etc").add(FILE)


def test_what_only_root_may_write(host):
    assert writable_by_others(host, FILE, "/etc") == set()


@pytest.mark.parametrize(
    ("path", "uid", "gid", "mode", "found"),
    [
        (FILE, 0, 0, 0o664, False),
        (FILE, 0, 5, 0o664, True),
        ("/etc/a", 0, 0, 0o1777, True),
        ("/etc", 1000, 0, 0o755, True),
        ("/", 0, 5, 0o775, True),
    ],
)
def test_everything_above_counts(host, path, uid, gid, mode, found):
    host.own(path, uid, gid)
    (host.root / path.lstrip("/")).chmod(mode)
    assert writable_by_others(host, FILE) == ({path} if found else set())


def test_links_are_followed(host):
    host.add("/srv/open/file", mode=0o666).link("/etc/a/link", "/srv/open/file")
    assert writable_by_others(host, "/etc/a/link") == {"/etc/a/link", "/srv/open/file"}


def test_what_nobody_can_tell_the_owner_of(host):
    assert writable_by_others(host, "/etc/a/absent") == {"/etc/a/absent"}


OWNER, OWNING_GROUP, OTHER, NOBODY = 0x01, 0x04, 0x20, 0xFFFFFFFF


def acl(*entries, version=2):
    """Return the attribute of a file with rw-r--r-- and these entries."""
    usual = [(OWNER, 6, NOBODY), (OWNING_GROUP, 4, NOBODY), (OTHER, 4, NOBODY)]
    return struct.pack("<I", version) + b"".join(struct.pack("<HHI", *entry) for entry in [*usual, *entries])


@pytest.mark.parametrize(
    ("data", "lets"),
    [
        (acl(), False),
        (acl((ACL_USER, 6, 1000), (ACL_MASK, 6, NOBODY)), True),
        (acl((ACL_USER, 6, 1000), (ACL_MASK, 4, NOBODY)), False),
        (acl((ACL_USER, 4, 1000), (ACL_MASK, 6, NOBODY)), False),
        (acl((ACL_USER, 6, 0), (ACL_MASK, 6, NOBODY)), False),
        (acl((ACL_GROUP, 2, 100)), True),
        (acl(version=3), True),
        (acl()[:-1], True),
        (b"", True),
    ],
)
def test_whom_an_access_control_list_lets_write(data, lets):
    assert lets_others_write(data) is lets


def test_access_control_lists_count(tmp_path):
    host = FakeRoot(tmp_path).add("/etc/file")
    assert writable_by_others(host, "/etc/file") == set()
    host.attach("/etc", ACL, acl((ACL_USER, 6, 1000)))
    assert writable_by_others(host, "/etc/file") == {"/etc"}


def test_a_file_without_a_list(tmp_path):
    assert LocalHost().attribute(str(tmp_path), ACL) == LocalHost().attribute(str(tmp_path / "none"), ACL) == b""
