# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._jump.outage import Look, Outage, Seen, measure_outage

LETTERS = {"o": Seen.OLD, "a": Seen.ANSWER, "-": Seen.SILENT, "n": Seen.NEW}


@pytest.mark.parametrize(
    ("seen", "outage"),
    [
        ("o", None),
        ("oa-", None),
        ("o-n", Outage(2, 2, True)),
        ("oaa---an", Outage(4, 2, True)),
        ("oa-a-an", Outage(4, 2, True)),
        ("oa-ao-an", Outage(2, 2, True)),
        ("oa-aoa-an", Outage(2, 2, True)),
        ("oan", Outage(1, 1, False)),
        ("o-on", Outage(1, 1, False)),
    ],
)
def test_outage_of_looks_one_second_apart(seen: str, outage: Outage | None) -> None:
    assert measure_outage([Look(float(at), LETTERS[what]) for at, what in enumerate(seen)]) == outage


def test_unseen_outage_is_bounded_by_the_longest_gap() -> None:
    looks = [Look(0, Seen.OLD), Look(1, Seen.ANSWER), Look(4, Seen.ANSWER), Look(5, Seen.NEW)]
    assert measure_outage(looks) == Outage(3, 3, False)
