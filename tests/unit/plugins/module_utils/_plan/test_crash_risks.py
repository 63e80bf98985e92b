# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger found, in the decision. See also test_check.py and test_decide.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import CrashRisk, Policy
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW, OLD, image, running, situation, target

CRASHES = CrashRisk("handover", OLD, NEW, None, 2.8, f"{OLD} -> {NEW} crashes.")
LOST = {"target": target(image=image(kho_abi="kho-v9"))}


def codes(notes):
    return [note.code for note in notes]


def test_what_crashes_after_a_kexec_is_no_reason_against_a_cold_boot():
    for risk in (CRASHES, CRASHES._replace(longest_chain=0)):
        plan = decide(situation(policy=Policy(fallback="cold_boot", crash_risks=(risk,))))
        assert (plan.action, codes(plan.warnings)[1:]) == ("cold_boot", ["boot_default_unknown"])


def test_kexec_without_handover_has_a_risk_of_its_own():
    risk = CRASHES._replace(boot="kexec", previous_release=None)
    plan = decide(situation(**LOST, policy=Policy(handover="prefer", crash_risks=(risk,))))
    assert (plan.action, codes(plan.reasons)) == ("refuse", ["transition_crashes", "kho_abi_mismatch"])


def is_refused(risk, reaction, threshold):
    of_one_host = "crashes_on_one_host" in [caution.code for caution in risk.cautions]
    return reaction == "refuse" and risk.at_least >= threshold and not of_one_host


ANY_RISK = st.builds(
    CrashRisk,
    boot=st.sampled_from(["handover", "kexec"]),
    previous_release=st.sampled_from([OLD, NEW, None]),
    release=st.sampled_from([OLD, NEW]),
    longest_chain=st.none() | st.integers(0, 9),
    at_least=st.floats(0, 100),
    sentence=st.text(max_size=2000),
    cautions=st.lists(
        st.builds(Note, st.sampled_from(["crashes_on_one_host", "boots_younger"]), st.text(max_size=1000)), max_size=2
    ).map(tuple),
)


@given(
    risks=st.lists(ANY_RISK, max_size=4).map(tuple),
    reaction=st.sampled_from(["warn", "refuse"]),
    threshold=st.floats(0, 100),
    count=st.integers(1, 9),
)
def test_a_risk_is_refused_exactly_when_it_is_this_transitions_and_reaches_the_threshold(
    risks, reaction, threshold, count
):
    policy = Policy(crash_risks=risks, on_crash_risk=reaction, crash_risk_threshold=threshold)
    plan = decide(situation(running=running(next=Record(OLD, count)), policy=policy))
    mine = [one for one in risks if (one.boot, one.previous_release, one.release) == ("handover", OLD, NEW)]
    meant = [one for one in mine if one.longest_chain is None or one.longest_chain < count]
    refused = [one for one in meant if is_refused(one, reaction, threshold)]
    said = [note for note in (*plan.reasons, *plan.warnings) if note.code in ("transition_crashes", "chain_too_long")]
    assert plan.action == ("refuse" if refused else "handover")
    assert len(said) == len(meant)
    assert all(note.message.isprintable() and note.message.isascii() and len(note.message) < 1400 for note in said)
    assert all("{{" not in note.message and "{%" not in note.message for note in said)
