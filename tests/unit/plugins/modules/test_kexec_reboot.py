# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half on the managed host: its phases, and that it does nothing without the controller's half."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._health.baseline import save_baseline
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import observe_health
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import read_transition, write_transition
from ansible_collections.kho.kexec.plugins.modules import kexec_reboot, kexec_verdict_info
from ansible_collections.kho.kexec.tests.unit.support.health import WARNING
from ansible_collections.kho.kexec.tests.unit.support.jumps import LOG_OF_HANDOVER, handover
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID, kmsg
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import LOADED, KexecHost
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW, OLD, transition, upgradable_host


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    root = upgradable_host(KexecHost(tmp_path)).add(LOADED, "1\n")
    write_transition(root, transition())
    return root


def run(host, **options):
    return run_module("kexec_reboot", host.root, **options)


def test_leave_then_arrive_in_the_same_boot(host):
    rc, result = run(host, phase="leave", timeout=60)
    assert (rc, result["changed"], result["triggered"], result["already_left"]) == (0, True, True, False)
    assert (result["boot_id"], result["release"], result["promise"]["release"]) == (BOOT_ID, OLD, NEW)
    assert read_transition(host).state == "left"
    assert 0 < result["timings"]["observing"] < result["timings"]["total"]
    rc, result = run(host, phase="verify", timeout=60)
    assert (rc, result["verdict"]["verdict"], read_transition(host).state) == (0, "not_rebooted", "loaded")
    assert 0 < result["timings"]["observing"] < result["timings"]["total"]


@pytest.mark.parametrize("phase", ["leave", "verify"])
def test_check_mode_changes_nothing(host, phase):
    rc, result = run(host, phase=phase, _ansible_check_mode=True)
    assert (rc, result.get("triggered", False)) == (0, False)
    assert read_transition(host) == transition()


def test_a_refusal(host):
    host.add(LOADED, "0\n")
    rc, result = run(host, phase="leave")
    assert (rc, result["code"], result["running"]["release"]) == (1, "image_not_loaded", OLD)


BUG = "[Firmware Bug]: TSC_DEADLINE disabled"


def of_fleet(code, signature):
    return {"release": NEW, "code": code, "signature": signature, "boots": 31, "hosts": 7}


@pytest.mark.parametrize(
    ("line", "own", "word"),
    [
        (BUG, of_fleet("firmware_bug", BUG), None),
        (WARNING.line, of_fleet(WARNING.what, WARNING.signature), "31 boots of 7 hosts in the ledger"),
        (WARNING.line, of_fleet(WARNING.what, "drm_other"), "ignore the code when it is known"),
    ],
    ids=["said at boot", "counts after any boot", "another one"],
)
def test_what_the_fleet_has_after_cold_boots_of_the_target(host, line, own, word):
    save_baseline(host, observe_health(host), BOOT_ID)
    run(host, phase="leave", timeout=60)
    handover(host)
    host.add("/dev/kmsg", kmsg(*LOG_OF_HANDOVER, line))
    assert run(host, phase="verify", timeout=60, _ansible_check_mode=True)[1]["verdict"]["verdict"] == "unhealthy"
    rc, result = run(host, phase="verify", timeout=60, health_own_troubles=[own])
    troubles = result["verdict"]["evidence"]["troubles"]
    assert (rc, result["verdict"]["accepted"]) == (0, word is None)
    assert [word in one["message"] for one in troubles] == ([] if word is None else [True])


@pytest.mark.parametrize("options", [{}, {"timeout": 60}])
def test_without_the_controllers_half_nothing_is_done(host, options):
    rc, result = run(host, **options)
    assert (rc, result["code"]) == (1, "action_plugin_missing")
    assert "Nothing was done" in result["msg"]
    assert read_transition(host) == transition()


def test_other_phases_do_not_exist(host):
    rc, result = run(host, phase="stay")
    assert (rc, read_transition(host)) == (1, transition())
    assert "leave, leave_again, verify" in result["msg"]


def test_every_verdict_is_documented():
    shape = yaml.safe_load(kexec_verdict_info.RETURN)["verdict"]["contains"]["verdict"]
    documented = " ".join(shape["description"] + yaml.safe_load(kexec_reboot.RETURN)["verdict"]["description"])
    verdicts = ["handover_verified", "kexec_without_handover", "cold_boot", "rolled_back", "wrong_kernel"]
    verdicts += ["wrong_previous_release", "unexpected_count", "not_rebooted", "unhealthy", "unreachable"]
    assert [verdict for verdict in verdicts if f"V({verdict})" not in documented] == []
