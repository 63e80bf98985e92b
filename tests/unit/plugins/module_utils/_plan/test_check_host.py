# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the host itself speaks against a kexec: one row a code."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import Choice
from ansible_collections.kho.kexec.plugins.module_utils._plan import check_host
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import Claim
from ansible_collections.kho.kexec.tests.unit.support.checks import assert_refused, ids
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    LATER_BOOT_ID,
    OLD,
    closed_verdict,
    running,
    site,
    transition,
)

# code, what is different, and what the message must name: what was found, why it matters, what to do instead.
REFUSALS = [
    ("container", {"site": site(container="lxc")}, ["lxc", "for everybody", "on that machine"]),
    ("not_root", {"site": site(root=False)}, ["not run as root", "Only root", "become"]),
    ("running_unknown", {"running": running(release=None)}, ["release None", "compared", "/proc"]),
    ("running_unknown", {"running": running(boot_id=None)}, ["boot id None", "compared", "/proc"]),
    (
        "target_not_found",
        {"target": None, "choice": Choice(None, (), Note("target_not_found", "There is no 7.9.9. Install it."))},
        ["no 7.9.9", "Install"],
    ),
    (
        "accept_impossible",
        {"policy": Policy(accept=("luo_abi_mismatch", "kho_abi_mismatch", "no\x1bsuch"))},
        ["luo_abi_mismatch, no?such", "crash the target", "What can be accepted: chain_too_long"],
    ),
    (
        "host_claimed",
        {"claim": Claim("op@ctl\x1b", "run", "2026-11-22T15:00:00Z", "2026-11-22T15:30:00Z")},
        ["op@ctl?", "since 2026-11-22T15:00:00Z", "until 2026-11-22T15:30:00Z", "Wait"],
    ),
    ("panic_out_of_range", {"policy": Policy(panic=0)}, ["panic is 0", "stops forever", "at least 1"]),
    ("panic_out_of_range", {"policy": Policy(panic=-1)}, ["panic is -1", "before anybody", "at least 1"]),
    (
        "kexec_not_built",
        {"running": running(image_loaded=None)},
        [OLD, "/sys/kernel/kexec/loaded", "No image", "CONFIG_KEXEC_FILE"],
    ),
    (
        "kexec_disabled",
        {"site": site(load_disabled=True)},
        ["kexec_load_disabled is 1", "this boot", "sysctl.d", "cold"],
    ),
    (
        "kexec_limit_exhausted",
        {"site": site(load_limit=0)},
        ["limit_reboot is 0", "cannot be raised", "sysctl.d", "cold"],
    ),
    (
        "kexec_tools_missing",
        {"site": site(tools_problem="kexec does not exist.")},
        ["kexec does not exist.", "loads the image", "Install the package kexec-tools"],
    ),
    (
        "last_kexec_cold_booted",
        {"transition": transition("closed", verdict=closed_verdict("cold_boot", running().boot_id))},
        [OLD, "did not work on this host", "console", "fallback: cold_boot", "accept last_kexec_cold_booted"],
    ),
    (
        "image_already_loaded",
        {"running": running(image_loaded=True)},
        ["no transition record of this boot", "Somebody else", "kexec -s -u"],
    ),
    (
        "image_already_loaded",
        {"running": running(image_loaded=True), "transition": transition("closed")},
        ["no transition record of this boot", "Somebody else", "kexec -s -u"],
    ),
    (
        "image_already_loaded",
        {"running": running(image_loaded=True, boot_id=LATER_BOOT_ID), "transition": transition("staging")},
        ["no transition record of this boot", "Somebody else", "kexec -s -u"],
    ),
    ("shutdown_inhibited", {"busy": (Note("shutdown_inhibited", "fwupd"),)}, ["fwupd"]),
    ("packages_locked", {"busy": (Note("packages_locked", "dpkg"),)}, ["dpkg"]),
]


@pytest.mark.parametrize(("code", "changes", "says"), REFUSALS, ids=ids(REFUSALS))
def test_refusals(code, changes, says):
    assert_refused(code, changes, says)


def test_every_check_is_in_a_table():
    checks = [check_host.host_claimed, *check_host.FIRST, *(check for row in check_host.CHECKS for check in row[-1])]
    names = {check.__name__ for check in checks} - {"access", "target_not_chosen"}
    assert names | {"container", "not_root", "target_not_found"} == {row[0] for row in REFUSALS}
