# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._releases import is_release, latest_release, release_key

ORDERED = [
    "0-rescue-4f7a0d2f6c0e4f0e9a35cbb0ad4a7d5e",
    "5.14.0-70.13.1.el9_0.x86_64",
    "5.14.0-427.13.1.el9_4.x86_64",
    "6.12.9",
    "6.12.10",
    "6.12.10-9-amd64",
    "6.12.10-10-amd64",
    "6.12.100",
    "7.0.0",
    "7.2.13+deb14-cloud-amd64",
    "7.2.14",
    "7.3~rc7",
    "7.3.0-0.rc8.20261101.fc45.x86_64",
    "7.3.0",
    "7.3.0-12.fc45.x86_64",
    "7.3.1-rc1-kho",
    "7.3.1-rc2",
    "7.3.1-rc2-kho",
    "7.3.1-rc10",
    "7.3.1",
    "7.3.1-kho",
    "7.3.4-generic",
    "7.3.4-kho",
    "10.0.0",
]
VERSIONS = st.tuples(*[st.integers(0, 10**6)] * 3).map(lambda numbers: ".".join(map(str, numbers)))
SUFFIXES = st.sampled_from(["", "-kho", "+deb14-amd64", "-generic"])


@pytest.mark.parametrize(("older", "newer"), list(itertools.combinations(ORDERED, 2)))
def test_order_of_real_releases(older, newer):
    assert release_key(older) < release_key(newer)


@given(st.permutations(ORDERED))
def test_latest_does_not_depend_on_the_order_of_the_files(releases):
    assert latest_release(releases) == ORDERED[-1]
    assert sorted(releases, key=release_key) == ORDERED


def test_there_may_be_no_release_at_all():
    assert latest_release([]) is None


@given(VERSIONS, VERSIONS)
def test_versions_compare_as_numbers(one, other):
    def numbers(text):
        return tuple(int(field) for field in text.split("."))

    assert (release_key(one) < release_key(other)) == (numbers(one) < numbers(other))


@given(VERSIONS, st.integers(0, 99), SUFFIXES, SUFFIXES, st.sampled_from(["-rc", "~rc", ".rc", "_rc"]))
def test_a_candidate_comes_before_its_release(version, number, suffix, final_suffix, marker):
    candidate = version + marker + str(number)
    assert release_key(candidate + suffix) < release_key(version + final_suffix)
    assert release_key(candidate + suffix) < release_key(f"{version}{marker}{number + 1}{suffix}")


@given(st.text(), st.text())
def test_any_two_strings_are_ordered_and_only_the_same_are_equal(one, other):
    first, second = release_key(one), release_key(other)
    assert (first == second) == (one == other)
    assert (first < second) + (second < first) == (one != other)


def test_a_number_may_have_any_length():
    assert release_key("7." + "9" * 10000) < release_key("7.1" + "0" * 10000)


@pytest.mark.parametrize("text", [*ORDERED, "7", "7.3.4-" + "x" * 58])
def test_releases(text):
    assert is_release(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "generic", "-7.3", "7.3 4", "7.3/4", "../7.3", "7.3\n", "7.3;reboot", "7.3é", "٧.3", "7.3.4-" + "x" * 59,
        "7.3.4.old", "7.3.4-kho.bak", "7.3.4.dpkg-new", "7.3.4.rpmsave", "7.3.4.hmac", "7.3.4~",
    ],
)  # fmt: skip
def test_no_releases(text):
    assert not is_release(text)
