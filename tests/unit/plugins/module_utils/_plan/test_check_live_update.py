# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of live update, as tables: one row a code, which comes alone and says what, why, what to do."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._plan import check_handover, check_live_update
from ansible_collections.kho.kexec.tests.unit.support.checks import assert_refused, assert_warned, ids
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW, OLD, image, running, site, target

TOO_FEW = Note("image_payload_unreadable", "There is no lz4 program.")


def with_image(**says):
    return {"target": target(image=image(**says))}


def live(**facts):
    """The running kernel will hand over a state of live update."""
    return {"running": running(**{"luo_abi": "luo-v5", **facts}), "site": site(live_update=True)}


REFUSALS = [
    (
        "luo_abi_mismatch",
        {**live(), **with_image(luo_abi="luo-v9")},
        ["luo-v5", "luo-v9", "panics", "every policy", "same LUO ABI"],
    ),
    (
        "luo_abi_mismatch",
        {**live(), **with_image(luo_abi=None, luo_built=None, obstacles=(TOO_FEW,))},
        ["luo-v5", "an unknown one", "no lz4 program", "panics", "same LUO ABI"],
    ),
    ("luo_abi_mismatch", {**live(), **with_image(luo_abi="luo-v5;block-v1")}, ["luo-v5,", "luo-v5;block-v1", "panics"]),
    ("luo_abi_mismatch", live(luo_abi=None), ["an unknown ABI", "luo-v5", "panics", "same LUO ABI"]),
]

WARNINGS = [
    ("live_update_lost", {**live(), **with_image(luo_built=False, luo_abi=None)}, [OLD, NEW, "lost"]),
    (
        "live_update_handlers_differ",
        {**live(), **with_image(luo_handlers=("memfd-v2",)), "luo_handlers": ("memfd-v1", "vfio-v1")},
        [OLD, NEW, "memfd-v1, vfio-v1", "memfd-v2", "/dev/liveupdate"],
    ),
]


@pytest.mark.parametrize(("code", "changes", "says"), REFUSALS, ids=ids(REFUSALS))
def test_refusals(code, changes, says):
    assert_refused(code, changes, says)


@pytest.mark.parametrize(("code", "changes", "says"), WARNINGS, ids=ids(WARNINGS))
def test_warnings(code, changes, says):
    assert_warned(code, changes, says)


def test_every_check_is_in_a_table():
    own = check_live_update.__name__
    checks = [check for row in check_handover.CHECKS for check in row[-1] if check.__module__ == own]
    assert {check.__name__ for check in checks} == {row[0] for row in REFUSALS + WARNINGS}
