# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Staging another way than a handover."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    RECORD_PATH,
    Promise,
    read_transition,
    write_transition,
)
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load, unload
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import LOADED, Killed
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    COMMAND_LINE,
    CREATED,
    NEW,
    OLD,
    RUN,
    closed_verdict,
    install,
    transition,
)

IMAGE, INITRD = f"/boot/vmlinuz-{NEW}", f"/boot/initrd.img-{NEW}"
KEXEC = f"kexec -s -l {IMAGE} --initrd={INITRD} --command-line={COMMAND_LINE}"
WRITE, REMOVE = f"write {RECORD_PATH}", f"remove {RECORD_PATH}"
SHOWN = {"image": IMAGE, "initrds": [INITRD], "command_line": COMMAND_LINE}
NOTHING = {"image": None}
KEEP = "systemctl stop kho-kexec-expire.timer"


def stage(host, check_mode=False, **policy):
    return load(host, Policy(**policy), RUN, check_mode)


COLD = transition(promise=Promise(NEW, None, 0, None, "cold_boot"), image=None)
COLDLY = {"fallback": "cold_boot"}


def without_kexec(host):
    return host.add("/proc/sys/kernel/kexec_load_disabled", "1\n")


def test_for_a_cold_boot_only_the_promise_is_written(host):
    result = stage(without_kexec(host), **COLDLY)
    assert (result["changed"], result["plan"]["action"], host.steps) == (True, "cold_boot", [WRITE])
    assert read_transition(host) == COLD
    assert result["diff"] == {"before": NOTHING, "after": NOTHING}
    host.steps.clear()
    assert (stage(host, **COLDLY)["changed"], host.steps) == (False, [])


def test_before_a_cold_boot_what_was_staged_here_is_unloaded(host):
    stage(host)
    host.steps.clear()
    assert stage(without_kexec(host), check_mode=True, **COLDLY)["changed"] is True
    assert (host.steps, host.is_loaded) == ([], True)
    result = stage(host, **COLDLY)
    assert (result["changed"], host.steps, host.is_loaded) == (True, [KEEP, "kexec -s -u", REMOVE, WRITE], False)
    assert result["diff"] == {"before": SHOWN, "after": NOTHING}


def test_a_cold_boot_that_was_judged_is_promised_anew(host):
    write_transition(host, COLD.closed(closed_verdict("wrong_kernel")))
    without_kexec(host).steps.clear()
    assert (stage(host, **COLDLY)["changed"], host.steps) == (True, [WRITE])
    assert read_transition(host) == COLD


@pytest.mark.parametrize("step", [1, 2, 3])
def test_killed_before_a_cold_boot_the_next_run_goes_on(host, step):
    stage(host)
    without_kexec(host).steps.clear()
    host.kill_before = step
    with pytest.raises(Killed):
        stage(host, **COLDLY)
    stage(host, **COLDLY)
    assert (read_transition(host), host.is_loaded) == (COLD, False)


def test_the_promise_of_a_cold_boot_can_be_taken_back(host):
    stage(without_kexec(host), **COLDLY)
    host.steps.clear()
    assert unload(host, RUN, False)["changed"] is True
    assert (host.steps, read_transition(host)) == ([REMOVE], None)


def test_an_image_of_somebody_else_stays_also_when_a_cold_boot_was_promised(host):
    stage(without_kexec(host), **COLDLY)
    host.add(LOADED, "1\n").steps.clear()
    with pytest.raises(Refusal) as caught:
        unload(host, RUN, False)
    assert caught.value.code == "image_already_loaded"
    with pytest.raises(Refusal) as caught:
        stage(host, **COLDLY)
    assert caught.value.code == "image_already_loaded"
    assert stage(host, release=OLD)["transition"] is None
    assert (host.steps, host.is_loaded) == ([REMOVE], True)


def test_what_is_accepted_is_loaded_with_another_promise(host):
    install(host, NEW, abi="kho-v9")
    with pytest.raises(Refusal) as caught:
        stage(host)
    assert (caught.value.code, host.steps) == ("kho_abi_mismatch", [])
    result = stage(host, accept=("kho_abi_mismatch",))
    assert (result["plan"]["action"], host.steps) == ("kexec", [WRITE, KEXEC, WRITE])
    assert result["transition"]["promise"] == Promise(NEW, None, 0, None, "kexec").as_dict()
    assert [note["code"] for note in result["plan"]["warnings"]] == ["kho_abi_mismatch"]


def test_an_image_that_is_staged_under_a_claim_expires(host):
    result = load(host, Policy(), RunIdentity(CREATED, "run", "op", 60), False)
    assert result["notes"] == []
    assert host.steps[-2:] == [
        "systemctl stop kho-kexec-expire.timer",
        "systemd-run --collect --on-active=60 --unit=kho-kexec-expire kexec -s -u",
    ]
    host.endings["systemd-run"] = Completed(1, "", "no bus")
    again = load(host, Policy(), RunIdentity(CREATED, "run", "op", 60), False)
    assert [note["code"] for note in again["notes"]] == ["image_does_not_expire"]
    assert "no bus" in again["notes"][0]["message"]


def test_who_is_refused_for_a_claim_learns_whose_it_is(host):
    load(host, Policy(), RunIdentity(CREATED, "run", "op", 60), False)
    with pytest.raises(Refusal) as caught:
        load(host, Policy(), RunIdentity(CREATED, "other"), False)
    assert (caught.value.code, caught.value.findings["claim"]["run"]) == ("host_claimed", "run")
    assert load(host, Policy(), RunIdentity(CREATED, "other", over=("run",)), False)["plan"]["action"] == "handover"
