# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision as tables: one row a code, which comes alone and says what was found, why it matters, what to do."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils import _host_checks, _target_checks
from ansible_collections.kho.kexec.plugins.module_utils._errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._kernel_image import ImageHeader
from ansible_collections.kho.kexec.plugins.module_utils._metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._plan import decide
from ansible_collections.kho.kexec.plugins.module_utils._situation import Policy, choose_release
from ansible_collections.kho.kexec.plugins.module_utils._transition import Left, Promise
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    LATER_BOOT_ID,
    NEW,
    OLD,
    closed_verdict,
    running,
    site,
    situation,
    target,
    transition,
)

PROMISE = Promise(NEW, OLD, 1, "kho-v4")
NO_RECORD = {"next": None, "kexec_count": None}


def long_line(length):
    return "x" * length


# code, what is different, and what the message must name: what was found, why it matters, what to do instead.
REFUSALS = [
    ("container", {"site": site(container="lxc")}, ["lxc", "for everybody", "on that machine"]),
    ("not_root", {"site": site(root=False)}, ["not run as root", "Only root", "become"]),
    ("running_unknown", {"running": running(release=None)}, ["release None", "compared", "/proc"]),
    ("running_unknown", {"running": running(boot_id=None)}, ["boot id None", "compared", "/proc"]),
    (
        "target_not_found",
        {"target": None, "policy": Policy("7.9.9")},
        ["the kernel 7.9.9", f"found: {OLD}, {NEW})", "nothing to hand over to", "Install"],
    ),
    (
        "target_not_found",
        {"target": None, "site": site(releases=())},
        ["any kernel", "/boot", "found: none", "nothing to hand over to", "Install"],
    ),
    ("panic_out_of_range", {"policy": Policy(panic=0)}, ["panic is 0", "stands still", "at least 1"]),
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
        "running_without_kho",
        {"running": running(built=False, enabled=False, next=None)},
        [OLD, "CONFIG_KEXEC_HANDOVER", "no handover can be proven", "Cold-boot"],
    ),
    (
        "running_without_kho",
        {"running": running(built=False, enabled=None, **NO_RECORD)},
        [OLD, "CONFIG_KEXEC_HANDOVER", "no handover can be proven", "Cold-boot"],
    ),
    (
        "running_kho_off",
        {"running": running(enabled=False, next=None), "site": site(command_line="quiet kho=off")},
        [OLD, "command line: off", "only be switched on at boot", "kho=on"],
    ),
    (
        "running_kho_off",
        {"running": running(enabled=False, **NO_RECORD), "site": site(command_line="quiet")},
        [OLD, "not given", "only be switched on at boot", "kho=on"],
    ),
    (
        "kexec_count_unknown",
        {"running": running(**NO_RECORD, notes=(Note("debugfs_denied", "debugfs is locked."),))},
        ["debugfs is locked.", "nothing can be proven", "debugfs", "journal"],
    ),
    (
        "kexec_count_unknown",
        {"running": running(**NO_RECORD, enabled=None)},
        ["neither a count", "nothing can be proven", "Mount debugfs"],
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
    ("downgrade", {"running": running(release="7.3.10")}, [NEW, "7.3.10", "lack fixes", "allow_downgrade"]),
    (
        "image_unreadable",
        {"target": target(header=None, image_problem="it is an ELF file\x1b")},
        ["/boot/vmlinuz-" + NEW, "it is an ELF file?", "kexec would refuse", "Install"],
    ),
    (
        "image_release_mismatch",
        {"target": target(header=ImageHeader("x86_64", "7.3.5", 2047))},
        ["/boot/vmlinuz-" + NEW, "7.3.5", "another kernel", "Install"],
    ),
    (
        "architecture_mismatch",
        {"target": target(header=ImageHeader("aarch64", NEW, None))},
        ["aarch64", "x86_64", "cannot run", "Install"],
    ),
    (
        "image_unsafe",
        {"target": target(unsafe=("/boot", "/boot/vmlinuz-x\n"))},
        ["/boot, /boot/vmlinuz-x?", "controls the next kernel", "root"],
    ),
    ("initrd_missing", {"target": target(initrd=None)}, [NEW, "initrd.img-", "root file system", "update-initramfs"]),
    ("modules_missing", {"target": target(has_modules=False)}, [NEW, "/lib/modules/", "network", "Install"]),
    (
        "target_without_kho",
        {"target": target(kho_built=False)},
        [NEW, "CONFIG_KEXEC_HANDOVER", "chain would end", "Choose"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(2017))},
        ["2017 bytes", "takes 2016", "refuse", "Remove parameters"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(2017), header=ImageHeader("x86_64", NEW, None))},
        ["2017 bytes", "takes 2016", "refuse", "Remove parameters"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(225), header=ImageHeader("x86_64", NEW, 255))},
        ["225 bytes", "takes 224", "refuse", "Remove parameters"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line="\u00e9" * 1009, header=ImageHeader("x86_64", NEW, 2047))},
        ["2018 bytes", "takes 2016", "refuse", "Remove parameters"],
    ),
]

WARNINGS = [
    (
        "target_config_unknown",
        {"target": target(kho_built=None)},
        [NEW, "/boot/config-", "kexec_without_handover", "Install"],
    ),
    (
        "running_kho_unknown",
        {"running": running(enabled=None, next=None)},
        [OLD, "cannot be read", "count of this boot", "Mount debugfs"],
    ),
    (
        "image_release_unknown",
        {"target": target(header=ImageHeader("x86_64", None, None))},
        ["/boot/vmlinuz-" + NEW, "its name", "verdict"],
    ),
    (
        "panic_never_restarts",
        {"target": target(command_line="kho=on panic=0")},
        ["panic=0", "stands still", "Remove it"],
    ),
]


def ids(table):
    return [f"{number}-{row[0]}" for number, row in enumerate(table)]


def codes(notes):
    return [note.code for note in notes]


@pytest.mark.parametrize(("code", "changes", "says"), REFUSALS, ids=ids(REFUSALS))
def test_refusals(code, changes, says):
    plan = decide(situation(**changes))
    assert (plan.action, codes(plan.reasons), plan.promise) == ("refuse", [code], None)
    assert [part for part in says if part not in plan.reasons[0].message] == []
    assert plan.reasons[0].message.isprintable()


@pytest.mark.parametrize(("code", "changes", "says"), WARNINGS, ids=ids(WARNINGS))
def test_warnings(code, changes, says):
    plan = decide(situation(**changes))
    assert (plan.action, codes(plan.warnings), plan.promise) == ("handover", [code], PROMISE)
    assert [part for part in says if part not in plan.warnings[0].message] == []


def test_every_check_is_in_the_tables():
    checks = [*_host_checks.FIRST, *_host_checks.REFUSALS, *_host_checks.WARNINGS]
    checks += [*_target_checks.REFUSALS, *_target_checks.WARNINGS]
    names = {check.__name__ for check in checks} - {"access"} | {"container", "not_root"}
    assert names == {row[0] for row in REFUSALS + WARNINGS}


def test_handover():
    plan = decide(situation())
    assert (plan.action, plan.promise, plan.warnings) == ("handover", PROMISE, ())
    assert codes(plan.reasons) == ["handover_promised"]
    assert f"executed from {OLD} (count 1)" in plan.reasons[0].message


def test_all_reasons_are_given_in_the_order_in_which_to_deal_with_them():
    plan = decide(
        situation(
            running=running(image_loaded=True),
            site=site(load_disabled=True, load_limit=0),
            target=target(kho_built=None, initrd=None, unsafe=("/boot",)),
        )
    )
    assert codes(plan.reasons) == [
        "kexec_disabled",
        "kexec_limit_exhausted",
        "image_already_loaded",
        "image_unsafe",
        "initrd_missing",
    ]
    assert codes(plan.warnings) == ["target_config_unknown"]


@pytest.mark.parametrize(
    "changes",
    [
        {"site": site(load_disabled=None, load_limit=None, architecture=None)},
        {"site": site(load_limit=1)},
        {"target": target(command_line=long_line(2016))},
        {"target": target(command_line=long_line(2016), header=ImageHeader("x86_64", NEW, 0))},
        {"target": target(initrd=None, needs_initrd=False)},
        {"target": target(has_modules=False, needs_modules=False)},
        {"running": running(release="7.3.10"), "policy": Policy(allow_downgrade=True)},
        {"running": running(image_loaded=True), "transition": transition("staging")},
        {"running": running(image_loaded=True), "transition": transition("loaded")},
        {"running": running(image_loaded=True), "transition": transition("left")},
        {"transition": transition("closed")},
        {"running": running(boot_id=LATER_BOOT_ID), "transition": transition("closed")},
        {"running": running(boot_id=LATER_BOOT_ID), "transition": transition("staging")},
        {"running": running(built=None)},
        {"running": running(next=None)},
        {"policy": Policy(panic=1)},
        {"target": target(command_line="kho=on panic=5 bytes=\udcff")},
        {"target": target(command_line="kho=on panic=0 panic=5")},
    ],
)
def test_what_does_not_speak_against_a_handover(changes):
    plan = decide(situation(**changes))
    assert (plan.action, plan.warnings) == ("handover", ())


@pytest.mark.parametrize(
    ("facts", "promise"),
    [
        ({"next": Record(OLD, 8), "kexec_count": 7}, Promise(NEW, OLD, 8, "kho-v4")),
        ({"next": Record("7.2.13-other", 8), "kexec_count": 3}, Promise(NEW, "7.2.13-other", 8, "kho-v4")),
        ({"next": None, "kexec_count": 7, "abi": None}, Promise(NEW, OLD, 8, None)),
        ({"next": Record(OLD, 8), "kexec_count": None}, Promise(NEW, OLD, 8, "kho-v4")),
    ],
)
def test_the_promise_is_what_the_next_kernel_will_be_told(facts, promise):
    assert decide(situation(running=running(**facts))).promise == promise


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"running": running(release=NEW, image_loaded=None), "site": site(tools_problem="absent")},
        {"running": running(release=NEW, built=False)},
        {"transition": transition("closed")},
    ],
)
def test_nothing_is_done_when_the_target_runs(changes):
    plan = decide(situation(**{"running": running(release=NEW), **changes}))
    assert (plan.action, codes(plan.reasons), plan.promise) == ("none", ["already_running"], None)
    assert NEW in plan.reasons[0].message


@pytest.mark.parametrize(
    ("verdict", "boot_id", "refused"),
    [
        ("kexec_without_handover", running().boot_id, True),
        ("kexec_without_handover", LATER_BOOT_ID, False),
        ("handover_verified", running().boot_id, False),
    ],
)
def test_a_target_that_runs_unproven_is_not_passed_over_in_silence(verdict, boot_id, refused):
    record = transition("closed", verdict=closed_verdict(verdict, boot_id))
    plan = decide(situation(running=running(release=NEW), transition=record))
    expected = ("refuse", ["last_verdict_not_accepted"]) if refused else ("none", ["already_running"])
    assert (plan.action, codes(plan.reasons)) == expected
    assert not refused or "verdict kexec_without_handover" in plan.reasons[0].message


@pytest.mark.parametrize("state", ["staging", "loaded", "left"])
@pytest.mark.parametrize(
    "changes",
    [
        {"running": running(release=NEW, boot_id=LATER_BOOT_ID, boot="handover")},
        {"running": running(boot_id=LATER_BOOT_ID, boot="kexec")},
        {"running": running(boot_id=LATER_BOOT_ID, boot="unknown", image_loaded=True), "target": None},
        {"running": running(boot_id=LATER_BOOT_ID, boot="handover"), "site": site(load_disabled=True)},
    ],
)
def test_a_jump_that_happened_is_verified_before_anything_else(state, changes):
    record = transition(state)
    plan = decide(situation(transition=record, **changes))
    assert (plan.action, plan.promise) == ("verify", record.promise)
    assert codes(plan.reasons) == ["previous_transition_unverified"]
    assert OLD in plan.reasons[0].message
    assert NEW in plan.reasons[0].message


@pytest.mark.parametrize(("state", "action"), [("staging", "handover"), ("loaded", "verify"), ("left", "verify")])
def test_a_cold_boot_is_judged_unless_nothing_was_ever_loaded(state, action):
    facts = running(boot_id=LATER_BOOT_ID)
    assert decide(situation(running=facts, transition=transition(state))).action == action


def test_what_was_left_is_known_by_its_boot_not_by_its_release():
    record = transition("left", left=Left(NEW, running().boot_id, 0))
    assert decide(situation(transition=record)).action == "handover"


def test_shape():
    assert decide(situation(target=target(initrd=None, kho_built=None))).as_dict().keys() == {
        "action",
        "promise",
        "reasons",
        "warnings",
    }
    plan = decide(situation(target=target(kho_built=None))).as_dict()
    assert plan["promise"] == {
        "release": NEW,
        "previous_release": OLD,
        "kexec_count": 1,
        "abi": "kho-v4",
        "how": "handover",
    }
    assert [note.keys() for note in plan["reasons"] + plan["warnings"]] == [{"code", "message"}] * 2


@pytest.mark.parametrize(
    ("wanted", "installed", "chosen"),
    [
        ("latest", (OLD, NEW), NEW),
        ("latest", ("6.12.9", "6.12.10", "6.12.10-rc3"), "6.12.10"),
        ("latest", (), None),
        (OLD, (OLD, NEW), OLD),
        ("7.3", (OLD, NEW), None),
        ("", (OLD, NEW), None),
    ],
)
def test_choice_of_the_release(wanted, installed, chosen):
    assert choose_release(Policy(wanted), installed) == chosen
