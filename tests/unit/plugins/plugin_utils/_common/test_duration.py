# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._common.duration import seconds


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (600, 600),
        (0, 0),
        (-1, -1),
        ("-1", -1),
        ("600", 600),
        (" 10m ", 600),
        ("2h", 7200),
        ("1d", 86400),
        ("45s", 45),
        ("1h30m", 5400),
        ("1d2h3m4s", 93784),
    ],
)
def test_what_an_operator_writes(written: Any, found: int) -> None:
    assert seconds(written) == found


@pytest.mark.parametrize(
    "written",
    ["", "m", "10 m", "10m2h", "-10m", "1.5h", 1.5, True, None, [], "soon", "10min", "١٠", "9" * 30, "400d", 10**10],
)
def test_what_is_no_time(written: Any) -> None:
    with pytest.raises(ValueError, match="is not a number of seconds; write 600, 10m, 2h or 1h30m"):
        seconds(written)
