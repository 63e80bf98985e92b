# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.ownership import writable_by_others
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
