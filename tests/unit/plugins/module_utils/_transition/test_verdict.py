# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every verdict, from tables of what was promised and what is reported."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.words import COLD_BOOT, KEXEC
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import Left, Promise
from ansible_collections.kho.kexec.plugins.module_utils._transition.verdict import Witness, judge
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    LATER_BOOT_ID,
    NEW,
    OLD,
    arrived,
    image,
    running,
    situation,
    target,
    transition,
)

OTHER = "7.3.9-other"
THIRD_OF_A_CHAIN = {"left": Left(OLD, BOOT_ID, 2), "promise": Promise(NEW, OLD, 3, "kho-v4")}
NO_METADATA = {"boot": "kexec", "previous_release": None, "kexec_count": 0, "next": Record(NEW, 1)}


def without(*codes, **changes):
    return arrived(**{**NO_METADATA, "notes": tuple(Note(code, "It is so.") for code in codes), **changes})


# verdict, reason, what the kernel reports, what the message must name; the record is of state `left`.
TABLE = [
    ("handover_verified", None, arrived(), [NEW, f"executed from {OLD} (count 1)"]),
    ("kexec_without_handover", "kho_off", without("running_kho_off", enabled=False), [NEW, "kho=on"]),
    ("kexec_without_handover", "kho_off", without(enabled=False), [NEW, "kho=on"]),
    ("kexec_without_handover", "kho_off", without("kho_failed", enabled=False), [NEW, "kernel log"]),
    ("kexec_without_handover", "abi_mismatch", without("handover_refused", "kho_abi_mismatch"), [NEW, "ABI"]),
    (
        "kexec_without_handover",
        "not_built",
        without("handover_refused", "running_without_kho", built=False),
        ["CONFIG_"],
    ),
    ("kexec_without_handover", "not_built", without(built=False, enabled=False), ["CONFIG_KEXEC_HANDOVER"]),
    (
        "kexec_without_handover",
        "metadata_version",
        without("metadata_unsupported", boot="handover", kexec_count=None),
        [NEW, "version of the metadata"],
    ),
    ("kexec_without_handover", "legacy_load", without(), [NEW, "kexec_load", "kexec -s"]),
    ("kexec_without_handover", "unknown", without("handover_refused"), [NEW, "kernel log"]),
    ("kexec_without_handover", "unknown", without("handover_refused", "handover_damaged"), [NEW, "kernel log"]),
    ("kexec_without_handover", "unknown", without(enabled=None), [NEW, "kernel log"]),
    ("kexec_without_handover", "unknown", without(boot="handover", kexec_count=None), [NEW, "kernel log"]),
    ("kexec_without_handover", "unknown", without(boot="unknown", kexec_count=None), [NEW, "kernel log"]),
    ("kexec_without_handover", "unknown", arrived(kexec_count=None), [NEW, "kernel log"]),
    ("cold_boot", None, arrived(boot="cold", previous_release=None, kexec_count=0), [NEW, "firmware", "journal"]),
    ("cold_boot", None, arrived(release=OTHER, boot="cold", previous_release=None, kexec_count=0), [OTHER, "firmware"]),
    ("cold_boot", None, arrived(boot="cold"), [NEW, "firmware"]),
    ("rolled_back", None, running(boot_id=LATER_BOOT_ID), [OLD, NEW, "panic", "watchdog", "firmware took over"]),
    (
        "rolled_back",
        None,
        running(boot_id=LATER_BOOT_ID, boot="handover", previous_release=NEW, kexec_count=2),
        [OLD, NEW, "by a kexec"],
    ),
    ("rolled_back", None, running(boot_id=LATER_BOOT_ID, boot="kexec"), [OLD, NEW, "by a kexec"]),
    (
        "wrong_kernel",
        None,
        running(boot_id=LATER_BOOT_ID, boot="handover", previous_release=OLD, kexec_count=1),
        [OLD, NEW, "Another image"],
    ),
    ("wrong_kernel", None, arrived(release=OTHER), [OTHER, NEW, "Another image"]),
    ("wrong_kernel", None, without(release=OTHER), [OTHER, NEW]),
    ("wrong_kernel", None, arrived(release=None), ["None", NEW]),
    (
        "wrong_kernel",
        "kdump",
        arrived(boot="kdump", previous_release=None, kexec_count=None),
        ["capture kernel", "dump"],
    ),
    ("wrong_kernel", "kdump", arrived(boot="kdump"), ["capture kernel"]),
    ("wrong_previous_release", None, arrived(previous_release=OTHER), [f"{OTHER} (count 1)", f"{OLD} (count 1)"]),
    ("wrong_previous_release", None, arrived(previous_release=OTHER, kexec_count=0), [f"{OTHER} (count 0)"]),
    ("unexpected_count", None, arrived(kexec_count=2), [f"{OLD} (count 2)", f"{OLD} (count 1)"]),
    ("unexpected_count", None, arrived(previous_release=NEW, kexec_count=2), [f"{NEW} (count 2)", "other kexecs"]),
    ("unexpected_count", None, arrived(kexec_count=0), [f"{OLD} (count 0)", "begun anew"]),
    ("not_rebooted", None, running(), [OLD, "still in the same boot", "systemctl kexec"]),
    ("not_rebooted", None, arrived(boot_id=BOOT_ID), ["still in the same boot"]),
    ("not_rebooted", "boot_id_unknown", arrived(boot_id=None), ["boot id", "/proc/sys/kernel/random/boot_id"]),
]


@pytest.mark.parametrize(
    ("verdict", "reason", "seen", "says"), TABLE, ids=[f"{n}-{row[0]}" for n, row in enumerate(TABLE)]
)
def test_verdicts(verdict, reason, seen, says):
    judged = judge(transition("left"), seen).as_dict()
    assert (judged["verdict"], judged["reason"]) == (verdict, reason)
    assert judged["accepted"] is (verdict == "handover_verified")
    assert [part for part in says if part not in judged["message"]] == []


@pytest.mark.parametrize(
    ("verdict", "changes"),
    [
        ("handover_verified", {"kexec_count": 3}),
        ("unexpected_count", {"kexec_count": 1}),
        ("unexpected_count", {"kexec_count": 4}),
        ("unexpected_count", {"kexec_count": 4, "previous_release": OTHER}),
        ("wrong_previous_release", {"kexec_count": 3, "previous_release": OTHER}),
        ("wrong_previous_release", {"kexec_count": 1, "previous_release": OTHER}),
    ],
)
def test_later_in_a_chain(verdict, changes):
    assert judge(transition("left", **THIRD_OF_A_CHAIN), arrived(**changes)).finding.verdict == verdict


BY_KEXEC = {"promise": Promise(NEW, None, 0, "kho-v4", KEXEC)}
COLDLY = {"promise": Promise(NEW, None, 0, None, COLD_BOOT)}
COLD_FACTS = {"boot": "cold", "previous_release": None, "kexec_count": 0}

# verdict, reason, accepted, what the kernel reports, what the message must name.
AFTER_A_KEXEC = [
    ("kexec_without_handover", "abi_mismatch", True, without("kho_abi_mismatch"), [NEW, "That was promised", "ABI"]),
    ("kexec_without_handover", "not_offered", True, without(), [NEW, "That was promised", "offered none"]),
    (
        *("kexec_without_handover", "metadata_version", True),
        without("metadata_unsupported", boot="handover", kexec_count=None),
        [NEW, "That was promised"],
    ),
    ("kexec_without_handover", "unknown", False, without(boot="unknown", kexec_count=None), [NEW, "kernel log"]),
    ("handover_verified", None, True, arrived(), [NEW, "more than the kexec", f"{OLD} (count 1)"]),
    (
        "wrong_previous_release",
        None,
        False,
        arrived(previous_release=OTHER),
        [f"{OTHER} (count 1)", f"{OLD} (count 1)"],
    ),
    ("unexpected_count", None, False, arrived(kexec_count=2), [f"{OLD} (count 2)", f"{OLD} (count 1)"]),
    ("unexpected_count", None, False, arrived(kexec_count=0), [f"{OLD} (count 0)"]),
    ("cold_boot", None, False, arrived(**COLD_FACTS), [NEW, "firmware"]),
    ("rolled_back", None, False, running(boot_id=LATER_BOOT_ID), [OLD, NEW]),
    ("rolled_back", None, False, running(boot_id=LATER_BOOT_ID, boot="kexec"), [OLD, NEW, "by a kexec"]),
    ("wrong_kernel", None, False, without(release=OTHER), [OTHER, NEW]),
    ("wrong_kernel", "kdump", False, arrived(boot="kdump"), ["capture kernel"]),
    ("not_rebooted", None, False, running(), ["still in the same boot"]),
]
AFTER_A_COLD_BOOT = [
    ("cold_boot", None, True, arrived(**COLD_FACTS), [NEW, "as promised"]),
    ("cold_boot", None, True, arrived(**{**COLD_FACTS, "boot": "unknown"}), [NEW, "as promised"]),
    ("wrong_kernel", "boot_default", False, arrived(release=OTHER, **COLD_FACTS), [OTHER, NEW, "default"]),
    ("wrong_kernel", "boot_default", False, running(boot_id=LATER_BOOT_ID), [OLD, NEW, "default"]),
    ("wrong_kernel", None, False, without(release=OTHER), [OTHER, NEW]),
    ("wrong_kernel", "kdump", False, arrived(boot="kdump"), ["capture kernel"]),
    ("kexec_without_handover", "legacy_load", False, without(), [NEW, "kexec_load"]),
    ("unexpected_count", None, False, arrived(), ["the count 1", "count 0"]),
    ("unexpected_count", None, False, arrived(boot="unknown", previous_release=None, kexec_count=None), ["count None"]),
    ("not_rebooted", None, False, running(), ["still in the same boot", "systemctl reboot"]),
]


@pytest.mark.parametrize("policy", [Policy(handover="prefer"), Policy(accept=("metadata_unsupported",))])
def test_a_target_that_takes_another_version_of_the_record_keeps_its_promise(policy):
    """It accepts the handover, and reports neither a previous release nor a count."""
    plan = decide(situation(target=target(image=image(metadata_version=2)), policy=policy))
    assert (plan.action, plan.promise.previous_release, plan.promise.kexec_count) == ("kexec", None, 0)
    assert [note.code for note in plan.warnings] == ["metadata_unsupported"]
    seen = without("metadata_unsupported", boot="handover", kexec_count=None, next=None)
    verdict = judge(transition("left", promise=plan.promise), seen)
    assert (verdict.finding.verdict, verdict.finding.reason) == ("kexec_without_handover", "metadata_version")
    assert verdict.accepted
    assert "That was promised." in verdict.finding.message


@pytest.mark.parametrize(
    ("promise", "row"),
    [*((BY_KEXEC, row) for row in AFTER_A_KEXEC), *((COLDLY, row) for row in AFTER_A_COLD_BOOT)],
)
def test_what_was_promised_decides_what_is_accepted(promise, row):
    verdict, reason, accepted, seen, says = row
    judged = judge(transition("left", **promise), seen).as_dict()
    assert (judged["verdict"], judged["reason"], judged["accepted"]) == (verdict, reason, accepted)
    assert [part for part in says if part not in judged["message"]] == []


@pytest.mark.parametrize(
    ("verdict", "accepted", "changes"),
    [
        ("handover_verified", True, {}),
        ("handover_verified", True, {"kexec_count": 77}),
        ("wrong_previous_release", False, {"previous_release": OTHER, "kexec_count": 77}),
    ],
)
def test_a_count_that_was_not_known_before_is_not_compared(verdict, accepted, changes):
    left = transition("left", **BY_KEXEC, left=Left(OLD, BOOT_ID, None))
    judged = judge(left, arrived(**changes)).as_dict()
    reason = "count_not_compared" if accepted else None
    assert (judged["verdict"], judged["reason"], judged["accepted"]) == (verdict, reason, accepted)


@pytest.mark.parametrize(
    ("state", "says"),
    [("staging", "being staged"), ("loaded", "is staged"), ("left", "was told to leave")],
)
def test_a_host_that_was_never_told_to_leave_is_not_blamed(state, says):
    verdict = judge(transition(state), running())
    assert verdict.finding.verdict == "not_rebooted"
    assert says in verdict.finding.message


@given(
    boot=st.sampled_from(["cold", "kexec", "handover", "kdump", "unknown"]),
    boot_id=st.sampled_from([None, BOOT_ID, LATER_BOOT_ID]),
    release=st.sampled_from([None, OLD, NEW, OTHER]),
    previous=st.sampled_from([None, OLD, NEW, OTHER]),
    count=st.sampled_from([None, 0, 1, 2]),
)
def test_only_the_promised_facts_in_another_boot_are_accepted(boot, boot_id, release, previous, count):
    seen = arrived(boot=boot, boot_id=boot_id, release=release, previous_release=previous, kexec_count=count)
    as_promised = (boot_id, release, previous, count) == (LATER_BOOT_ID, NEW, OLD, 1) and boot not in ("cold", "kdump")
    assert judge(transition("left"), seen).accepted == as_promised


# --- builds of one release

ONE, OTHER = "#1 SMP Debian 7.3.4-1", "#2 SMP Debian 7.3.4-2"


@pytest.mark.parametrize(
    ("runs", "verdict", "reason"),
    [(OTHER, "handover_verified", None), (None, "handover_verified", None), (ONE, "wrong_kernel", "other_build")],
)
def test_the_build_that_was_staged_must_run(runs, verdict, reason):
    judged = judge(transition("left", build=OTHER), arrived(), Witness(build=runs)).as_dict()
    assert (judged["verdict"], judged["reason"], judged["accepted"]) == (verdict, reason, reason is None)
    assert judged["evidence"]["build"] == runs
    if reason:
        assert [text for text in (ONE, OTHER) if text not in judged["message"]] == []


@pytest.mark.parametrize(("runs", "verdict"), [(OTHER, "cold_boot"), (ONE, "rolled_back"), (None, "rolled_back")])
def test_after_a_cold_boot_the_build_tells_the_new_kernel_from_the_old(runs, verdict):
    rebuild = transition("left", left=Left(NEW, BOOT_ID, 0), promise=Promise(NEW, NEW, 1, "kho-v4"), build=OTHER)
    seen = arrived(**{**NO_METADATA, "boot": "cold"})
    finding = judge(rebuild, seen, Witness(build=runs)).finding
    assert finding.verdict == verdict
    assert ("was to be started anew" in finding.message) == (verdict == "cold_boot")


def test_shape():
    seen = arrived(notes=(Note("a_note", "A sentence."),))
    verdict = judge(transition("left"), seen).as_dict()
    message = verdict.pop("message")
    assert message.startswith(NEW)
    assert verdict == {
        "verdict": "handover_verified",
        "accepted": True,
        "reason": None,
        "promised": {
            "how": "handover",
            "release": NEW,
            "previous_release": OLD,
            "kexec_count": 1,
            "abi": "kho-v4",
        },
        "reported": {
            "release": NEW,
            "previous_release": OLD,
            "kexec_count": 1,
            "boot": "handover",
            "boot_id": LATER_BOOT_ID,
        },
        "evidence": {
            "boot_id_left": BOOT_ID,
            "release_left": OLD,
            "boot_id_found": LATER_BOOT_ID,
            "source": "debugfs",
            "build": None,
            "notes": [{"code": "a_note", "message": "A sentence."}],
            "troubles": None,
        },
    }
    assert json.loads(json.dumps(verdict)) == verdict
