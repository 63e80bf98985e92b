# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's own part: options, check mode, warnings, results as documented. The rest is in tests of _transition."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._record.claim import CLAIM_PATH
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import RECORD_PATH, read_transition
from ansible_collections.kho.kexec.plugins.modules import kexec_image, kexec_plan_info
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import LOADED, KexecHost
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW, OLD, install, upgradable_host

RETURNED = yaml.safe_load(kexec_image.RETURN)
OF_THE_PLAN = yaml.safe_load(kexec_plan_info.RETURN)
ADDED_BY_ANSIBLE = {"changed", "invocation", "failed", "exception", "msg", "warnings"}


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    return upgradable_host(KexecHost(tmp_path))


def run(host, **options):
    return run_module("kexec_image", host.root, **options)


def test_stage_again_and_take_back(host):
    rc, result = run(host)
    assert (rc, result["changed"], result["plan"]["action"], host.is_loaded) == (0, True, "handover", True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", result["transition"]["created"])
    assert result["transition"]["image"]["command_line"].endswith("kho=on panic=10")
    assert run(host)[1]["changed"] is False
    rc, result = run(host, state="unloaded")
    assert (rc, result["changed"], host.is_loaded) == (0, True, False)
    assert run(host, state="unloaded")[1]["changed"] is False


def test_check_mode(host):
    rc, result = run(host, _ansible_check_mode=True)
    assert (rc, result["changed"], result["plan"]["action"]) == (0, True, "handover")
    assert (host.is_loaded, host.exists(RECORD_PATH)) == (False, False)
    run(host)
    assert run(host, state="unloaded", _ansible_check_mode=True)[1]["changed"] is True
    assert host.is_loaded


@pytest.mark.parametrize(
    ("options", "command_line"),
    [({}, "quiet kho=on panic=10"), ({"panic": 30}, "quiet kho=on panic=30")],
)
def test_panic_is_put_on_the_command_line(host, options, command_line):
    host.add("/proc/cmdline", "quiet kho=on\n")
    assert run(host, **options)[1]["target"]["command_line"] == command_line


def test_release_and_downgrade(host):
    host.add("/proc/sys/kernel/osrelease", "7.3.9\n")
    rc, result = run(host, release=OLD)
    assert (rc, result["code"], result["target"]["release"]) == (1, "downgrade", OLD)
    rc, result = run(host, release=OLD, allow_downgrade=True)
    assert (rc, result["transition"]["promise"]["release"]) == (0, OLD)


def test_a_refusal_says_why_and_what_was_found(host):
    host.add(LOADED, "1\n")
    rc, result = run(host)
    assert (rc, result["failed"], result["code"]) == (1, True, "image_already_loaded")
    first = result["plan"]["reasons"][0]
    assert result["msg"] == f"{first['message']} (docs/reference/codes.md#{first['code']})"
    assert (result["plan"]["action"], result["target"]["release"], result["running"]["release"]) == ("refuse", NEW, OLD)
    assert read_transition(host) is None


def test_warnings_are_shown(host):
    rc, result = run(host, command_line_replace={"panic": 0})
    assert (rc, [note["code"] for note in result["plan"]["warnings"]]) == (0, ["panic_never_restarts"])
    (warning,) = [str(warning) for warning in result["warnings"] if "panic=0" in str(warning)]
    assert "(docs/reference/codes.md#panic_never_restarts)" in warning


def test_the_policy_of_the_options(host):
    install(host, NEW, abi="kho-v9")
    assert run(host)[1]["code"] == "kho_abi_mismatch"
    assert run(host, accept=["luo_abi_mismatch"])[1]["code"] == "accept_impossible"
    rc, result = run(host, accept=["kho_abi_mismatch"])
    assert (rc, result["plan"]["action"], result["transition"]["promise"]["how"]) == (0, "kexec", "kexec")


def test_the_command_line_is_edited(host):
    edits = {"command_line_append": ["quiet"], "command_line_remove": ["console"], "command_line_replace": {"ro": None}}
    rc, result = run(host, **edits)
    assert (rc, result["target"]["command_line"]) == (0, "root=LABEL=root kho=on panic=10 ro quiet")
    rc, result = run(host, command_line_append=["kho=off"])
    assert (rc, result["code"], result["running"]["release"]) == (1, "command_line_edit_invalid", OLD)


@pytest.mark.parametrize("options", [{"state": "absent"}, {"panic": "soon"}, {"kernel": "x"}])
def test_options_that_do_not_exist(host, options):
    rc, result = run(host, **options)
    assert (rc, host.is_loaded) == (1, False)
    assert next(iter(options)) in result["msg"]


def test_all_that_is_returned_is_documented_and_the_other_way_round(host):
    success, failure = run(host)[1], run(host, release="9")[1]
    # Of hosts that are not asked, the controller's half says what is wrong.
    of_the_controller = {"asked", "errors"}
    of_loading, of_refusals = {"guard", "notes", "uncommitted"}, {"code", "claim"} | of_the_controller
    only_of_success = of_loading | {"diff", "claim", "timings"} | of_the_controller
    assert set(success) - ADDED_BY_ANSIBLE == set(RETURNED) - of_refusals
    assert set(failure) - ADDED_BY_ANSIBLE == set(RETURNED) - only_of_success
    assert set(run(host, state="unloaded")[1]) - ADDED_BY_ANSIBLE == set(RETURNED) - of_loading - of_refusals
    for name in ("plan", "target"):
        assert set(success[name]) == set(OF_THE_PLAN[name]["contains"])
        assert f"RV(kho.kexec.kexec_plan_info#module:{name})" in " ".join(RETURNED[name]["description"])
    assert set(success["plan"]["promise"]) == set(OF_THE_PLAN["plan"]["contains"]["promise"]["contains"])
    assert set(success["transition"]) == set(RETURNED["transition"]["sample"])


def test_the_claim_of_another_run_is_returned(host):
    claim = {"owner": "somebody else", "run": "1", "since": "2026-01-01T00:00:00Z", "until": "9999-01-01T00:00:00Z"}
    host.add(CLAIM_PATH, json.dumps(claim))
    for state in ("loaded", "unloaded"):
        rc, result = run(host, state=state)
        assert (rc, result["code"], result["claim"]) == (1, "host_claimed", claim)
    assert set(claim) == set(RETURNED["claim"]["sample"])
    assert host.is_loaded is False


def test_a_guard_is_armed_when_one_is_wanted(host):
    assert run(host)[1]["guard"] is None
    rc, result = run(host, guard={"required": False})
    assert (rc, result["guard"]["armed"], result["guard"]["notes"][0]["code"]) == (0, False, "systemd_missing")
    rc, result = run(host, guard={"confirm_timeout": 5})
    assert (rc, result["code"], result["plan"]["action"]) == (1, "guard_timeout_invalid", "handover")


def test_where_the_time_went(host):
    timings = run(host)[1]["timings"]
    assert set(timings) == set(RETURNED["timings"]["sample"])
    parts = {name: seconds for name, seconds in timings.items() if name != "total"}
    # What is rounded may be a thousandth too much.
    assert 0 < sum(parts.values()) <= timings["total"] + len(parts) * 0.0005
    assert parts["observing"] > 0
    assert run(host, state="unloaded")[1]["timings"]["observing"] > 0
