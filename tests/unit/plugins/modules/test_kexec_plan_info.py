# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._record.transition import RECORD_PATH
from ansible_collections.kho.kexec.plugins.modules import kexec_plan_info
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import LOADED, KexecHost
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW, OLD, install, upgradable_host

RETURNED = yaml.safe_load(kexec_plan_info.RETURN)
ADDED_BY_ANSIBLE = {"invocation", "changed"}


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    return upgradable_host(KexecHost(tmp_path))


def run(host, **options):
    return run_module("kexec_plan_info", host.root, **options)


def snapshot(host):
    return {str(path): path.read_bytes() for path in host.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_plan_is_given_and_nothing_is_changed(host, check_mode):
    before = snapshot(host)
    rc, result = run(host, _ansible_check_mode=check_mode)
    assert (rc, result["changed"], result["plan"]["action"], result["plan"]["warnings"]) == (0, False, "handover", [])
    assert (result["running"]["release"], result["target"]["release"]) == (OLD, NEW)
    assert result["target"]["kernel"]["learnt"]["kho_abi"] == "payload"
    assert snapshot(host) == before


def test_a_refusal_is_an_answer(host):
    host.add(LOADED, "1\n")
    rc, result = run(host)
    assert (rc, result["plan"]["action"], result["plan"]["reasons"][0]["code"]) == (0, "refuse", "image_already_loaded")
    host.add(RECORD_PATH, "broken")
    rc, result = run(host)
    assert (rc, result["plan"]["reasons"][0]["code"], result["target"]) == (0, "record_unreadable", None)


def test_the_policy_of_the_options(host):
    install(host, NEW, abi="kho-v9")
    assert run(host)[1]["plan"]["action"] == "refuse"
    assert run(host, handover="prefer")[1]["plan"]["action"] == "kexec"
    assert run(host, fallback="cold_boot")[1]["plan"]["action"] == "cold_boot"
    denied = [{"from": "7.2.*", "reason": "It lost data."}]
    reasons = run(host, handover="prefer", denied_transitions=denied)[1]["plan"]["reasons"]
    assert [note["code"] for note in reasons] == ["transition_denied", "kho_abi_mismatch"]


def test_the_newest_that_a_glob_means(host):
    install(host, "7.3.5-kho")
    install(host, "8.0.0-kho")
    result = run(host, release="7.3.*")[1]
    assert result["target"]["release"] == "7.3.5-kho"
    codes = {one["release"]: one["code"] for one in result["candidates"]}
    assert codes == {"7.3.5-kho": None, "8.0.0-kho": "not_wanted", NEW: "not_latest", OLD: "not_wanted"}


def test_all_that_is_returned_is_documented_and_the_other_way_round(host):
    result = run(host)[1]
    assert set(result) - ADDED_BY_ANSIBLE == set(RETURNED)
    for name in ("plan", "target"):
        assert set(result[name]) == set(RETURNED[name]["contains"])
    assert set(result["target"]["kernel"]) == set(RETURNED["target"]["contains"]["kernel"]["sample"])
    assert set(result["plan"]["promise"]) == set(RETURNED["plan"]["contains"]["promise"]["contains"])
    assert all(set(one) == set(RETURNED["candidates"]["contains"]) for one in result["candidates"])
