# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._health.log import JOURNAL_ARGV
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import (
    FAILED_UNITS_ARGV,
    TAINT_NAMES,
    observe_health,
    parse_health,
    taint_names,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.health import WARNING, health, healthy_host
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID

UNITS = "nginx.service loaded failed failed A web server\nx@1.service loaded failed failed\n"


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def test_a_healthy_host(host):
    healthy_host(host).expect_run(FAILED_UNITS_ARGV)
    observed = observe_health(host)
    assert observed == health()
    assert observed.notes == ()
    host.assert_nothing_left()


def test_a_host_in_trouble(host):
    healthy_host(host, WARNING.line).expect_run(FAILED_UNITS_ARGV, stdout=UNITS)
    host.add("/proc/sys/kernel/tainted", "512\n")
    observed = observe_health(host)
    assert observed == health(taint=512, complaints=(WARNING,), failed_units=("nginx.service", "x@1.service"))
    assert observed.taint_names == ["warning"]


def test_nothing_can_be_observed(host):
    host.deny("/proc", "/sys", "/dev").expect_run(JOURNAL_ARGV, rc=1).expect_missing(FAILED_UNITS_ARGV)
    observed = observe_health(host)
    stored = observed.as_dict()
    assert {name for name, value in stored.items() if value is not None} == {"log", "complaints"}
    assert observed.log == "unreadable"
    assert [note.code for note in observed.notes] == ["log_incomplete"] + ["not_observed"] * 6


@pytest.mark.parametrize(("rc", "taint"), [(1, "0"), (0, "x"), (0, "\u0663")])
def test_an_answer_that_is_none_is_unknown(host, rc, taint):
    healthy_host(host).expect_run(FAILED_UNITS_ARGV, rc=rc, stdout=UNITS, stderr="no bus")
    host.add("/proc/sys/kernel/tainted", taint)
    observed = observe_health(host)
    assert [note.code for note in observed.notes] == ["not_observed"]
    assert None in (observed.taint, observed.failed_units)


def test_names_of_the_taint():
    assert taint_names((1 << 20) - 1) == list(TAINT_NAMES)
    assert taint_names(1 << 25 | 1 << 9) == ["warning", "bit_25"]


GOOD = {"schema": 1, "boot_id": BOOT_ID, "health": health(complaints=(WARNING,)).as_dict()}


def test_stored_texts_are_made_printable():
    fields = copy.deepcopy(health(failed_units=("a",)).as_dict())
    fields["failed_units"] = ["{{ bad }}\x1b"]
    assert parse_health(fields).failed_units == ("?{ bad }}?",)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3))


@given(st.sampled_from(sorted(GOOD["health"])), JSON)
def test_any_field_may_hold_anything(name, value):
    fields = {**GOOD["health"], name: value}
    try:
        parsed = parse_health(fields)
    except ValueError:
        return
    assert parse_health(parsed.as_dict()) == parsed
