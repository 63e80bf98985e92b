# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import (
    build_in,
    is_build,
    is_release,
    release_key,
)

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
# Each list is in the order in which such kernels are published. `dpkg --compare-versions` says the same of Debian's and
# Ubuntu's, but for "rc" without "~", which it takes for newer than the release.
ORDERED_BY_DISTRIBUTION = {
    "debian": [
        "6.1.0-9-amd64",
        "6.1.0-10-amd64",
        "6.12.9+deb13-amd64",
        "6.12.10+deb13-amd64",
        "6.12.41+deb13-amd64",
        "6.12.43+deb13-amd64",
        "6.12.43+deb13+1-amd64",
        "7.3~rc7+deb14-amd64",
        "7.3.1+deb14-amd64",
    ],
    "ubuntu": [
        "5.15.0-122-generic",
        "6.8.0-9-generic",
        "6.8.0-45-generic",
        "6.8.0-100-generic",
        "6.12.0-061200rc3-generic",
        "6.12.0-061200rc10-generic",
        "6.12.0-061200-generic",
    ],
    "rhel": [
        "4.18.0-80.el8.x86_64",
        "4.18.0-80.1.2.el8_0.x86_64",
        "4.18.0-80.11.1.el8_0.x86_64",
        "5.14.0-70.el9.x86_64",
        "5.14.0-70.13.1.el9_0.x86_64",
        "5.14.0-503.el9.x86_64",
        "5.14.0-503.9.1.el9_5.x86_64",
        "5.14.0-503.11.1.el9_5.x86_64+debug",
        "5.14.0-503.11.1.el9_5.x86_64",
        "5.14.0-503.11.1.el9_5.x86_64+rt",
    ],
    "fedora": [
        "6.11.9-300.fc41.x86_64",
        "6.11.10-300.fc41.x86_64+debug",
        "6.11.10-300.fc41.x86_64",
        "7.0.0-0.rc0.20260220git0123abcd.5.fc45.x86_64",
        "7.0.0-0.rc3.28.fc45.x86_64",
        "7.0.0-0.rc3.20260301git89abcdef.28.fc45.x86_64",
        "7.0.0-0.rc3.20260302git01234567.29.fc45.x86_64",
        "7.0.0-0.rc10.70.fc45.x86_64",
        "7.0.0-61.fc45.x86_64",
        "7.0.0-300.fc45.x86_64",
    ],
    "suse": [
        "5.14.21-150500.55.83-default",
        "6.4.0-150600.9-default",
        "6.4.0-150600.21-default",
        "6.4.0-150600.23-default",
        "6.4.0-150600.23.7-default",
        "6.4.0-150600.23.25-default",
        "6.13.0-rc1-1.g0123abc-default",
        "6.13.0-1-default",
    ],
    "arch": ["6.12.0-arch1-1", "6.12.1-arch1-1", "6.12.1-arch1-2", "6.12.1-arch2-1", "6.12.10-arch1-1"],
    "own": ["7.2.13", "7.3-rc7", "7.3.0-rc7+", "7.3.0-rc7-00012-g0123abc", "7.3.0-rc8", "7.3.0", "7.3.0+", "7.3.1"],
}
VERSIONS = st.tuples(*[st.integers(0, 10**6)] * 3).map(lambda numbers: ".".join(map(str, numbers)))
SUFFIXES = st.sampled_from(["", "-kho", "+deb14-amd64", "-generic"])


@pytest.mark.parametrize(("older", "newer"), list(itertools.combinations(ORDERED, 2)))
def test_order_of_real_releases(older, newer):
    assert release_key(older) < release_key(newer)


@pytest.mark.parametrize("distribution", ORDERED_BY_DISTRIBUTION)
def test_order_of_each_distribution(distribution):
    releases = ORDERED_BY_DISTRIBUTION[distribution]
    assert sorted(releases, key=release_key) == releases
    assert all(is_release(release) for release in releases)


@pytest.mark.parametrize("one", ["7.3-rc7", "7.3.0-rc7", "7.3~rc7", "7.3.0-0.rc7", "7.3.0-070300rc7", "7.3.0.rc7"])
def test_a_candidate_is_known_by_any_of_its_names(one):
    assert release_key("7.2.13") < release_key(one) < release_key("7.3")
    assert release_key("7.3-rc6") < release_key(one) < release_key("7.3.0-rc8")


@given(st.permutations(ORDERED))
def test_the_order_does_not_depend_on_that_of_the_files(releases):
    assert sorted(releases, key=release_key) == ORDERED


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
        "7.3.4.old", "7.3.4-default.xz", "7.3.4-generic.efi.signed", "7.3.4-kho.bak", "7.3.4.dpkg-new",
        "7.3.4.rpmsave", "7.3.4.hmac", "7.3.4~",
    ],
)  # fmt: skip
def test_no_releases(text):
    assert not is_release(text)


# --- builds

BUILDS = {
    "Linux version 6.8.0-45-generic (buildd@lcy02-amd64-115) "
    "(x86_64-linux-gnu-gcc-13 (Ubuntu 13.2.0-23ubuntu4) 13.2.0, GNU ld (GNU Binutils for Ubuntu) 2.42) "
    "#45-Ubuntu SMP PREEMPT_DYNAMIC Fri Aug 30 12:02:04 UTC 2024\n": (
        "#45-Ubuntu SMP PREEMPT_DYNAMIC Fri Aug 30 12:02:04 UTC 2024"
    ),
    "6.8.0-45-generic (buildd@lcy02-amd64-115) #45-Ubuntu SMP PREEMPT_DYNAMIC Fri Aug 30 12:02:04 UTC 2024": (
        "#45-Ubuntu SMP PREEMPT_DYNAMIC Fri Aug 30 12:02:04 UTC 2024"
    ),
    "6.1.0-31-amd64 (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC Debian 6.1.128-1 (2025-02-07)": (
        "#1 SMP PREEMPT_DYNAMIC Debian 6.1.128-1 (2025-02-07)"
    ),
    "7.3.4-kho (root@build) #1 SMP": "#1 SMP",
    "Linux version 7.3.4-kho (root@build) (gcc) SMP": None,
    "7.3.4-kho (root@build) #1 \x1b[2J": None,
    "7.3.4-kho (root@build) #" + "1" * 64: None,
    "": None,
}


@pytest.mark.parametrize("banner", BUILDS)
def test_builds_of_distributions(banner):
    assert build_in(banner) == BUILDS[banner]
    assert BUILDS[banner] is None or is_build(BUILDS[banner])


@given(st.text())
def test_any_text_has_a_build_or_none(text):
    build = build_in(text)
    assert build is None or (build.isprintable() and build.isascii() and len(build) <= 64)
