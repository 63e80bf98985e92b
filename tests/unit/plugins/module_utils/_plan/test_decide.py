# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision: which way a policy allows, what is promised, and what is said about it. See test_check.py."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.words import ACCEPTABLE
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import Choice, Rejected
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import CrashRisk, Denial, Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import Promise
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    LATER_BOOT_ID,
    NEW,
    OLD,
    candidate,
    image,
    running,
    site,
    situation,
    target,
    transition,
)

BARE = target(candidate=candidate(initrds=()), needs_initrd=False)
PROMISE = Promise(NEW, OLD, 1, "kho-v4")
BY_KEXEC = Promise(NEW, None, 0, None, "kexec")
BY_COLD_BOOT = Promise(NEW, None, 0, None, "cold_boot")
PROMISES = {"handover": PROMISE, "kexec": BY_KEXEC, "cold_boot": BY_COLD_BOOT}
CRASHES = CrashRisk("handover", OLD, NEW, None, 2.8, f"{OLD} -> {NEW} crashes.")


def long_line(length):
    return "kho=on ".ljust(length, "x")


def codes(notes):
    return [note.code for note in notes]


def test_handover():
    plan = decide(situation())
    assert (plan.action, plan.promise, plan.warnings) == ("handover", PROMISE, ())
    assert codes(plan.reasons) == ["handover_promised"]
    assert f"executed from {OLD} (count 1)" in plan.reasons[0].message


@pytest.mark.parametrize(
    ("boot", "before", "is_told"),
    [
        ("kexec", None, True),
        ("kexec", transition("closed", promise=BY_COLD_BOOT), True),
        ("kexec", transition("closed"), False),
        ("handover", None, False),
        ("cold", None, False),
        ("unknown", None, False),
    ],
)
def test_boot_loaders_that_kexec_themselves(boot, before, is_told):
    plan = decide(
        situation(
            **NO_KEXEC,
            running=running(boot=boot),
            transition=before,
            policy=Policy(handover="prefer", fallback="cold_boot"),
        )
    )
    told = ["cold_boot_may_look_like_kexec"] if is_told else []
    assert (plan.action, codes(plan.warnings)) == ("cold_boot", ["kexec_disabled", "boot_default_unknown", *told])


def test_all_reasons_are_given_in_the_order_in_which_to_deal_with_them():
    plan = decide(
        situation(
            running=running(image_loaded=True),
            site=site(load_disabled=True, load_limit=0),
            target=target(image=image(kho_built=None), candidate=candidate(initrds=()), unsafe=("/boot",)),
        )
    )
    assert codes(plan.reasons) == [
        "kexec_disabled",
        "kexec_limit_exhausted",
        "image_already_loaded",
        "image_unsafe",
        "initrd_missing",
    ]
    assert codes(plan.warnings) == ["target_kho_unknown"]


@pytest.mark.parametrize(
    "changes",
    [
        {"site": site(load_disabled=None, load_limit=None, architecture=None)},
        {"site": site(load_limit=1)},
        {"target": target(command_line=long_line(2016))},
        {"target": target(command_line=long_line(2016), image=image(command_line_limit=0))},
        {"target": BARE},
        {"target": target(candidate=candidate(modules=None), needs_modules=False)},
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
        {"target": target(command_line="panic=5", image=image(kho_default=True))},
        {"target": target(image=image(config={"CONFIG_CMDLINE": "quiet", "CONFIG_CMDLINE_OVERRIDE": "n"}))},
        {
            "target": target(image=image(init_size=3 << 26), initrd_bytes=3 << 26),
            "running": running(scratch_bytes=1 << 30),
        },
        {"target": target(initrd_bytes=None)},
        {"running": running(scratch_bytes=(1 << 26) + 4096 + (1 << 24))},
        {"running": running(scratch_bytes=1 << 26), "site": site(memory_bytes=None)},
        {"target": target(command_line="kho=on panic=5 crashkernel=192M nokaslr")},
        {"target": target(command_line="kho=on panic=5 crashkernel=47M")},
        {"running": running(luo_abi="luo-v5"), "site": site(live_update=True)},
        {"running": running(luo_abi="luo-v5"), "target": target(image=image(luo_abi="luo-v9"))},
        {"site": site(lockdown="integrity"), "target": target(image=image(signed=True))},
        {"site": site(lockdown="integrity"), "target": target(image=image(signed=None))},
        {"policy": Policy(max_kexec_count=1)},
        {"policy": Policy(denied=(Denial("7.2.*", "7.3.*", "kexec", "No."), Denial("7.3.*", "*", "any", "No.")))},
        {"policy": Policy(accept=ACCEPTABLE)},
        {"policy": Policy(crash_risks=(CRASHES._replace(previous_release="7.2.12-kho"),))},
        {"policy": Policy(crash_risks=(CRASHES._replace(release="7.3.5-kho"),))},
        {"policy": Policy(crash_risks=(CRASHES._replace(boot="kexec", previous_release=None),))},
        {"policy": Policy(crash_risks=(CRASHES._replace(longest_chain=1),))},
        {"running": running(notes=(Note("metadata_unsupported", "What came in had version 2."),))},
        {"policy": Policy(handover="prefer", fallback="cold_boot", on_unknown="refuse")},
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
        {"policy": Policy(denied=(Denial("*", "*", "any", "No."),))},
        {"running": running(release=NEW, built=False)},
        {"transition": transition("closed")},
    ],
)
def test_nothing_is_done_when_the_target_runs(changes):
    plan = decide(situation(**{"running": running(release=NEW), **changes}))
    assert (plan.action, codes(plan.reasons), plan.promise) == ("none", ["already_running"], None)
    assert NEW in plan.reasons[0].message


def test_shape():
    assert decide(
        situation(target=target(candidate=candidate(initrds=()), image=image(kho_built=None)))
    ).as_dict().keys() == {
        "action",
        "promise",
        "reasons",
        "warnings",
    }
    plan = decide(situation(target=target(image=image(kho_built=None)))).as_dict()
    assert plan["promise"] == {
        "release": NEW,
        "previous_release": OLD,
        "kexec_count": 1,
        "abi": "kho-v4",
        "how": "handover",
    }
    assert [note.keys() for note in plan["reasons"] + plan["warnings"]] == [{"code", "message"}] * 2


# What stands in the way, by what it leaves possible.
LOST = {"target": target(image=image(kho_abi="kho-v9"))}
DOUBTFUL = {"target": target(image=image(kho_abi=None))}
NO_KEXEC = {"site": site(load_disabled=True)}
NOTHING_GOES = {"target": target(unsafe=("/boot",))}
FREE = {}

# handover, fallback, on_unknown, accept, what stands in the way; action, reasons of a refusal, warnings.
POLICIES = [
    ("require", "refuse", "warn", "", FREE, "handover", "", ""),
    ("prefer", "refuse", "warn", "", FREE, "handover", "", ""),
    ("ignore", "refuse", "warn", "", FREE, "kexec", "", ""),
    ("require", "cold_boot", "warn", "", FREE, "handover", "", ""),
    ("require", "refuse", "warn", "", LOST, "refuse", "kho_abi_mismatch", ""),
    ("prefer", "refuse", "warn", "", LOST, "kexec", "", "kho_abi_mismatch"),
    ("ignore", "refuse", "warn", "", LOST, "kexec", "", ""),
    ("require", "cold_boot", "warn", "", LOST, "cold_boot", "", "kho_abi_mismatch boot_default_unknown"),
    ("prefer", "cold_boot", "warn", "", LOST, "kexec", "", "kho_abi_mismatch"),
    ("require", "refuse", "warn", "kho_abi_mismatch", LOST, "kexec", "", "kho_abi_mismatch"),
    ("require", "cold_boot", "warn", "kho_abi_mismatch", LOST, "kexec", "", "kho_abi_mismatch"),
    ("require", "refuse", "warn", "metadata_unsupported", LOST, "refuse", "kho_abi_mismatch", ""),
    ("require", "refuse", "warn", "", DOUBTFUL, "handover", "", "kho_abi_unknown"),
    ("prefer", "refuse", "warn", "", DOUBTFUL, "handover", "", "kho_abi_unknown"),
    ("ignore", "refuse", "warn", "", DOUBTFUL, "kexec", "", ""),
    ("require", "refuse", "refuse", "", DOUBTFUL, "refuse", "kho_abi_unknown", ""),
    ("require", "refuse", "refuse", "kho_abi_unknown", DOUBTFUL, "handover", "", "kho_abi_unknown"),
    ("prefer", "refuse", "refuse", "", DOUBTFUL, "kexec", "", "kho_abi_unknown"),
    ("ignore", "refuse", "refuse", "", DOUBTFUL, "kexec", "", ""),
    ("require", "cold_boot", "refuse", "", DOUBTFUL, "cold_boot", "", "kho_abi_unknown boot_default_unknown"),
    ("require", "refuse", "warn", "", NO_KEXEC, "refuse", "kexec_disabled", ""),
    ("prefer", "refuse", "warn", "", NO_KEXEC, "refuse", "kexec_disabled", ""),
    ("ignore", "refuse", "warn", "", NO_KEXEC, "refuse", "kexec_disabled", ""),
    ("require", "cold_boot", "warn", "", NO_KEXEC, "cold_boot", "", "kexec_disabled boot_default_unknown"),
    ("ignore", "cold_boot", "warn", "", NO_KEXEC, "cold_boot", "", "kexec_disabled boot_default_unknown"),
    ("require", "cold_boot", "warn", "", NOTHING_GOES, "refuse", "image_unsafe", ""),
    ("ignore", "cold_boot", "warn", "", NOTHING_GOES, "refuse", "image_unsafe", ""),
    ("require", "refuse", "warn", "", {**NO_KEXEC, **DOUBTFUL}, "refuse", "kexec_disabled", "kho_abi_unknown"),
    ("ignore", "cold_boot", "warn", "", {**NO_KEXEC, **LOST}, "cold_boot", "", "kexec_disabled boot_default_unknown"),
    ("prefer", "refuse", "warn", "", {**NO_KEXEC, **LOST}, "refuse", "kexec_disabled kho_abi_mismatch", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("handover", "fallback", "on_unknown", "accept", "changes", "action", "reasons", "warns"), POLICIES
)
def test_policies(handover, fallback, on_unknown, accept, changes, action, reasons, warns):
    policy = Policy(handover=handover, fallback=fallback, on_unknown=on_unknown, accept=tuple(accept.split()))
    plan = decide(situation(**changes, policy=policy))
    promised = [] if action == "refuse" else [f"{action}_promised"]
    assert (plan.action, codes(plan.reasons)) == (action, promised or reasons.split())
    assert (plan.promise, codes(plan.warnings)) == (PROMISES.get(action), warns.split())


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("running_without_kho", {"running": running(built=False, enabled=False, next=None)}),
        ("running_kho_off", {"running": running(enabled=False, next=None)}),
        ("kexec_count_unknown", {"running": running(next=None, kexec_count=None)}),
        ("target_without_kho", {"target": target(image=image(kho_built=False))}),
        ("target_kho_off", {"target": target(command_line="panic=1")}),
        ("kho_abi_mismatch", LOST),
        ("metadata_unsupported", {"target": target(image=image(metadata=False))}),
    ],
)
def test_who_accepts_that_a_handover_is_lost_gets_the_promise_of_a_kexec(code, changes):
    plan = decide(situation(**changes, policy=Policy(accept=(code,))))
    assert (plan.action, plan.promise, codes(plan.warnings)) == ("kexec", BY_KEXEC, [code])


@pytest.mark.parametrize(
    ("code", "changes", "policy"),
    [
        ("downgrade", {"running": running(release="7.3.9")}, {}),
        ("initrd_missing", {"target": target(candidate=candidate(initrds=()))}, {}),
        ("initrd_left_by_firmware", {"initrd_left": True, "target": BARE}, {}),
        ("modules_missing", {"target": target(candidate=candidate(modules=None))}, {}),
        ("lockdown", {"site": site(lockdown="integrity")}, {}),
        ("chain_too_long", {"running": running(next=Record(OLD, 2))}, {"max_kexec_count": 1}),
        ("transition_denied", {}, {"denied": (Denial("*", "*", "any", "No."),)}),
        ("transition_crashes", {}, {"crash_risks": (CRASHES,)}),
        ("chain_too_long", {}, {"crash_risks": (CRASHES._replace(longest_chain=0),)}),
        ("kho_abi_unknown", DOUBTFUL, {"on_unknown": "refuse"}),
    ],
)
def test_what_is_accepted_is_only_a_warning(code, changes, policy):
    assert decide(situation(**changes, policy=Policy(**policy))).action == "refuse"
    plan = decide(situation(**changes, policy=Policy(**policy, accept=(code,))))
    assert (plan.action, codes(plan.warnings)) == ("handover", [code])


def test_what_concerns_only_one_way_leaves_the_others():
    denied = (Denial("*", "*", "handover", "No."),)
    plan = decide(situation(policy=Policy(handover="prefer", denied=denied)))
    assert (plan.action, codes(plan.reasons)) == ("refuse", ["transition_denied"])
    plan = decide(situation(policy=Policy(handover="prefer", fallback="cold_boot", denied=denied)))
    assert (plan.action, codes(plan.warnings)) == ("cold_boot", ["transition_denied", "boot_default_unknown"])
    denied = (Denial("*", "*", "kexec", "No."),)
    plan = decide(situation(**LOST, policy=Policy(handover="prefer", fallback="cold_boot", denied=denied)))
    assert plan.action == "cold_boot"
    denied = (Denial("*", "*", "cold_boot", "No."),)
    plan = decide(situation(**NO_KEXEC, policy=Policy(fallback="cold_boot", denied=denied)))
    assert (plan.action, codes(plan.reasons)) == ("refuse", ["kexec_disabled", "transition_denied"])


STANDINGS = [FREE, LOST, DOUBTFUL, NO_KEXEC, NOTHING_GOES, {"running": running(enabled=False, next=None)}]
# Of a named tuple itself, Hypothesis would make up the fields with defaults too (on Python 3.8).
ANY_POLICY = st.fixed_dictionaries(
    {
        "allow_downgrade": st.booleans(),
        "handover": st.sampled_from(["require", "prefer", "ignore"]),
        "fallback": st.sampled_from(["refuse", "cold_boot"]),
        "on_unknown": st.sampled_from(["warn", "refuse"]),
        "max_kexec_count": st.sampled_from([0, 1, 5]),
        "accept": st.lists(st.sampled_from(ACCEPTABLE), unique=True).map(tuple),
    }
).map(lambda fields: Policy(**fields))


@given(policy=ANY_POLICY, changes=st.sampled_from(STANDINGS))
def test_a_state_of_live_update_that_would_crash_the_target_is_always_refused(policy, changes):
    fatal = target(image=image(luo_abi="luo-v9"))
    facts = {**changes, "target": fatal, "site": site(live_update=True)}
    plan = decide(situation(**{"running": running(luo_abi="luo-v5"), **facts}, policy=policy))
    assert plan.action == "refuse"
    assert "luo_abi_mismatch" in codes(plan.reasons)


@given(policy=ANY_POLICY, changes=st.sampled_from(STANDINGS))
def test_a_policy_gets_no_more_than_it_allows(policy, changes):
    plan = decide(situation(**changes, policy=policy))
    assert plan.promise == PROMISES.get(plan.action)
    assert bool(plan.reasons)
    assert not set(codes(plan.reasons)) & set(codes(plan.warnings))
    losses = {"kho_abi_mismatch", "running_kho_off"} & set(policy.accept)
    allowed = {
        "refuse": True,
        "handover": policy.handover != "ignore" and changes in (FREE, DOUBTFUL),
        "kexec": policy.handover != "require" or bool(losses),
        "cold_boot": policy.fallback == "cold_boot",
    }
    assert allowed[plan.action]
    assert plan.action == "refuse" or changes is not NOTHING_GOES
    assert plan.action in ("refuse", "cold_boot") or changes is not NO_KEXEC


def test_accepting_more_never_refuses_more():
    for handover, fallback, changes in product(["require", "prefer", "ignore"], ["refuse", "cold_boot"], STANDINGS):
        policies = [Policy(handover=handover, fallback=fallback, accept=accept) for accept in ((), ACCEPTABLE)]
        strict, lenient = (decide(situation(**changes, policy=policy)).action for policy in policies)
        assert lenient != "refuse" or strict == "refuse"


def test_a_handover_that_does_not_arrive_raises_no_questions_of_what_is_in_it():
    lost = image(kho_abi="kho-v9", metadata=False)
    assert codes(decide(situation(target=target(image=lost))).reasons) == ["kho_abi_mismatch"]
    unread = target(image=image(kho_abi=None, metadata=None))
    plan = decide(situation(running=running(enabled=False, next=None, abi=None), target=unread))
    assert (codes(plan.reasons), codes(plan.warnings)) == (["running_kho_off"], [])


def test_candidates_are_shown_with_why_they_were_not_chosen():
    choice = Choice(candidate(), (Rejected(candidate(OLD), Note("not_latest", "It is older.")),), None)
    shown = situation(choice=choice).candidates()
    assert [(one["release"], one["chosen"], one["code"], one["message"]) for one in shown] == [
        (NEW, True, None, None),
        (OLD, False, "not_latest", "It is older."),
    ]


# --- the release that runs, built anew

ONE, OTHER = "#1 SMP Debian 7.3.4-1 (2026-11-20)", "#1 SMP Debian 7.3.4-2 (2026-11-27)"


def built(runs, installed, **changes):
    return situation(
        running=running(release=NEW), site=site(build=runs), target=target(image=image(build=installed)), **changes
    )


def test_another_build_of_the_running_release_is_a_reason_to_go():
    plan = decide(built(ONE, OTHER))
    assert (plan.action, codes(plan.reasons)) == ("handover", ["handover_promised", "rebuilt"])
    assert (plan.promise.release, plan.promise.previous_release) == (NEW, OLD)
    assert [text for text in (NEW, ONE, OTHER, "no way back") if text not in plan.reasons[1].message] == []


def test_what_speaks_against_the_other_build_is_said():
    plan = decide(built(ONE, OTHER, policy=Policy(panic=0)))
    assert (plan.action, codes(plan.reasons)) == ("refuse", ["panic_out_of_range"])


@pytest.mark.parametrize(("runs", "installed"), [(ONE, ONE), (None, OTHER), (ONE, None)])
def test_the_same_build_or_an_unknown_one_is_none(runs, installed):
    assert codes(decide(built(runs, installed)).reasons) == ["already_running"]


def test_what_is_newer_and_was_not_meant_is_said_where_nothing_is_to_be_done():
    choice = Choice(candidate(), (), None, Note("newer_passed_over", "7.4.0-lts is newer."))
    assert codes(decide(situation(running=running(release=NEW), choice=choice)).warnings) == ["newer_passed_over"]
