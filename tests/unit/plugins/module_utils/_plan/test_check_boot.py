# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start of the host would wait for, or leave out: one row a code."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._observe.unlock import Passphrase
from ansible_collections.kho.kexec.plugins.module_utils._plan import check_boot
from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.tests.unit.support.checks import assert_refused, assert_warned, ids
from ansible_collections.kho.kexec.tests.unit.support.transitions import situation

ASKS = Passphrase("The volume root is encrypted.")
ASKS_AFTER_KEXEC = Passphrase("The volume root is bound to PCR 11.", only_kexec=True)
NAMED = {"firmware": ("UEFI dbx 217",)}
FIRMWARE = ["UEFI dbx 217", "stay uninstalled", "Cold-boot"]

REFUSALS = [
    ("passphrase_needed", {"passphrase": ASKS}, ["volume root", "wait until", "systemd-cryptenroll", "accept"]),
    ("passphrase_needed", {"passphrase": ASKS_AFTER_KEXEC}, ["PCR 11"]),
    ("firmware_pending", {**NAMED, "policy": Policy(on_pending_firmware="refuse")}, FIRMWARE),
]
WARNINGS = [
    ("passphrase_needed", {"passphrase": ASKS, "policy": Policy(accept=("passphrase_needed",))}, ["volume root"]),
    ("firmware_pending", NAMED, FIRMWARE),
]


@pytest.mark.parametrize(("code", "changes", "says"), REFUSALS, ids=ids(REFUSALS))
def test_refusals(code, changes, says):
    assert_refused(code, changes, says)


@pytest.mark.parametrize(("code", "changes", "says"), WARNINGS, ids=ids(WARNINGS))
def test_warnings(code, changes, says):
    assert_warned(code, changes, says)


def test_every_check_is_in_a_table():
    assert {check.__name__ for check in check_boot.CHECKS} == {row[0] for row in REFUSALS + WARNINGS}


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({**NAMED, "policy": Policy(on_pending_firmware="cold_boot")}, "cold_boot"),
        ({"policy": Policy(on_pending_firmware="cold_boot")}, "handover"),
        ({**NAMED, "policy": Policy(on_pending_firmware="refuse", fallback="cold_boot")}, "cold_boot"),
        ({"passphrase": ASKS, "policy": Policy(fallback="cold_boot")}, "refuse"),
        ({"passphrase": ASKS_AFTER_KEXEC, "policy": Policy(fallback="cold_boot")}, "cold_boot"),
    ],
)
def test_which_way_is_left(changes, action):
    assert decide(situation(**changes)).action == action
