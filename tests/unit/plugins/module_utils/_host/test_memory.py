# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import struct

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.memory import (
    AUXILIARY,
    CRASH_SIZES,
    MEMORY,
    contiguous_bytes,
    crash_bytes,
    memory_bytes,
    page_bytes,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot


@pytest.mark.parametrize(
    ("shown", "size"),
    [
        ("MemTotal:        2031616 kB\nMemFree: 1 kB\n", 2031616 << 10),
        ("MemFree:         2031616 kB\n", None),
        ("MemTotal:        much kB\n", None),
    ],
)
def test_memory(tmp_path, shown, size):
    assert memory_bytes(FakeRoot(tmp_path).add(MEMORY, shown)) == size


@pytest.mark.parametrize(
    ("sizes", "size"),
    [
        (("201326592\n", None), 201326592),
        ((None, "0\n"), 0),
        (("134217728\n", "0\n"), 134217728),  # the new name is asked first
        (("-1\n", "67108864\n"), 67108864),
        ((None, None), None),
    ],
)
def test_crash_memory(tmp_path, sizes, size):
    host = FakeRoot(tmp_path)
    for path, shown in zip(CRASH_SIZES, sizes):
        if shown is not None:
            host.add(path, shown)
    assert crash_bytes(host) == size


def test_pages_of_this_machine():
    assert page_bytes(LocalHost()) == os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("shown", [b"", b"\6", struct.pack("4L", 3, 64, 0, 0), struct.pack("2L", 6, 16384)[:-1]])
def test_pages_that_are_not_told(tmp_path, shown):
    assert page_bytes(FakeRoot(tmp_path).add(AUXILIARY, shown)) is None
    assert page_bytes(FakeRoot(tmp_path / "without")) is None


def test_host_that_shows_nothing(tmp_path):
    assert (memory_bytes(FakeRoot(tmp_path)), crash_bytes(FakeRoot(tmp_path))) == (None, None)


def test_memory_that_is_lent_out(tmp_path):
    host = FakeRoot(tmp_path)
    assert contiguous_bytes(host) is None
    host.add(MEMORY, "MemTotal: 1 kB\n")
    assert contiguous_bytes(host) == (None, None)
    host.add(MEMORY, "MemTotal: 1 kB\nCmaTotal:              0 kB\nCmaFree:          186368 kB\n")
    assert contiguous_bytes(host) == (0, 186368 << 10)


def test_memory_of_this_machine():
    assert all(size is None or size >= 0 for size in contiguous_bytes(LocalHost()))
