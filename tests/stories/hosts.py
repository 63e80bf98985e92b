# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on which something is missing or in the way."""

from __future__ import annotations

from tools.layout import ROOT

from .stage import ROLLBACK, Stage
from .story import causes, ends, is_quiet, is_untouched, require, require_in, story

EXAMPLES = ROOT / "playbooks" / "examples"


@story()
def image_deleted_after_it_was_staged(stage: Stage) -> None:
    """What was loaded is in memory; what a cold boot would start is gone, and must not become the default."""
    image = f"/boot/vmlinuz-{stage.new}"
    stage.sh(f"cp {image} /var/tmp/image.good")
    delete = [{"name": "Delete", "ansible.builtin.file": {"path": image, "state": "absent"}}]
    try:
        told = stage.play(kexec_upgrade_before_tasks=stage.tasks("before", delete))
        require(told.result["verdict"], "handover_verified", "verdict", told)
        require(told.result["committed"], False, "committed", told)
        require(told.status, 2, "exit status", told)
    finally:
        stage.sh(f"mv /var/tmp/image.good {image}")
    require(stage.play().result["committed"], True, "committed by the next run", told)
    is_quiet(stage)


@story()
def disk_full_while_staging(stage: Stage) -> None:
    """Nothing can be written down, so nothing is promised, and nothing is loaded."""
    before = len(stage.boots())
    stage.sh("fallocate -l $(df --output=avail -k / | tail -n1 | tr -d ' ')K /var/tmp/ballast || true")
    stage.sh("dd if=/dev/zero of=/var/tmp/more bs=4k 2>/dev/null || true; sync")
    try:
        told = stage.play()
    finally:
        stage.sh("rm -f /var/tmp/ballast /var/tmp/more")
    require_in("No space left on device", told.failures[0], "message")
    require(len(stage.boots()), before, "boots")
    is_quiet(stage)


@story()
def kexec_program_missing(stage: Stage) -> None:
    """A host without kexec-tools is refused."""
    before = len(stage.boots())
    stage.sh("mv /sbin/kexec /sbin/kexec.away")
    try:
        told = stage.play()
    finally:
        stage.sh("mv /sbin/kexec.away /sbin/kexec")
    is_untouched(stage, told, "kexec_tools_missing", before)


@story(scars=True)
def kexec_load_disabled(stage: Stage) -> None:
    """Switched off until the next boot."""
    before = len(stage.boots())
    stage.sh("sysctl -q kernel.kexec_load_disabled=1")
    is_untouched(stage, stage.play(), "kexec_disabled", before)


@story(scars=True)
def load_limit_exhausted(stage: Stage) -> None:
    """No load is left in this boot."""
    before = len(stage.boots())
    stage.sh("sysctl -q kernel.kexec_load_limit_reboot=0")
    is_untouched(stage, stage.play(), "kexec_limit_exhausted", before)


@story()
def kexec_of_somebody_else_right_after(stage: Stage) -> None:
    """One handover more than was promised."""
    image = f"/boot/vmlinuz-{stage.new}"
    stage.at_next_boot(stage.new, f"kexec -s -l {image} --reuse-cmdline; systemctl --no-block kexec; sleep infinity")
    told = stage.play()
    ends(stage, told, "unexpected_count", stage.old)
    require(told.result["reported"]["kexec_count"], 2, "count", told)


@story()
def cold_boot_instead_of_kexec(stage: Stage) -> None:
    """The image is gone in the last moment, and the firmware and the boot loader start the target."""
    before = len(stage.boots())
    stage.default(stage.new)
    stage.sh("mkdir -p /usr/lib/systemd/system-shutdown")
    stage.put("/usr/lib/systemd/system-shutdown/story", "#!/bin/sh\n/usr/sbin/kexec -s -u\n", "0755")
    told = stage.play()
    require(causes(stage, before)[0], "reset", "boots")
    ends(stage, told, "cold_boot", stage.old)


@story(kernels=["metadata-v2"])
def wrong_kernel(stage: Stage) -> None:
    """Somebody loads another image over ours."""
    other = stage.releases["metadata-v2"]
    load = ["kexec", "-s", "-l", f"/boot/vmlinuz-{other}", "--reuse-cmdline"]
    tasks = stage.tasks("before", [{"name": "Replace", "ansible.builtin.command": {"argv": load}}])
    told = stage.play(kexec_upgrade_before_tasks=tasks)
    ends(stage, told, "wrong_kernel", stage.old)
    require(told.result["reported"]["release"], other, "reported", told)


@story()
def service_that_refuses_to_stop(stage: Stage) -> None:
    """It is killed when the time for stopping is over."""
    unit = "[Service]\nExecStart=/usr/bin/sleep infinity\nExecStop=/usr/bin/sleep infinity\nTimeoutStopSec=infinity\n"
    stage.put("/run/systemd/system/stubborn.service", unit)
    stage.sh("systemctl daemon-reload; systemctl start stubborn.service")
    told = stage.play(kexec_upgrade_shutdown_timeout=30, kexec_upgrade_timeout=400)
    ends(stage, told, "handover_verified", stage.new)


@story()
def hook_that_fails_before_the_jump(stage: Stage) -> None:
    """The host cannot be drained: nothing happens to it, and the hook for failures runs."""
    before = len(stage.boots())
    tasks = stage.tasks("before", [{"name": "Drain", "ansible.builtin.fail": {"msg": "cannot drain"}}])
    note = {"name": "Note", "ansible.builtin.file": {"path": "/run/failed-hook", "state": "touch", "mode": "0600"}}
    told = stage.play(kexec_upgrade_before_tasks=tasks, kexec_upgrade_failed_tasks=stage.tasks("failed", [note]))
    require_in("cannot drain", told.failures[-1], "message")
    require(len(stage.boots()), before, "boots")
    stage.sh("test -e /run/failed-hook")
    is_quiet(stage)


@story()
def service_that_is_drained(stage: Stage) -> None:
    """By the examples: it stops before the host is left, and runs again on the new kernel, or on a host that failed."""
    unit = (
        "[Service]\nExecStart=/usr/bin/sleep infinity\n"
        "ExecStartPost=/bin/sh -c 'echo started $$(uname -r) >>/var/log/worker'\n"
        "ExecStopPost=/bin/sh -c 'echo stopped $$(uname -r) $$(systemctl is-system-running) >>/var/log/worker'\n"
    )
    stage.put("/etc/systemd/system/worker.service", unit)
    stage.sh("rm -f /var/log/worker; systemctl daemon-reload; systemctl start worker.service")
    undrain = str(EXAMPLES / "undrain.yml")
    hooks = {"drained_service": "worker.service", "kexec_upgrade_after_tasks": undrain}
    drain = {"name": "Drain", "ansible.builtin.include_tasks": str(EXAMPLES / "drain.yml")}
    late = {"name": "Drain more", "ansible.builtin.fail": {"msg": "cannot drain more"}}
    try:
        tasks = stage.tasks("before", [drain, late])
        told = stage.play(kexec_upgrade_before_tasks=tasks, kexec_upgrade_failed_tasks=undrain, **hooks)
        require_in("cannot drain more", told.failures[-1], "message")
        require(stage.sh("systemctl is-active worker.service"), "active", "service of a host that failed")
        told = stage.play(kexec_upgrade_before_tasks=str(EXAMPLES / "drain.yml"), **hooks)
        ends(stage, told, "handover_verified", stage.new)
        require(stage.sh("systemctl is-active worker.service"), "active", "service of an upgraded host")
        wanted = [f"started {stage.old}", f"stopped {stage.old}"] * 2 + [f"started {stage.new}"]
        lines = stage.sh("cat /var/log/worker").splitlines()
        require([" ".join(line.split()[:2]) for line in lines], wanted, "what became of the service")
        require(any(line.endswith("stopping") for line in lines), False, f"stopped by the jump: {lines}")
    finally:
        stage.sh("systemctl stop worker.service; rm -f /etc/systemd/system/worker.service; systemctl daemon-reload")


@story()
def commit_and_power_cycle(stage: Stage) -> None:
    """What was committed is what a cold boot starts; what was not is gone, and rollback goes back in both cases."""
    require(stage.play(kexec_upgrade_commit="never").result["verdict"], "handover_verified", "verdict")
    stage.cold_boot()
    require(stage.running(), stage.old, "release without a commit")
    told = stage.play()
    require(told.result["committed"], True, "committed", told)
    stage.cold_boot()
    require(stage.running(), stage.new, "release after a commit")
    told = stage.play(ROLLBACK)
    require(told.status, 0, "exit status of the rollback", told)
    require(stage.running(), stage.old, "release after the rollback")
    stage.cold_boot()
    require(stage.running(), stage.old, "release of a cold boot after the rollback")
    is_quiet(stage)
