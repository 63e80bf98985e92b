# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._observe.debugfs import (
    BLOB_LIMIT,
    MOUNT,
    ROOT,
    parse_luo_abi,
    parse_scratch_lengths,
    read_handover_files,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.kernels import fdt, kho_files, metadata

# out/fdt of Linux 7.3.4 that was started with liveupdate=on, and not by a handover: 233 of 285 bytes.
CUT_TREE = base64.b64decode(
    "0A3+7QAAAR0AAAA4AAAA5AAAACgAAAARAAAAEAAAAAAAAAA5AAAArAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAMAAAAHAAAAFWtoby12NAAA"
    "AAAAAwAAAAgAAAAAAEA1AAAAAAAAAAABTFVPAAAAAAMAAAAIAAAALyAAAAAAAAAAAAAAAwAAAAgAAAAgAJBgAAAAAAAAAAACAAAAAWtleGVjLW1l"
    "dGFkYXRhAAAAAAADAAAACAAAAC9JAAAAAAAAAAAAAAMAAAAIAAAAIACwNQAAAAAAAAAAAgAAAAIAAAAJcHJlc2U="
)


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def handed_over(host):
    return kho_files(host, {"kexec-metadata": metadata(b"7.2.13", 1)}, {"kexec-metadata": metadata(b"7.3.4", 2)})


@pytest.mark.parametrize(
    ("text", "areas"),
    [
        ("0x4000000\n0x0\n0xc000000\n", (1 << 26, 0, 3 << 26)),
        ("0x0\n", (0,)),
        ("0xffffffffffffffff\n", (0xFFFFFFFFFFFFFFFF,)),
        ("", None),
        ("12\n", None),
        ("0x10000000000000000\n", None),
        ("0x10\n{{ x }}\n", None),
        ("0x1\n" * 5000, None),
    ],
)
def test_scratch_lengths(text, areas):
    assert parse_scratch_lengths(text) == areas


@pytest.mark.parametrize(
    ("blob", "abi"),
    [
        (b"luo-v5\0\0" + bytes(16), "luo-v5"),
        (fdt(b"luo-v1", []), "luo-v1"),
        (b"luo-v9", "luo-v9"),
        (b"luo-v5;block-v1\0" + bytes(16), "luo-v5;block-v1"),
        (fdt(b"luo-v4-kho-block-v1", []), "luo-v4-kho-block-v1"),
        (fdt(b"kho-v4"), None),
        (b"luo-v" + b"9" * 100, None),
        (b"luo-v5\x1b[m\0", None),
        (b"", None),
    ],
)
def test_luo_abi(blob, abi):
    assert parse_luo_abi(blob) == abi


@given(st.binary(max_size=200))
def test_any_blob_gives_a_luo_abi_or_none(blob):
    assert (parse_luo_abi(blob) or "").isascii()


@given(st.text(max_size=200))
def test_any_text_gives_sizes_or_none(text):
    assert all(size >= 0 for size in parse_scratch_lengths(text) or ())


def test_debugfs_is_there_and_has_no_kho(host):
    assert read_handover_files(host.add_directory(MOUNT + "/tracing")).obstacle is None


@pytest.mark.parametrize("prepare", ["absent", "empty"])
def test_debugfs_is_not_mounted(host, prepare):
    if prepare == "empty":
        host.add_directory(MOUNT)
    obstacle = read_handover_files(host).obstacle
    assert obstacle is not None
    assert obstacle.code == "debugfs_not_mounted"


@pytest.mark.parametrize("path", [MOUNT, ROOT])
def test_not_root(host, path):
    obstacle = read_handover_files(handed_over(host).deny(path)).obstacle
    assert obstacle is not None
    assert obstacle.code == "root_missing"


def test_denied_without_lockdown_is_no_lockdown(host):
    handed_over(host).add("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
    files = read_handover_files(host.deny(ROOT + "/in/fdt"))
    assert [note.code for note in files.notes] == ["debugfs_unreadable"]
    assert files.received is not None


def test_outgoing_tree_whose_end_is_missing_still_names_the_abi(host):
    kho_files(host, {}, {"kexec-metadata": metadata(b"7.3.4", 1), "LUO": b"luo-v5"}).add(ROOT + "/out/fdt", CUT_TREE)
    files = read_handover_files(host)
    assert (files.abi, files.luo_abi, files.notes) == ("kho-v4", "luo-v5", ())


@pytest.mark.parametrize("blob", [CUT_TREE[:80], CUT_TREE.replace(b"kho-v4", b"kh{{-4")])
def test_tree_whose_end_is_missing_and_that_names_no_abi_is_damaged(host, blob):
    kho_files(host, {}, {"kexec-metadata": metadata(b"7.3.4", 1)}).add(ROOT + "/out/fdt", blob)
    files = read_handover_files(host)
    assert files.abi is None
    assert [note.code for note in files.notes] == ["fdt_damaged"]


def test_incoming_tree_must_be_whole(host):
    handed_over(host).add(ROOT + "/in/fdt", CUT_TREE)
    assert [note.code for note in read_handover_files(host).notes] == ["fdt_damaged"]


def test_oversized_blob(host):
    handed_over(host).add(ROOT + "/in/fdt", bytes(BLOB_LIMIT + 1))
    files = read_handover_files(host)
    assert [note.code for note in files.notes] == ["debugfs_unreadable"]
    assert files.subtrees == ("kexec-metadata",)


def test_more_subtrees_than_can_be_right(host):
    handed_over(host).add(ROOT + "/in/fdt", fdt(b"kho-v4", [f"n{number}" for number in range(1000)]))
    assert len(read_handover_files(host).subtrees) == 256


def test_a_directory_in_the_place_of_a_blob(host):
    host.add_directory(ROOT + "/in/fdt").add_directory(ROOT + "/in/sub_fdts/kexec-metadata")
    files = read_handover_files(host)
    assert (files.incoming, files.outgoing, files.received) == (True, False, None)
    assert [note.code for note in files.notes] == ["debugfs_unreadable"]
