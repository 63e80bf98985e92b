# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    RECORD_PATH,
    Left,
    Promise,
    StagedImage,
    Transition,
    awaits_verdict,
    is_staged_here,
    is_uncommitted,
    owns_image,
    read_transition,
    remove_transition,
    transition_of,
    write_transition,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    LATER_BOOT_ID,
    NEW,
    arrived,
    closed_verdict,
    running,
    transition,
)

COUNTS = st.integers(0, 2**32 - 1)
RECORDS = st.builds(
    Transition,
    state=st.sampled_from(["staging", "loaded", "left"]),
    created=st.text(),
    left=st.builds(Left, st.text(), st.text(), st.one_of(st.none(), COUNTS)),
    promise=st.builds(Promise, st.text(), st.text(), COUNTS, st.one_of(st.none(), st.text())),
    image=st.builds(StagedImage, st.text(), st.lists(st.text()).map(tuple), st.text(), st.text()),
)
NOTHING_HANDED_OVER = Promise("7.3.4-kho", None, 0, None, "kexec")
COLD = transition(promise=Promise("7.3.4-kho", None, 0, None, "cold_boot"), image=None)


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


@given(RECORDS, st.booleans())
def test_a_record_is_read_as_it_was_written(record, closed):
    record = record.closed(closed_verdict("cold_boot")) if closed else record
    assert transition_of(json.loads(json.dumps(record.as_dict()))) == record


@pytest.mark.parametrize("record", [transition(promise=NOTHING_HANDED_OVER), COLD])
def test_other_ways_than_a_handover(record):
    assert transition_of(json.loads(json.dumps(record.as_dict()))) == record


@pytest.mark.parametrize(("initrd", "initrds"), [("/boot/initrd", ("/boot/initrd",)), (None, ())])
def test_records_of_the_first_schema_are_read(initrd, initrds):
    old = transition("left").as_dict()
    old["schema"] = 1
    del old["promise"]["how"]
    old["image"] = {"kernel": "/k", "initrd": initrd, "command_line": "quiet"}
    assert transition_of(json.loads(json.dumps(old))) == transition(
        "left", image=StagedImage("/k", initrds, "quiet"), build=None
    )


@pytest.mark.parametrize(("state", "committed"), [("loaded", False), ("closed", True)])
def test_records_that_know_no_commit_need_none(state, committed):
    verdict = closed_verdict("handover_verified", LATER_BOOT_ID) if state == "closed" else None
    old = {**transition(state, verdict=verdict).as_dict(), "schema": 3}
    del old["committed"], old["build"]
    assert transition_of(json.loads(json.dumps(old))).committed is committed


@pytest.mark.parametrize(
    ("word", "boot_id", "committed", "uncommitted"),
    [
        ("handover_verified", LATER_BOOT_ID, False, True),
        ("handover_verified", LATER_BOOT_ID, True, False),
        ("handover_verified", BOOT_ID, False, False),
        ("unhealthy", LATER_BOOT_ID, False, False),
    ],
)
def test_what_was_accepted_in_this_boot_awaits_its_commit(word, boot_id, committed, uncommitted):
    record = transition("closed", verdict=closed_verdict(word, boot_id), committed=committed)
    assert is_uncommitted(record, arrived()) is uncommitted


@pytest.mark.parametrize("record", [None, transition("left")])
def test_without_a_verdict_nothing_awaits_its_commit(record):
    assert is_uncommitted(record, arrived()) is False


@given(
    st.one_of(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
)
def test_any_text_is_a_record_or_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own error is one
        transition_of(json.loads(text))


def test_the_file_is_roots_alone_and_holds_the_documented_fields(host, tmp_path):
    record = transition()
    write_transition(host, record)
    path = tmp_path / RECORD_PATH.lstrip("/")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_bytes()) == {
        "schema": 5,
        "state": "loaded",
        "created": "2026-11-22T15:00:00Z",
        "left": {"release": "7.2.13-kho", "boot_id": running().boot_id, "kexec_count": 0},
        "promise": {
            "release": "7.3.4-kho",
            "previous_release": "7.2.13-kho",
            "kexec_count": 1,
            "abi": "kho-v4",
            "how": "handover",
        },
        "image": {
            "kernel": "/boot/vmlinuz-7.3.4-kho",
            "initrds": ["/boot/initrd.img-7.3.4-kho"],
            "command_line": "root=LABEL=root console=ttyS0 kho=on panic=10",
            "fingerprint": "",
        },
        "verdict": None,
        "rollback": False,
        "committed": False,
        "build": "#1 SMP",
    }
    assert read_transition(host) == record
    remove_transition(host)
    assert read_transition(host) is None


def test_bytes_of_a_command_line_survive(host):
    line = b"root=\xff\xc3\xa9".decode("utf-8", "surrogateescape")
    record = transition(image=StagedImage("/k", (), line))
    write_transition(host, record)
    assert read_transition(host) == record
    assert record.as_result()["image"]["command_line"] == "root=??"


def test_a_result_is_printable_and_otherwise_the_record():
    assert transition().as_result() == transition().as_dict()
    closed = transition().closed({"message": "\x1b[31m", "notes": ["\n"], "accepted": False, "reason": None})
    assert closed.as_result()["verdict"] == {"message": "?[31m", "notes": ["?"], "accepted": False, "reason": None}


def broken(**changes):
    return json.dumps({**transition().as_dict(), **changes})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "Expecting value"),
        ("{", "Expecting"),
        pytest.param("[" * 100000, "cannot be understood", id="very deep"),
        ("[]", "no field 'schema'"),
        (broken(schema=6), "schema is 6"),
        (broken(schema=0), "schema is 0"),
        (broken(schema=True), "'schema' is bool"),
        (broken(state="flying"), "state"),
        (broken(state="closed"), "state"),
        (broken(verdict={}), "state"),
        (broken(state="closed", verdict={}), "no field 'verdict'"),
        (broken(state="closed", verdict={**closed_verdict(), "accepted": 1}), "'accepted' is int"),
        (broken(state="closed", verdict={**closed_verdict(), "reported": {}}), "no field 'boot_id'"),
        (broken(verdict="ok"), "'verdict' is str"),
        (broken(left=None), "'left' is NoneType"),
        (broken(left={"release": "7"}), "no field 'boot_id'"),
        (broken(promise={**transition().promise.as_dict(), "kexec_count": "1"}), "'kexec_count' is str"),
        (broken(promise={**transition().promise.as_dict(), "kexec_count": None}), "'kexec_count' is NoneType"),
        (broken(promise={**transition().promise.as_dict(), "how": "magic"}), "not one of handover, kexec"),
        (
            broken(promise={**transition().promise.as_dict(), "previous_release": None}),
            "'previous_release' is NoneType",
        ),
        (broken(promise={**NOTHING_HANDED_OVER.as_dict(), "previous_release": "7"}), "'previous_release' is str"),
        (broken(image={"kernel": "/k"}), "no field 'initrds'"),
        (broken(image={"kernel": "/k", "initrds": [5], "command_line": ""}), "'initrds' holds"),
        (broken(image=None), "does not fit what was promised, handover"),
        (broken(promise=COLD.promise.as_dict()), "does not fit what was promised, cold_boot"),
        (broken(created=5), "'created' is int"),
        pytest.param("x" * (1 << 19), "larger", id="very long"),
    ],
)
def test_what_cannot_be_understood_is_refused_and_kept(host, content, says):
    host.add(RECORD_PATH, content)
    with pytest.raises(Refusal, match=says) as caught:
        read_transition(host)
    assert caught.value.code == "record_unreadable"
    assert all(part in caught.value.message for part in (RECORD_PATH, "left alone", "remove it and run again"))
    assert caught.value.message.isprintable()
    assert host.read_text(RECORD_PATH, 1 << 20) == content


def test_a_record_that_may_not_be_read_is_not_taken_for_none(host):
    host.add(RECORD_PATH, broken()).deny("/var/lib/kho-kexec")
    with pytest.raises(Refusal, match="may not be accessed"):
        read_transition(host)


HERE, ELSEWHERE = running().boot_id, LATER_BOOT_ID


@pytest.mark.parametrize(
    ("state", "boot_id", "boot", "awaits", "staged"),
    [
        ("staging", HERE, "cold", False, True),
        ("loaded", HERE, "handover", False, True),
        ("left", HERE, "cold", False, True),
        ("closed", HERE, "cold", False, False),
        ("staging", ELSEWHERE, "cold", False, False),
        ("staging", ELSEWHERE, "kexec", True, False),
        ("staging", ELSEWHERE, "unknown", True, False),
        ("loaded", ELSEWHERE, "cold", False, False),
        ("loaded", ELSEWHERE, "unknown", True, False),
        ("left", ELSEWHERE, "cold", True, False),
        ("left", ELSEWHERE, "handover", True, False),
        ("closed", ELSEWHERE, "handover", False, False),
        (None, HERE, "cold", False, False),
    ],
)
def test_how_far_it_got(state, boot_id, boot, awaits, staged):
    record = transition(state) if state else None
    facts = running(boot_id=boot_id, boot=boot)
    assert (awaits_verdict(record, facts), is_staged_here(record, facts)) == (awaits, staged)


@pytest.mark.parametrize(("state", "awaits"), [("staging", False), ("loaded", True), ("left", True)])
def test_cold_boot_into_another_release_is_judged_unless_staging_was_interrupted(state, awaits):
    assert awaits_verdict(transition(state), running(boot_id=ELSEWHERE, release=NEW)) is awaits


@pytest.mark.parametrize(
    ("record", "owns"),
    [
        (None, False),
        (transition("staging"), True),
        (transition("left"), True),
        (COLD, False),
        (transition("closed"), False),
    ],
)
def test_whose_a_loaded_image_is(record, owns):
    assert owns_image(record, running(image_loaded=True)) is owns


@pytest.mark.parametrize("evidence", [None, [], {"boot_id_left": BOOT_ID}])
def test_a_verdict_of_an_earlier_version_is_completed(evidence):
    closed = transition("left").closed({**closed_verdict("cold_boot"), "evidence": evidence})
    told = closed.full_verdict
    assert told["evidence"] == {**(evidence or {}), "release_left": closed.left.release}
    assert told["promised"] == closed.promise.as_dict()
    assert told["verdict"] == "cold_boot"
