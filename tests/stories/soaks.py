# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many handovers in a row: what goes wrong only after some of them is found, and the count says from which on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matrix.cells import Kernel

from .stage import BISECT, REPORT, Stage
from .story import causes, is_quiet, require, require_in, story

LONG = 5
"""The chain from which on the kernel warns."""
LEAK, JUMPS = 16, 8
"""MiB that are lost with each jump of a soak of so many."""
ORIGINS = ("old", "luo-v9", "pstore")
"""Kernels that hand over to the newer one, from cold, in this order."""
PLACE = "/usr/local/sbin/after-kexec"
UNIT = "/etc/systemd/system/after-kexec.service"
_KHO = "dmesg | sed -n 's/.*KHO: exec from: \\([^ ]*\\) (count \\([0-9]*\\)).*/\\%d/p'"
# A warning of the kernel's own: nobody but the kernel can write one.
_WARN = "modprobe lkdtm; echo WARNING >/sys/kernel/debug/provoke-crash/DIRECT"
_WARN_LATE = f"""
count=$({_KHO % 2})
[ "${{count:-0}}" -ge {LONG} ] || exit 0
{_WARN}
"""
# It stands in for pages that no kernel of the chain gives back: a file system in memory that cannot be swapped out.
_LEAK = f"""
count=$({_KHO % 2})
[ "${{count:-0}}" -ge 1 ] || exit 0
mkdir -p /run/leak
mount -t ramfs leak /run/leak
head -c $((count * {LEAK} << 20)) /dev/zero >/run/leak/pages
"""
_SERVICE = f"""[Unit]
Before=ssh.service
[Service]
Type=oneshot
ExecStart={PLACE}
[Install]
WantedBy=multi-user.target
"""


@contextmanager
def _after_kexec(stage: Stage, script: str) -> Iterator[None]:
    """Have this script run as root in each boot, before anybody can log in."""
    stage.put(PLACE, f"#!/bin/sh\n{script}", "0755")
    stage.put(UNIT, _SERVICE)
    stage.sh("systemctl enable after-kexec.service; sync")
    try:
        yield
    finally:
        stage.sh(f"systemctl disable after-kexec.service; rm -f {UNIT}; sync")


def _rows(stage: Stage) -> list[dict[str, Any]]:
    (file,) = stage.folder.glob("soak/*/soak.json")
    return list(json.loads(file.read_text(encoding="utf-8"))["rows"])


def _soak(stage: Stage, jumps: int, **options: Any) -> list[dict[str, Any]]:
    """Soak the newer kernel on this guest: each jump is a kexec, and all are well."""
    stage.guest.go(Kernel("new"), stage.new)
    return _soak_running(stage, jumps, **options)


def _soak_running(stage: Stage, jumps: int, **options: Any) -> list[dict[str, Any]]:
    """Soak the kernel that runs, if no other is asked for."""
    before = len(stage.boots())
    told = stage.soak(kexec_soak_jumps=jumps, **options)
    require(told.status, 0, "exit status", told)
    require(causes(stage, before), ["kexec"] * jumps, "boots")
    is_quiet(stage)
    return _rows(stage)


def _counts_on(rows: list[dict[str, Any]]) -> None:
    first = rows[0]["kexec_count"]
    require([row["kexec_count"] - first for row in rows], list(range(len(rows))), "counts")
    require([row["symptoms"] for row in rows], [[]] * len(rows), "new symptoms")
    require(any(row["free_bytes"] is None for row in rows), False, "free memory is not known")


@story(representative=True)
def soak_of_two_jumps(stage: Stage) -> None:
    """The kernel that was booted from cold is started anew twice, and each time the count is one more."""
    rows = _soak_running(stage, 2)
    require([row["kexec_count"] for row in rows], [1, 2], "counts from a cold boot on")
    _counts_on(rows)


@story()
def soak_of_three_jumps(stage: Stage) -> None:
    """A kernel that a kexec has brought is started anew three times, and each time the count is one more."""
    _counts_on(_soak(stage, 3))


@story()
def soak_of_twenty(stage: Stage) -> None:
    """A chain of twenty, in turns over two kernels."""
    rows = _soak(stage, 20, kexec_soak_targets=[stage.old, stage.new])
    require([row["well"] for row in rows], [True] * 20, "jumps that were well")
    require([row["to"] for row in rows], [stage.old, stage.new] * 10, "kernels")
    first = rows[0]["kexec_count"]
    require([row["kexec_count"] - first for row in rows], list(range(20)), "counts")
    (text,) = stage.folder.glob("soak/*/soak.txt")
    require_in("20 jumps of 20, 0 not well", text.read_text(encoding="utf-8"), "summary")


@story()
def soak_of_a_kernel_that_warns_late(stage: Stage) -> None:
    """It warns only from a chain of five on: the soak ends there, and says so."""
    with _after_kexec(stage, _WARN_LATE):
        stage.guest.go(Kernel("new"), stage.new)
        told = stage.soak(kexec_soak_jumps=10)
        require(told.status, 2, "exit status", told)
        last = _rows(stage)[-1]
        require((last["kexec_count"], last["well"]), (LONG, False), "the last jump", told)
        require_in("kernel_warning", " ".join(last["symptoms"]) + str(last["failure"]), "symptoms of the last jump")
        (log,) = stage.folder.glob("soak/*/jump-*/log_new.txt")
        require_in("WARNING: ", log.read_text(encoding="utf-8"), "kernel log of the new boot")


@story()
def soak_of_a_kernel_that_loses_memory(stage: Stage) -> None:
    """Each kernel of the chain has less memory that is free: no jump is unwell; the trend and the report tell."""
    url = f"sqlite:///{stage.folder}/ledger.db"
    with _after_kexec(stage, _LEAK):
        _soak(stage, JUMPS, kexec_soak_ledger=True, kexec_soak_ledger_url=url)
        (text,) = stage.folder.glob("soak/*/soak.txt")
        (line,) = [line for line in text.read_text(encoding="utf-8").splitlines() if "free memory drifts" in line]
        slope = float(line.split("by ")[1].split()[0])
        # What else boots differ by is a part of that.
        require(-1.5 * LEAK < slope < -0.5 * LEAK, True, f"the trend of free memory, {line!r}")
        told = stage.play(playbook=REPORT, kexec_report_url=url, kexec_report_directory=str(stage.folder))
    require(told.status, 0, "exit status of the report", told)
    report = json.loads((stage.folder / "report.json").read_text(encoding="utf-8"))
    drifts = {one["measure"]: one for one in report["drifts"] if one["release"] == stage.new}
    found = drifts["free_bytes"]
    # On one guest, it is a suspicion: the report cannot know that each would lose memory.
    expected = ("one_host", stage.guest.name, JUMPS)
    require((found["finding"], found["host"], found["jumps"]), expected, f"the drift in the report, {found}")
    require(-1.5 * LEAK < found["slope"] / (1 << 20) < -0.5 * LEAK, True, f"the trend in the report, {found}")
    page = (stage.folder / "report.html").read_text(encoding="utf-8")
    require_in("free memory drifts with the count", page, "the report's page")


@story(kernels=ORIGINS[1:])
def predecessor_to_blame(stage: Stage) -> None:
    """The newer kernel warns when it comes from the second of three kernels, or the third: the bisection names it."""
    origins = [stage.releases[name] for name in ORIGINS]
    bad = " ".join(origins[1:])
    script = f"""
[ "$(uname -r)" = {stage.new} ] || exit 0
for bad in {bad}; do [ "$({_KHO % 1})" != "$bad" ] || {{ {_WARN}; }}; done
"""
    with _after_kexec(stage, script):
        before = len(stage.boots())
        told = stage.soak(
            BISECT,
            kexec_soak_bisect_target=stage.new,
            kexec_soak_bisect_origins=origins,
            kexec_soak_bisect_wrong_at_least=0.9,
        )
        require(told.status, 0, "exit status", told)
        (file,) = stage.folder.glob("soak/*/bisect.json")
        log = json.loads(file.read_text(encoding="utf-8"))
        found = [(one["origin"], one["answer"], one["previous_release"], one["kexec_count"]) for one in log["tries"]]
        tries = [(origins[1], "wrong")] * 2 + [(origins[0], "well")] * 2
        require(found, [(origin, answer, origin, 1) for origin, answer in tries], "tries", told)
        (text,) = stage.folder.glob("soak/*/bisect.txt")
        said = f"{stage.new} goes wrong from {origins[1]} on; from {origins[0]}, the one before it, it does not."
        require_in(said, text.read_text(encoding="utf-8"), "answer")
        require(causes(stage, before), ["reset", "kexec"] * len(tries) + ["reset"], "boots")
        require(stage.running(), stage.old, "release at the end")
        is_quiet(stage)
