# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's own part: results as documented, and nothing changed. The rest is in the tests of _transition."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    RECORD_PATH,
    read_transition,
    write_transition,
)
from ansible_collections.kho.kexec.plugins.modules import kexec_verdict_info
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import KexecHost
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module
from ansible_collections.kho.kexec.tests.unit.support.transitions import LATER_BOOT_ID, transition, upgradable_host

RETURNED = yaml.safe_load(kexec_verdict_info.RETURN)


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    return upgradable_host(KexecHost(tmp_path))


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_verdict_is_given_and_the_record_stays_open(host, check_mode):
    write_transition(host, transition("left"))
    host.add("/proc/sys/kernel/random/boot_id", LATER_BOOT_ID)
    rc, result = run_module("kexec_verdict_info", host.root, _ansible_check_mode=check_mode)
    assert (rc, result["changed"], result["verdict"]["verdict"]) == (0, False, "rolled_back")
    assert read_transition(host) == transition("left")
    assert set(result) - {"invocation", "changed"} == set(RETURNED) - {"code"}
    documented = RETURNED["verdict"]["contains"]
    assert set(result["verdict"]) == set(documented)
    for name in ("promised", "reported", "evidence"):
        assert set(result["verdict"][name]) == set(documented[name]["sample"])


def test_without_a_record(host):
    rc, result = run_module("kexec_verdict_info", host.root)
    assert (rc, result["changed"], result["verdict"]) == (0, False, None)
    assert [note["code"] for note in result["notes"]] == ["record_absent"]


def test_with_a_broken_record(host):
    host.add(RECORD_PATH, "broken")
    rc, result = run_module("kexec_verdict_info", host.root)
    assert (rc, result["code"]) == (1, "record_unreadable")
    assert RECORD_PATH in result["msg"]
