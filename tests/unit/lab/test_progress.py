# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What those see who wait for the lab."""

from __future__ import annotations

import pytest

from lab.progress import progress_bar


@pytest.mark.parametrize(
    ("share", "seconds", "wanted"),
    [
        (0.0, 5.0, f"[{'-' * 30}]   0%"),
        (0.5, 240.0, f"[{'#' * 15}{'-' * 15}]  50%, about 4 min left"),
        (1.0, 400.0, f"[{'#' * 30}] 100%, about 0 min left"),
        (1.3, 400.0, f"[{'#' * 30}] 100%, about 0 min left"),
    ],
)
def test_the_bar_says_how_far_and_how_long(share: float, seconds: float, wanted: str) -> None:
    assert progress_bar(share, seconds) == wanted


def test_nothing_is_promised_before_the_speed_is_known() -> None:
    assert "left" not in progress_bar(0.01, 60.0)
