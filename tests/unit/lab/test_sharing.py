# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from lab.sharing import at_once, processors, share


@pytest.mark.parametrize(
    ("guests", "here", "each"), [(1, 2, 2), (2, 2, 1), (3, 2, 1), (3, 16, 2), (1, 1, 1), (0, 4, 2)]
)
def test_guests_share_the_processors_that_are_there(guests: int, here: int, each: int) -> None:
    assert processors(guests, here) == each


@pytest.mark.parametrize(("here", "together"), [(1, 4), (2, 4), (4, 4), (16, 8)])
def test_what_all_of_them_have_is_known_beforehand(here: int, together: int) -> None:
    assert at_once(here) == together


@pytest.mark.parametrize(
    ("guests", "here", "occupied"),
    [(2, 2, 1), (1, 2, 1), (3, 2, 2), (4, 2, 2), (2, 1, 1), (2, 4, 4), (2, 8, 4), (3, 16, 12)],
)
def test_guests_of_several_runs_have_together_no_more_than_those_of_one(guests: int, here: int, occupied: int) -> None:
    assert share(guests, here) == occupied
    assert here // occupied * guests * processors(guests, here) <= max(at_once(here), guests * processors(guests, here))
