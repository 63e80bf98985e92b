# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._observe.handover import handover_of
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import read_sources
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.hosts import (
    EXEC,
    FOUND,
    INIT,
    START,
    handed_over,
    without_debugfs,
)
from ansible_collections.kho.kexec.tests.unit.support.kernels import kmsg, x86_host

REFUSED = "KHO: setup: handover FDT not compatible"


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def test_all_sources_tell_of_a_handover(host):
    handed_over(host, kmsg(START, FOUND, EXEC, INIT))
    found = handover_of(read_sources(host))
    assert (found.built, found.enabled, found.offered, found.accepted) == (True, True, True, True)
    assert (found.boot, found.record, found.kexec_count) == ("handover", Record("7.2.13", 2), 2)
    assert (found.source, found.refusal, found.abi) == ("debugfs", None, "kho-v4")


def test_the_log_alone_tells_of_it_too(host):
    without_debugfs(host, kmsg(START, FOUND, EXEC, INIT))
    found = handover_of(read_sources(host))
    assert (found.boot, found.source, found.record) == ("handover", "kernel_log", Record("7.2.13", 2))


def test_nothing_is_guessed_where_nothing_can_be_read(host):
    found = handover_of(read_sources(x86_host(host)))
    assert (found.accepted, found.record, found.abi, found.refusal) == (None, None, None, None)
    assert found.source == "none"
