# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against a transition, as tables: one row a code, which comes alone and says what, why, what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Choice
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._plan import (
    check_handover,
    check_host,
    check_policy,
    check_target,
)
from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import CrashRisk, Denial, Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.root_device import RootDevice
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import Claim
from ansible_collections.kho.kexec.plugins.module_utils._record.failures import Failure
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import Promise
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    CREATED,
    LATER_BOOT_ID,
    NEW,
    OLD,
    candidate,
    closed_verdict,
    image,
    running,
    site,
    situation,
    target,
    transition,
)

PROMISE = Promise(NEW, OLD, 1, "kho-v4")
IMAGE = "/boot/vmlinuz-" + NEW
NO_RECORD = {"next": None, "kexec_count": None}


def long_line(length):
    return "kho=on ".ljust(length, "x")


def with_image(**says):
    return {"target": target(image=image(**says))}


def with_crash_kernel(size):
    return {"target": target(command_line=f"kho=on panic=1 crashkernel={size}")}


def live(**facts):
    """The running kernel will hand over a state of live update."""
    return {"running": running(**{"luo_abi": "luo-v5", **facts}), "site": site(live_update=True)}


TOO_FEW = Note("image_payload_unreadable", "There is no lz4 program.")
DENIED = Denial("7.2.*", "7.3.*", "any", "It lost data.")
CRASHES = CrashRisk("handover", OLD, NEW, None, 2.8, f"{OLD} -> {NEW} crashes 6.1 times as often (41 of 512).\x1b{{{{")
CHAIN = replace(CRASHES, longest_chain=6)
RISK_SAYS = ["6.1 times", "another target"]


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
    (
        "target_failed_before",
        {"failures": (Failure(NEW, "", "rolled_back", CREATED),)},
        [NEW, "rolled_back", CREATED, "still the same", "accept target_failed_before"],
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
        {"target": target(image=None, image_problem="it is an ELF file\x1b")},
        ["/boot/vmlinuz-" + NEW, "it is an ELF file?", "kexec would refuse", "Install"],
    ),
    (
        "image_release_mismatch",
        {"target": target(image=image(release="7.3.5"))},
        ["/boot/vmlinuz-" + NEW, "7.3.5", "another kernel", "Install"],
    ),
    (
        "architecture_mismatch",
        {"target": target(image=image(architecture="aarch64"))},
        ["aarch64", "x86_64", "cannot run", "Install"],
    ),
    (
        "image_unsafe",
        {"target": target(unsafe=("/boot", "/boot/vmlinuz-x\n"))},
        ["/boot, /boot/vmlinuz-x?", "controls the next kernel", "root"],
    ),
    (
        "initrd_missing",
        {"target": target(candidate=candidate(initrds=()))},
        [NEW, IMAGE, "root file system", "update-initramfs"],
    ),
    (
        "modules_missing",
        {"target": target(candidate=candidate(modules=None))},
        [NEW, "/lib/modules/", "depmod", "Install"],
    ),
    (
        "target_without_kho",
        {"target": target(image=image(kho_built=False, kho_abi=None, luo_built=False, metadata=None))},
        [NEW, "CONFIG_KEXEC_HANDOVER", "learnt from: payload", "chain would end", "Choose"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(2017))},
        ["2017 bytes", "takes 2016", "refuse", "Remove parameters"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(2017), image=image(command_line_limit=None))},
        ["2017 bytes", "takes 2016", "refuse", "Remove parameters"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(225), image=image(command_line_limit=255))},
        ["225 bytes", "takes 224", "refuse", "Remove parameters"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line="kho=on " + "\u00e9" * 1006)},
        ["2019 bytes", "takes 2016", "refuse", "Remove parameters"],
    ),
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
    ("luo_abi_mismatch", live(luo_abi=None), ["an unknown ABI", "luo-v5", "panics", "same LUO ABI"]),
    ("target_kho_off", {"target": target(command_line="kho=off panic=1")}, [NEW, "off)", "chain would end", "kho=on"]),
    ("target_kho_off", {"target": target(command_line="panic=1")}, [NEW, "not given)", "chain would end", "kho=on"]),
    (
        "target_kho_off",
        with_image(config={"CONFIG_CMDLINE_OVERRIDE": "y", "CONFIG_CMDLINE": "quiet"}),
        [NEW, "not given)", "CONFIG_CMDLINE_OVERRIDE"],
    ),
    (
        "target_kho_off",
        with_image(config={"CONFIG_CMDLINE_FORCE": "y", "CONFIG_CMDLINE": "kho=0"}, kho_default=True),
        [NEW, "0)", "chain would end"],
    ),
    ("kho_abi_mismatch", with_image(kho_abi="kho-v9"), [OLD, "kho-v4", NEW, "kho-v9", "same ABI", "let it happen"]),
    ("kho_abi_mismatch", {**live(), **with_image(kho_abi="kho-v9")}, ["kho-v4", "kho-v9"]),
    (
        "metadata_not_offered",
        {"running": running(next=None, notes=(Note("metadata_not_offered", "It is older."),))},
        [OLD, "7.1", "nothing could be proven", "Cold-boot"],
    ),
    (
        "metadata_unsupported",
        {"running": running(next=None, notes=(Note("metadata_unsupported", "It has version 2."),))},
        [OLD, NEW, "version that is not known", "nothing could be proven", "Choose"],
    ),
    (
        "metadata_unsupported",
        with_image(metadata_version=2),
        [OLD, "version 1", NEW, "version 2", "nothing could be proven", "Choose"],
    ),
    ("metadata_unsupported", with_image(metadata=False), [NEW, "7.1", "nothing could be proven", "Choose"]),
    (
        "scratch_too_small",
        {"running": running(largest_scratch_bytes=(1 << 26) - 1)},
        [NEW, "its kernel needs 64 MiB", "has 64 MiB", "kho_scratch="],
    ),
    (
        "scratch_too_small",
        {"target": target(initrd_bytes=(3 << 26) + 1)},
        [NEW, "its initrd needs 193 MiB", "has 192 MiB", "kho_scratch=", "cold-boot"],
    ),
    (
        "scratch_too_small",
        {"target": target(initrd_bytes=1 << 30, image=image(init_size=1 << 30))},
        ["its kernel needs 1024 MiB and its initrd needs 1024 MiB"],
    ),
    (
        "root_device_missing",
        {"target": target(root=RootDevice("LABEL=x", False, "There is no /dev/disk/by-label/x."))},
        ["root=LABEL=x", "There is no /dev/disk", "would not find", "command_line_replace"],
    ),
    ("lockdown", {"site": site(lockdown="integrity")}, ["integrity", IMAGE, "no signature", "signed kernel"]),
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
        {"policy": Policy(denied=(replace(DENIED, action="handover"), replace(DENIED, to="8.*")))},
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
        {"policy": Policy(crash_risks=(replace(CHAIN, longest_chain=0),), on_crash_risk="warn")},
        ["number 1", "no harm in up to 0", "6.1 times"],
    ),
    ("transition_crashes", {"policy": Policy(crash_risks=(CRASHES,), on_crash_risk="warn")}, RISK_SAYS),
    ("transition_crashes", {"policy": Policy(crash_risks=(CRASHES,), crash_risk_threshold=2.9)}, RISK_SAYS),
    (
        "target_kho_unknown",
        with_image(kho_built=None, obstacles=(TOO_FEW,)),
        [NEW, "/boot/config-", "kexec_without_handover", "There is no lz4 program."],
    ),
    (
        "kho_abi_unknown",
        with_image(kho_abi=None, obstacles=(TOO_FEW,)),
        [f"target {NEW}", "no lz4 program", "kexec_without_handover"],
    ),
    ("kho_abi_unknown", {"running": running(abi=None)}, [f"running kernel {OLD}", "kexec_without_handover"]),
    ("metadata_unknown", with_image(metadata=None), [NEW, "7.1", "kexec_without_handover"]),
    ("metadata_unknown", with_image(metadata_version=None), [NEW, "which version", "kexec_without_handover"]),
    ("scratch_fit_unknown", with_image(init_size=None), [NEW, "how much memory", "stays as it is"]),
    (
        "scratch_fit_unknown",
        {"running": running(largest_scratch_bytes=None)},
        [NEW, "how large the scratch memory", "stays as it is"],
    ),
    (
        "scratch_tight",
        {"running": running(scratch_bytes=(1 << 26) + 4096 + (1 << 24) - 1)},
        [NEW, "has 81 MiB", "about 81 MiB", "may panic", "kho_scratch="],
    ),
    ("crashkernel_lost", with_crash_kernel("193M"), ["193 MiB", "192 MiB", "no dump", "kho_scratch="]),
    ("crashkernel_tight", with_crash_kernel("48M"), ["48 MiB", "192 MiB", "193 MiB", "no dump", "kho_scratch="]),
    ("live_update_lost", {**live(), **with_image(luo_built=False, luo_abi=None)}, [OLD, NEW, "lost"]),
    (
        "running_kho_unknown",
        {"running": running(enabled=None, next=None)},
        [OLD, "cannot be read", "count of this boot", "Mount debugfs"],
    ),
    (
        "image_release_unknown",
        {"target": target(image=image(release=None))},
        ["/boot/vmlinuz-" + NEW, "its name", "verdict"],
    ),
    (
        "panic_never_restarts",
        {"target": target(command_line="kho=on panic=0")},
        ["panic=0", "it stops until", "Remove it"],
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
    assert (plan.action, codes(plan.warnings), plan.promise) == (
        "handover",
        [code],
        replace(PROMISE, abi=plan.promise.abi),
    )
    assert [part for part in says if part not in plan.warnings[0].message] == []


def test_every_check_is_in_the_tables():
    checks = [check_host.host_claimed, *check_host.FIRST, *check_policy.CHECKS]
    checks += [check for row in (*check_host.CHECKS, *check_target.CHECKS, *check_handover.CHECKS) for check in row[-1]]
    names = {check.__name__ for check in checks} - {"access", "target_not_chosen"}
    assert names | {"container", "not_root", "target_not_found"} == {row[0] for row in REFUSALS + WARNINGS}
