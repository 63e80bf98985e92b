# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's own part: options, results as documented, and nothing changed. The rest is in the tests of _health."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._health.baseline import BASELINE_PATH, save_baseline
from ansible_collections.kho.kexec.plugins.module_utils._observe.sources import BOOT_ID
from ansible_collections.kho.kexec.plugins.modules import kernel_health_info
from ansible_collections.kho.kexec.tests.unit.support.health import WARNING, health, healthy_host
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import KexecHost
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module
from ansible_collections.kho.kexec.tests.unit.support.transitions import LATER_BOOT_ID

RETURNED = yaml.safe_load(kernel_health_info.RETURN)


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    return healthy_host(KexecHost(tmp_path), WARNING.line)


def run(host, **options):
    before = host.snapshot()
    rc, result = run_module("kernel_health_info", host.root, **options)
    assert host.snapshot() == before
    return rc, result


def codes(items):
    return [item["code"] for item in items]


@pytest.mark.parametrize("check_mode", [False, True])
def test_compared_with_the_boot_before(host, check_mode):
    save_baseline(host, health(), LATER_BOOT_ID)
    rc, result = run(host, _ansible_check_mode=check_mode)
    assert (rc, result["changed"], result["healthy"], result["baseline"]) == (0, False, False, LATER_BOOT_ID)
    assert codes(result["troubles"]) == ["kernel_warning"]
    assert result["boot_id"] == host.read_text(BOOT_ID, 64).strip()
    assert set(result) - {"invocation", "changed"} == set(RETURNED) - {"code"}
    assert set(result["troubles"][0]) == set(RETURNED["troubles"]["contains"])
    assert set(result["health"]) == set(RETURNED["health"]["contains"])


def test_what_was_there_before_does_not_count(host):
    save_baseline(host, health(complaints=(WARNING,)), LATER_BOOT_ID)
    rc, result = run(host)
    assert (rc, result["healthy"], [found["new"] for found in result["troubles"]]) == (0, True, [False])


@pytest.mark.parametrize("options", [{}, {"baseline": "none"}])
def test_without_a_baseline(host, options):
    if options:
        save_baseline(host, health(complaints=(WARNING,)), LATER_BOOT_ID)
    rc, result = run(host, **options)
    assert (rc, result["healthy"], result["baseline"]) == (0, False, None)
    assert codes(result["notes"]) == ["baseline_absent"]


@pytest.mark.parametrize(("release", "own"), [("7.3.4", True), ("7.9.9", None)])
def test_what_the_fleet_has_after_cold_boots(host, release, own):
    save_baseline(host, health(), LATER_BOOT_ID)
    host.add("/proc/sys/kernel/osrelease", "7.3.4\n")
    told = {"release": release, "code": WARNING.what, "signature": WARNING.signature, "boots": 31, "hosts": 7}
    rc, result = run(host, own_troubles=[told])
    assert (rc, result["healthy"], [found["own"] for found in result["troubles"]]) == (0, False, [own])
    assert ("31 boots of 7 hosts in the ledger" in result["troubles"][0]["message"]) is bool(own)


def test_ignored_codes_and_commands(host):
    rc, result = run(host, ignore=["kernel_warning"], commands=[["true"], ["sleep", 1]])
    assert (rc, result["healthy"], result["troubles"]) == (0, True, [])
    assert result["soaked_seconds"] < 1  # not that of the command


def test_an_unknown_code_is_refused(host):
    rc, result = run(host, ignore=["kernel_warnings"])
    assert rc == 1
    assert "kernel_warnings" in result["msg"]


@pytest.mark.parametrize(
    ("options", "code"),
    [({"soak": -1}, "time_invalid"), ({"commands": [[]]}, "command_invalid"), ({}, "baseline_unreadable")],
)
def test_failures_have_codes(host, options, code):
    if not options:
        host.add(BASELINE_PATH, "broken")
    rc, result = run(host, **options)
    assert (rc, result["code"]) == (1, code)
