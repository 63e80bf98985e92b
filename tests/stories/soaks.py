# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many handovers in a row: what goes wrong only after some of them is found, and the count says from which on."""

from __future__ import annotations

import json
from typing import Any

from matrix.cells import Kernel

from .stage import Stage
from .story import causes, is_quiet, require, require_in, story

LONG = 5
"""The chain from which on the kernel warns."""
# A warning of the kernel's own: nobody but the kernel can write one.
_WARN = f"""
count=$(dmesg | sed -n 's/.*KHO: exec from: .*(count \\([0-9]*\\)).*/\\1/p')
[ "${{count:-0}}" -ge {LONG} ] || exit 0
modprobe lkdtm
echo WARNING >/sys/kernel/debug/provoke-crash/DIRECT
"""
_UNIT = """[Unit]
Before=ssh.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/warn-late
[Install]
WantedBy=multi-user.target
"""


def _rows(stage: Stage) -> list[dict[str, Any]]:
    (file,) = stage.folder.glob("soak/*/soak.json")
    return list(json.loads(file.read_text(encoding="utf-8"))["rows"])


def _soak(stage: Stage, jumps: int, **options: Any) -> list[dict[str, Any]]:
    """Soak the newer kernel on this guest: each jump is a kexec, and all are well."""
    stage.guest.go(Kernel("new"), stage.new)
    before = len(stage.boots())
    told = stage.soak(kexec_soak_jumps=jumps, **options)
    require(told.status, 0, "exit status", told)
    require(causes(stage, before), ["kexec"] * jumps, "boots")
    is_quiet(stage)
    return _rows(stage)


@story(representative=True)
def soak_of_three_jumps(stage: Stage) -> None:
    """The running kernel is started anew three times, and each time the count is one more."""
    rows = _soak(stage, 3)
    first = rows[0]["kexec_count"]
    require([row["kexec_count"] - first for row in rows], [0, 1, 2], "counts")
    require([row["symptoms"] for row in rows], [[]] * 3, "new symptoms")
    require(any(row["free_bytes"] is None for row in rows), False, "free memory is not known")


@story()
def soak_of_twenty(stage: Stage) -> None:
    """A chain of twenty, in turns over two kernels."""
    rows = _soak(stage, 20, kexec_soak_targets=["running", stage.new])
    require([row["well"] for row in rows], [True] * 20, "jumps that were well")
    (text,) = stage.folder.glob("soak/*/soak.txt")
    require_in("20 jumps of 20, 0 not well", text.read_text(encoding="utf-8"), "summary")


@story()
def soak_of_a_kernel_that_warns_late(stage: Stage) -> None:
    """It warns only from a chain of five on: the soak ends there, and says so."""
    stage.put("/usr/local/sbin/warn-late", f"#!/bin/sh\n{_WARN}", "0755")
    stage.put("/etc/systemd/system/warn-late.service", _UNIT)
    stage.sh("systemctl enable warn-late.service")
    try:
        stage.guest.go(Kernel("new"), stage.new)
        told = stage.soak(kexec_soak_jumps=10)
        require(told.status, 2, "exit status", told)
        last = _rows(stage)[-1]
        require((last["kexec_count"], last["well"]), (LONG, False), "the last jump", told)
        require_in("kernel_warning", " ".join(last["symptoms"]) + str(last["failure"]), "symptoms of the last jump")
        (log,) = stage.folder.glob("soak/*/jump-*/log_new.txt")
        require_in("WARNING: ", log.read_text(encoding="utf-8"), "kernel log of the new boot")
    finally:
        stage.sh("systemctl disable warn-late.service; rm -f /etc/systemd/system/warn-late.service")
