# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._health.baseline import BASELINE_PATH, save_baseline
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import observe_health
from ansible_collections.kho.kexec.plugins.module_utils._health.watch import Checks
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.plugins.module_utils._record.failures import read_failures
from ansible_collections.kho.kexec.plugins.module_utils._transition.examine import examining
from ansible_collections.kho.kexec.plugins.module_utils._transition.leave import Departure, leave
from ansible_collections.kho.kexec.plugins.module_utils._transition.verify import verify
from ansible_collections.kho.kexec.tests.unit.support.jumps import handover
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW, RUN


def with_baseline(host):
    save_baseline(host, observe_health(host), BOOT_ID)
    leave(host, Departure(42), RUN, False)
    return handover(host)


def test_a_host_that_is_as_healthy_as_before_is_proven(staged):
    verdict = verify(with_baseline(staged), examining(Checks()), False)["verdict"]
    assert (verdict["verdict"], verdict["evidence"]["troubles"]) == ("handover_verified", [])


def test_a_host_with_new_troubles_is_unhealthy(staged):
    host = with_baseline(staged).add("/proc/sys/kernel/tainted", "512\n")
    host.endings["/bin/false"] = Completed(1, "", "no answer")
    verdict = verify(host, examining(Checks(commands=(("/bin/false",),))), False)["verdict"]
    assert (verdict["verdict"], verdict["accepted"]) == ("unhealthy", False)
    assert "command_failed" in [one["code"] for one in verdict["evidence"]["troubles"]]
    assert verdict["message"].startswith(f"{NEW} runs as promised, and the host has troubles")
    assert read_failures(host)[0].verdict == "unhealthy"


def test_without_a_baseline_only_the_operators_own_commands_count(staged):
    # Staging has left one.
    staged.remove(BASELINE_PATH)
    leave(staged, Departure(42), RUN, False)
    host = handover(staged).add("/proc/sys/kernel/tainted", "512\n")
    verdict = verify(host, examining(Checks(commands=(("/bin/true",),))), True)["verdict"]
    assert (verdict["verdict"], verdict["evidence"]["troubles"]) == ("handover_verified", None)
    assert "baseline_absent" in [note["code"] for note in verdict["evidence"]["notes"]]
    host.add(BASELINE_PATH, "broken")
    notes = verify(host, examining(Checks()), True)["verdict"]["evidence"]["notes"]
    assert "baseline_unreadable" in [note["code"] for note in notes]
    host.endings["/bin/true"] = Completed(1, "", "no answer")
    assert verify(host, examining(Checks(commands=(("/bin/true",),))), False)["verdict"]["verdict"] == "unhealthy"
