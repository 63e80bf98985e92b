# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sources of one observation say."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._observe.running import observe_running
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import KEXEC_COUNT_ARGV
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.hosts import (
    without_debugfs,
)


@pytest.fixture
def host(tmp_path):
    root = FakeRoot(tmp_path)
    yield root
    root.assert_nothing_left()


def codes(running):
    return [note.code for note in running.notes]


def test_systemd_is_a_second_witness_where_debugfs_does_not_answer(host):
    without_debugfs(host).add("/dev/liveupdate").expect_run(KEXEC_COUNT_ARGV, stdout="KExecCount=4\n")
    running = observe_running(host)
    assert (running.kexec_count, codes(running)) == (2, ["systemd_disagrees", "debugfs_not_mounted"])


@pytest.mark.parametrize("stdout", ["KExecCount=2\n", "", "KExecCount=[not set]\n"])
def test_systemd_that_agrees_or_does_not_know(host, stdout):
    without_debugfs(host).add("/dev/liveupdate").expect_run(KEXEC_COUNT_ARGV, stdout=stdout)
    assert codes(observe_running(host)) == ["debugfs_not_mounted"]
