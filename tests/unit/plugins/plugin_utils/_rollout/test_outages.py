# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.outages import (
    FEW,
    MOST_CLASSES,
    distribution,
    quantile,
)


def test_classes_have_their_ends_and_none_is_left_out() -> None:
    assert [one[:2] for one in distribution([8.2, 8.4, 9.9, 12.0, 12.1, 12.2])] == [
        ("8 to 8.5 s", 2),
        ("8.5 to 9 s", 0),
        ("9 to 9.5 s", 0),
        ("9.5 to 10 s", 1),
        ("10 to 10.5 s", 0),
        ("10.5 to 11 s", 0),
        ("11 to 11.5 s", 0),
        ("11.5 to 12 s", 0),
        ("12 to 12.5 s", 3),
    ]


def test_few_that_were_away_for_long_do_not_hide_how_the_others_differ() -> None:
    found = distribution([8.0 + at / 1000 for at in range(1000)] + [600.0, 900.0])
    assert (found[-1].seconds, found[-1].hosts) == ("9 s and more", 2)
    assert len(found) > 5


def test_few_outages_are_no_distribution() -> None:
    assert distribution([8.0] * (FEW - 1)) == []


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.95, 4), (1.0, 4), (0.0, 1)])
def test_quantile(share: float, value: float) -> None:
    assert quantile([1, 2, 3, 4], share) == value


@given(st.lists(st.floats(0, 1e6), min_size=FEW))
def test_every_host_is_in_one_class(outages: list[float]) -> None:
    found = distribution(outages)
    assert sum(one.hosts for one in found) == len(outages)
    assert len(found) <= MOST_CLASSES + 1
    assert max(one.share for one in found) == 100
