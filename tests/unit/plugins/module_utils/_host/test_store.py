# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.store import JsonFile, field, record
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

PATH = "/var/lib/kho-kexec/some.json"
FILE = JsonFile(PATH, 100, lambda why: Refusal("unreadable", why))


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def test_what_was_written_is_read_and_removed(host):
    assert FILE.read(host, dict) is None
    FILE.write(host, {"b": 1, "a": "\udc80"})
    assert FILE.read(host, dict) == {"a": "\udc80", "b": 1}
    assert (host.root / PATH.lstrip("/")).stat().st_mode & 0o777 == 0o600
    FILE.remove(host)
    FILE.remove(host)
    assert FILE.read(host, dict) is None


def unusable(_content):
    raise ValueError("it is of another kind")


@pytest.mark.parametrize(
    ("content", "parse", "why"),
    [
        ("", dict, "Expecting value"),
        ("[" * 5000, dict, None),
        (b"\xff", dict, None),
        ('"' + "a" * 100 + '"', dict, "large"),
        ("{}", unusable, "it is of another kind"),
    ],
)
def test_what_cannot_be_used_is_an_error_and_stays(host, content, parse, why):
    host.add(PATH, content)
    with pytest.raises(Refusal, match=why):
        FILE.read(host, parse)
    assert host.exists(PATH)


def test_what_may_not_be_read_is_an_error(host):
    host.add(PATH, "{}").deny(PATH)
    with pytest.raises(Refusal):
        FILE.read(host, dict)


@pytest.mark.parametrize("fields", [{}, [], None, {"a": True}, {"a": "1"}, {"a": None}])
def test_a_field_of_another_type(fields):
    with pytest.raises(ValueError, match="field"):
        field(fields, "a", int)


@pytest.mark.parametrize(
    "stored", [None, [], {"a": 1}, {"schema": 2, "a": 1}, {"schema": 1}, {"schema": 1, "a": 1, "b": 2}]
)
def test_a_record_of_another_schema(stored):
    with pytest.raises(ValueError, match=r"schema|fields"):
        record(stored, 1, {"a": (int,)})


def test_a_record():
    assert record({"schema": 1, "a": 1, "b": None}, 1, {"a": (int,), "b": (str, type(None))}) == {"a": 1, "b": None}
