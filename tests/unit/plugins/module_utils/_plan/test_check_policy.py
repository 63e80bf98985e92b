# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy forbids: one row a code."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import Choice
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._plan import check_policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import CrashRisk, Denial, Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.failures import Failure
from ansible_collections.kho.kexec.tests.unit.support.checks import assert_refused, assert_warned, ids
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    CREATED,
    NEW,
    OLD,
    candidate,
    running,
)

DENIED = Denial("7.2.*", "7.3.*", "any", "It lost data.")

CRASHES = CrashRisk("handover", OLD, NEW, None, 2.8, f"{OLD} -> {NEW} crashes 6.1 times as often (41 of 512).\x1b{{{{")

CHAIN = CRASHES._replace(longest_chain=6)

OF_ONE_HOST = CRASHES._replace(cautions=(Note("crashes_on_one_host", "30 of 31 are of one host."),))

RISK_SAYS = ["6.1 times", "another target"]


NO_COMMIT = "GRUB does not start a saved default."

# code, what is different, and what the message must name: what was found, why it matters, what to do instead.
REFUSALS = [
    (
        "commit_impossible",
        {"commit_problem": NO_COMMIT, "policy": Policy(boot_default="require")},
        [NEW, NO_COMMIT, "return to the old kernel", "kexec_upgrade_commit"],
    ),
    (
        "target_failed_before",
        {"failures": (Failure(NEW, "", "rolled_back", CREATED),)},
        [NEW, "rolled_back", CREATED, "still the same", "accept target_failed_before"],
    ),
    ("downgrade", {"running": running(release="7.3.10")}, [NEW, "7.3.10", "lack fixes", "allow_downgrade"]),
    (
        "chain_too_long",
        {"policy": Policy(max_kexec_count=6), "running": running(next=Record(OLD, 7))},
        ["number 7", "max_kexec_count is 6", "Cold-boot"],
    ),
    (
        "transition_denied",
        {"policy": Policy(denied=(DENIED,))},
        [OLD, NEW, "in any way", "7.2.*", "7.3.*", "It lost data.", "denied_transitions"],
    ),
    (
        "transition_denied",
        {"policy": Policy(denied=(DENIED._replace(action="handover"), DENIED._replace(to="8.*")))},
        ["by handover", "It lost data."],
    ),
    (
        "chain_too_long",
        {"policy": Policy(crash_risks=(CHAIN,)), "running": running(next=Record(OLD, 7))},
        ["number 7", "no harm in up to 6", "6.1 times", "41 of 512", "?{", "Cold-boot", "accept chain_too_long"],
    ),
    (
        "transition_crashes",
        {"policy": Policy(crash_risks=(CRASHES,))},
        [OLD, NEW, "6.1 times", "41 of 512", "?{", "another target", "cold_boot", "accept transition_crashes"],
    ),
]

WARNINGS = [
    (
        "chain_too_long",
        {"policy": Policy(crash_risks=(CHAIN._replace(longest_chain=0),), on_crash_risk="warn")},
        ["number 1", "no harm in up to 0", "6.1 times"],
    ),
    ("transition_crashes", {"policy": Policy(crash_risks=(CRASHES,), on_crash_risk="warn")}, RISK_SAYS),
    ("transition_crashes", {"policy": Policy(crash_risks=(CRASHES,), crash_risk_threshold=2.9)}, RISK_SAYS),
    ("commit_impossible", {"commit_problem": NO_COMMIT, "policy": Policy(boot_default="prefer")}, [NEW, NO_COMMIT]),
    (
        "newer_passed_over",
        {
            "choice": Choice(
                candidate(), (), None, Note("newer_passed_over", "7.4.0-lts is newer, and of another flavour.")
            )
        },
        ["7.4.0-lts"],
    ),
    ("transition_crashes", {"policy": Policy(crash_risks=(OF_ONE_HOST,))}, [*RISK_SAYS, "30 of 31 are of one host"]),
]


@pytest.mark.parametrize(("code", "changes", "says"), REFUSALS, ids=ids(REFUSALS))
def test_refusals(code, changes, says):
    assert_refused(code, changes, says)


@pytest.mark.parametrize(("code", "changes", "says"), WARNINGS, ids=ids(WARNINGS))
def test_warnings(code, changes, says):
    assert_warned(code, changes, says)


def test_every_check_is_in_a_table():
    checks = check_policy.CHECKS
    assert {check.__name__ for check in checks} == {row[0] for row in REFUSALS + WARNINGS}
