# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._kernel.scratch import (
    BLOCK,
    CRASH_ALIGNMENT,
    MIB,
    Areas,
    areas_for,
    mib,
    need_of,
    pages,
    parse_areas,
)

GIB = 1024 * MIB
SIZES = st.integers(0, 1 << 34)


def test_a_need_is_in_whole_pages_and_grows_with_the_memory():
    need = need_of(init_size=1, initrd_bytes=4097, crash_bytes=0, memory_bytes=4 * GIB)
    assert (need.kernel, need.initrd, need.structures) == (4096, 8192, 64 * MIB)
    assert need.largest == 8192
    assert need.total == 4096 + 8192 + 64 * MIB


def test_a_crash_kernel_needs_one_area_and_is_not_in_the_sum():
    need = need_of(64 * MIB, 0, 160 * MIB, 0)
    assert (need.largest, need.total) == (416 * MIB, 64 * MIB)


@given(SIZES, SIZES, SIZES, st.data())
def test_a_crash_kernel_has_room_wherever_the_kernel_goes(kernel, initrd, crash, data):
    need = need_of(kernel, initrd, crash, 0)
    before = data.draw(st.integers(0, max(0, need.crash_room - need.kernel - need.initrd)))
    after = need.crash_room - need.kernel - need.initrd - before
    assert not crash or max(before, after) >= crash + CRASH_ALIGNMENT


@pytest.mark.parametrize(
    ("memory", "crash", "nodes", "value"),
    [
        (1 * GIB, 0, 1, "16M,116M,36M"),
        (8 * GIB, 0, 1, "80M,116M,176M"),
        (8 * GIB, 160 * MIB, 1, "516M,116M,176M"),
        (256 * GIB, 0, 2, "80M,116M,2576M"),
    ],
)
def test_values_for_a_usual_kernel(memory, crash, nodes, value):
    assert areas_for(need_of(63 * MIB, 20 * MIB, crash, memory), memory, nodes).value == value


@given(SIZES, SIZES, SIZES, st.integers(0, 1 << 44), st.integers(1, 64))
def test_what_is_needed_fits(kernel, initrd, crash, memory, nodes):
    need = need_of(kernel, initrd, crash, memory)
    areas = areas_for(need, memory, nodes)
    assert areas.largest >= need.largest
    assert areas.total >= need.total
    assert areas.low >= need.crash_room
    assert parse_areas(areas.value, nodes) == areas


def test_sizes_are_rounded_up_as_the_kernel_does():
    assert parse_areas("1,5M,0", 2) == Areas(BLOCK, 2 * BLOCK, 0, 2)
    assert parse_areas("1k,1g,16m", 2).total == BLOCK + GIB + 32 * MIB


@pytest.mark.parametrize("value", ["", "200%", "16M", "16M,16M", "16M,16M,16M,16M", "a,b,c", "-1,1,1"])
def test_what_gives_no_sizes(value):
    assert parse_areas(value, 1) is None


def test_rounding():
    assert (pages(0), pages(1), pages(4096)) == (0, 4096, 4096)
    assert (mib(0), mib(1), mib(MIB)) == (0, 1, 1)
