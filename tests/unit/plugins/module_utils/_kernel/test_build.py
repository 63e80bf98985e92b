# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build import VERSION, build_in, is_build, running_build
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

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


def test_the_build_of_this_machine():
    assert running_build(LocalHost()) == os.uname().version


def test_a_host_that_does_not_say(tmp_path):
    assert running_build(FakeRoot(tmp_path)) is None
    assert running_build(FakeRoot(tmp_path).add(VERSION, "Linux version 7.3.4\n")) is None


@given(st.text())
def test_any_text(text):
    build = build_in(text)
    assert build is None or (build.isprintable() and build.isascii() and len(build) <= 64)
