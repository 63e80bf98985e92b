# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._kernel.naming import (
    LINE_PREFIX,
    USERDATA_LIMIT,
    USERDATA_PREFIX,
    Naming,
    naming_in,
)

ID = "0123456789abcdef" * 2
HANDOVER = Naming(ID, "7.3.4-kho", 1795300000, "handover", Record("7.2.13-kho", 3))
COLD = Naming(ID, "7.3.4-kho", 1795300000, "cold", None)


@pytest.mark.parametrize("naming", [HANDOVER, COLD, Naming(ID, "7.3.4+~_-", 0, "unknown", None)])
@pytest.mark.parametrize("prefix", [LINE_PREFIX, USERDATA_PREFIX])
def test_what_is_written_is_read(naming, prefix):
    assert naming_in(prefix + naming.value) == naming
    assert naming.is_writable


def test_it_fits_into_netconsoles_data():
    longest = Naming(ID, "7.3.4-" + "x" * 34, 1795300000, "handover", Record("7.2.13-" + "x" * 34, 4_000_000_000))
    assert len(longest.value) <= USERDATA_LIMIT


@pytest.mark.parametrize(
    "line",
    [
        HANDOVER.value,
        f"KHO: {HANDOVER.value}",
        f"x {LINE_PREFIX}{HANDOVER.value}",
        f"{LINE_PREFIX}{HANDOVER.value} ",
        f"{LINE_PREFIX}{HANDOVER.value}\n",
        LINE_PREFIX + HANDOVER.value.replace("count 3", "count 4294967296"),
        LINE_PREFIX + HANDOVER.value.replace("handover", "cold"),
        LINE_PREFIX + HANDOVER.value.replace("handover", "kdump"),
        LINE_PREFIX + HANDOVER.value.replace("7.3.4-kho", "{{7}}"),
        LINE_PREFIX + HANDOVER.value.replace("0123", "01-3"),
    ],
)
def test_anything_else_is_no_such_line(line):
    assert naming_in(line) is None


@pytest.mark.parametrize("release", ["7.3 4", "", "x" * 65, "7.3.4\n", "7.3.4:"])
def test_a_release_that_would_not_be_read_again(release):
    assert not Naming(ID, release, 0, "cold", None).is_writable
