# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's own part: options and results as documented. The rest is in the tests of _history."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.modules import kexec_history_info
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import KexecHost
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module
from ansible_collections.kho.kexec.tests.unit.support.transitions import upgradable_host

RETURNED = yaml.safe_load(kexec_history_info.RETURN)


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    return upgradable_host(KexecHost(tmp_path)).add_directory("/var/log/journal")


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_host_with_an_empty_journal_and_a_dump(host, check_mode):
    host.add("/var/crash/1/dmesg.1", "[    1.000000] Kernel panic - not syncing: no\n")
    before = host.snapshot()
    rc, result = run_module("kexec_history_info", host.root, _ansible_check_mode=check_mode)
    assert (rc, result["changed"], result["notes"], result["cursor"]) == (0, False, [], None)
    assert set(result) - {"invocation", "changed"} == set(RETURNED) - {"code"}
    (boot,), (crash,) = result["host_boots"], result["crashes"]
    assert (boot["boot_id"], crash["kind"]) == (BOOT_ID, "panic")
    assert set(boot) == set(RETURNED["host_boots"]["contains"])
    assert set(crash) == set(RETURNED["crashes"]["contains"])
    assert host.snapshot() == before


def test_a_cursor_that_is_none(host):
    rc, result = run_module("kexec_history_info", host.root, after_cursor="nonsense")
    assert (rc, result["code"]) == (1, "cursor_invalid")
