# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that crash after one transition and after no other: the report names it, and the plan does not repeat it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.progress import say
from matrix.cells import Kernel

from .fleet import Fleet
from .show import StoryError
from .stage import PREPARE, REPORT, Stage
from .story import fleet_story, require, story

CRASHING = "pstore"
"""The lab's kernel that crashes when it was executed from the older one, and that boots from cold."""
CHAINS: tuple[tuple[str, ...], ...] = (("old",), (CRASHING, "old"), (CRASHING, CRASHING, "old"))
"""What runs, by handover, between a cold boot and the kernel that crashes."""

Witnessed = tuple[bool, str, str, str, int, str, str]
"""Whether it is known in which boot, the host, kind, source, whether it was fatal, and the transition before it."""

TRIGGER, CAPTURE = "/usr/local/sbin/crash-after", "/usr/local/sbin/capture"
UNIT = "/etc/systemd/system/crash-after.service"
GRUB = "/etc/default/grub"


@dataclass(frozen=True)
class Fate:
    """How a guest crashes, what tells of it afterwards, and how many boots later it can be used again.

    A guest that survives its crash has to be switched off and on.
    """

    how: str
    kind: str
    source: str
    fatal: bool
    boots: int
    options: str = ""


# What kdump does on Red Hat's distributions: the crash kernel keeps the log, and resets the machine.
_CAPTURE = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
folder="/var/crash/127.0.0.1-$(date -u +%Y-%m-%d-%H:%M:%S)"
mkdir -p "$folder"
vmcore-dmesg /proc/vmcore >"$folder/vmcore-dmesg.txt"
sync
echo b >/proc/sysrq-trigger
"""
_LOAD_CAPTURE = (
    f'kexec -s -p "/boot/vmlinuz-$(uname -r)" --reuse-cmdline --append="rw nr_cpus=1 reset_devices init={CAPTURE}"'
)
_LKDTM = "modprobe lkdtm; echo {} >/sys/kernel/debug/provoke-crash/DIRECT"
PSTORE = Fate(_LKDTM.format("PANIC"), "panic", "pstore", True, 1)
SYSRQ = Fate("echo c >/proc/sysrq-trigger", "panic", "boots", True, 1)
ONLY_NAMED = {
    **{f"kexec_prepare_{name}": False for name in ("watchdog", "journal", "debugfs", "saved_default")},
    **{"kexec_prepare_panic": 0, "kexec_prepare_scratch": "kernel", "kexec_prepare_name_transition": True},
}
NAME_SERVICE = "kho-kexec-name.service"
FATES = (
    # Of the scratch areas, one has room for a crash kernel wherever the target puts itself.
    Fate(
        f"{_LOAD_CAPTURE}; echo c >/proc/sysrq-trigger",
        "panic",
        "kdump",
        True,
        2,
        "crashkernel=160M kho_scratch=420M,64M,32M",
    ),
    PSTORE,
    # The kernel would tell the firmware too.
    Fate(_LKDTM.format("EXCEPTION"), "oops", "journal", False, 0, "efi_pstore.pstore_disable=1"),
)


@story(kernels=[CRASHING], representative=True)
def crash_after_a_transition(stage: Stage) -> None:
    """The firmware keeps a kernel's last words: the report knows after which transition they were said."""
    fate, transition = PSTORE, (stage.old, stage.releases[CRASHING])
    # The older kernel runs, from cold: one handover leads to the crash.
    with _doomed(stage, fate):
        _crash(stage, fate)
    url = f"sqlite:///{stage.folder}/ledger.db"
    told = stage.play(playbook=REPORT, kexec_report_url=url, kexec_report_directory=str(stage.folder))
    require(told.status, 0, "exit status of the report", told)
    crashes = {pair: crashes for pair, (_finding, crashes) in _findings(stage.folder).items() if crashes}
    require(crashes, {transition: 1}, "crashes by transition")
    _is_witnessed(stage.folder, Counter({_told_by(fate, stage.guest.name, transition): 1}))


@story(kernels=[CRASHING])
def crash_record_that_names_the_transition(stage: Stage) -> None:
    """The journal of the boot is lost, and the firmware kept the log's end: it says itself what came before."""
    transition = (stage.old, stage.releases[CRASHING])
    prepared = stage.play(playbook=PREPARE, **ONLY_NAMED)
    require(prepared.status, 0, "exit status of the preparation", prepared)
    try:
        with _prepared(stage, SYSRQ):
            _handover(stage, "old")
            _crash(stage, SYSRQ)
            # It is started at each boot; this waits for it.
            stage.sh("systemctl start systemd-pstore.service")
            record = stage.sh("find /var/lib/systemd/pstore -name dmesg.txt -exec cat {} +")
            stage.sh("rm -rf /var/lib/systemd/pstore/*; journalctl --rotate; journalctl --vacuum-time=1s")
    finally:
        unit = f"/etc/systemd/system/{NAME_SERVICE}"
        stage.sh(f"systemctl disable --now {NAME_SERVICE}; rm {unit} /etc/kho-kexec/kho.fact; sync")
    require("Linux version" in record, False, "whether the record holds the start of the kernel's log")
    records = stage.folder / "records.jsonl"
    records.write_text(json.dumps({"host": stage.guest.name, "log": record}) + "\n")
    told = stage.play(
        playbook=REPORT,
        kexec_report_url=f"sqlite:///{stage.folder}/ledger.db",
        kexec_report_directory=str(stage.folder),
        kexec_report_ask_hosts=False,
        kexec_report_central_logs=[{"kind": "boots", "path": str(records)}],
    )
    require(told.status, 0, "exit status of the report", told)
    crashes = {pair: crashes for pair, (_finding, crashes) in _findings(stage.folder).items()}
    require(crashes, {transition: 1}, "crashes by transition")
    _is_witnessed(stage.folder, Counter({_told_by(SYSRQ, stage.guest.name, transition): 1}))


@fleet_story(kernels=[CRASHING])
def crashes_after_one_transition(fleet: Fleet) -> None:
    """Told by kdump, pstore or nothing but the journal: the report finds it, and the plan refuses to repeat it."""
    crashing = fleet.releases[CRASHING]
    with ThreadPoolExecutor() as pool:
        list(pool.map(_live, fleet.stages, FATES))
    url = f"sqlite:///{fleet.folder}/ledger.db"
    told = fleet.play(playbook=REPORT, kexec_report_url=url, kexec_report_directory=str(fleet.folder))
    require(told.status, 0, "exit status of the report", told)
    transition = (fleet.old, crashing)
    _is_found(_findings(fleet.folder), transition)
    witnessed = [_told_by(fate, host, transition) for host, fate in zip(fleet.names, FATES, strict=True)]
    _is_witnessed(fleet.folder, Counter(witnessed * len(CHAINS)))
    boots = _go_to_old(fleet.stages)
    told = fleet.play(
        kexec_upgrade_target=crashing,
        kexec_upgrade_waves=["100%"],
        kexec_upgrade_ledger=True,
        kexec_upgrade_ledger_url=url,
    )
    require(told.status, 2, "exit status of the upgrade", told)
    require(
        [told.results[name]["code"] for name in fleet.names], ["transition_crashes"] * len(fleet.names), "codes", told
    )
    require(fleet.boots(), boots, "boots after the refusal", told)


def _live(stage: Stage, fate: Fate) -> None:
    """Run each chain on a guest, every time to its crash, and boot it from cold afterwards."""
    crashing = stage.releases[CRASHING]
    with _prepared(stage, fate):
        for number, chain in enumerate(CHAINS, start=1):
            for name in chain:
                _handover(stage, name)
            _crash(stage, fate)
            require(stage.running(), crashing, f"release after crash {number} of {stage.guest.name}")
            say(f"{stage.guest.name}: crash {number} of {len(CHAINS)}, for {fate.source} to tell of")


@contextmanager
def _prepared(stage: Stage, fate: Fate) -> Iterator[None]:
    """Boot the guest from cold into the kernel that crashes, after one transition only."""
    with _doomed(stage, fate):
        stage.cold_boot()
        stage.guest.learn()
        yield


@contextmanager
def _doomed(stage: Stage, fate: Fate) -> Iterator[None]:
    """Have one kernel crash after one transition, and be what a cold boot starts."""
    crashing = stage.releases[CRASHING]
    after = f'dmesg | grep -qF "KHO: exec from: {stage.old} " || exit 0\nsleep 5\njournalctl --sync\n'
    stage.put(TRIGGER, f"#!/bin/sh\nset -eu\n{after}{fate.how}\n", "0755")
    stage.put(CAPTURE, _CAPTURE, "0755")
    service = f"[Service]\nExecStart={TRIGGER}\n[Install]\nWantedBy=multi-user.target\n"
    # An emulated guest takes long to name its boot, where it does so.
    stage.put(UNIT, f"[Unit]\nConditionKernelVersion={crashing}\nAfter={NAME_SERVICE}\n{service}")
    stage.sh("systemctl enable crash-after.service systemd-pstore.service; rm -rf /var/crash /var/lib/systemd/pstore")
    # Making a menu takes an emulated guest long.
    if fate.options:
        stage.sh(f"cp {GRUB} {GRUB}.story; sed -i 's/^GRUB_CMDLINE_LINUX=\"/&{fate.options} /' {GRUB}; update-grub")
    stage.default(crashing)
    # Other stories may have been told here.
    stage.sh("journalctl --rotate; journalctl --vacuum-time=1s")
    try:
        yield
    finally:
        stage.sh(f"systemctl disable crash-after.service; rm {UNIT}")
        stage.sh(f"test ! -e {GRUB}.story || {{ mv {GRUB}.story {GRUB}; update-grub; }}; sync")


def _handover(stage: Stage, name: str) -> None:
    """Go to a kernel that has no reason to crash."""
    _load(stage, name)
    stage.guest.jump()
    require(stage.running(), stage.releases[name], f"release of {stage.guest.name} in its chain")


def _load(stage: Stage, name: str) -> None:
    problem = stage.guest.load(Kernel(name), stage.releases[name])
    if problem:
        raise StoryError(f"{stage.guest.name} cannot load {name}: {problem}")


def _crash(stage: Stage, fate: Fate) -> None:
    """Go to the kernel that crashes now, and wait until the guest can be used again."""
    before = len(stage.boots())
    _load(stage, CRASHING)
    stage.guest.leave()
    stage.wait_for_boot(before + fate.boots)
    if not fate.fatal:
        _wait_for_trace(stage)
        stage.sh("journalctl --sync; sync")
        stage.cold_boot()


def _wait_for_trace(stage: Stage, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while "end trace" not in stage.sh("dmesg"):
        if time.monotonic() > deadline:
            raise StoryError(f"{stage.guest.name} did not crash within {seconds:g} s")
        time.sleep(2)


def _findings(folder: Path) -> dict[tuple[str, str], tuple[str, int]]:
    """What the report says of each transition: its finding, and how many crashes."""
    report = json.loads((folder / "report.json").read_text())
    return {
        (one["previous_release"], one["release"]): (one["finding"], one["crashes"]) for one in report["transitions"]
    }


def _is_found(crashed: dict[tuple[str, str], tuple[str, int]], guilty: tuple[str, str]) -> None:
    """The report says that this transition crashes, and no other."""
    every = len(FATES) * len(CHAINS)
    require(crashed.pop(guilty, None), ("crashes_more", every), f"finding of {' -> '.join(guilty)}")
    require({crashes for finding, crashes in crashed.values()}, {0}, f"crashes of others: {crashed}")
    require("crashes_more" in {finding for finding, crashes in crashed.values()}, False, f"others: {crashed}")


def _told_by(fate: Fate, host: str, transition: tuple[str, str]) -> Witnessed:
    """The row of a crash that belongs to a boot of the right transition, and was told by its witness."""
    return (True, host, fate.kind, fate.source, int(fate.fatal), *transition)


def _is_witnessed(folder: Path, wanted: Counter[Witnessed]) -> None:
    """The ledger has these crashes and no others."""
    with sqlite3.connect(f"file:{folder}/ledger.db?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT boot_id IS NOT NULL, host, kind, source, fatal, previous_release, release FROM crashes"
        ).fetchall()
    require(Counter(rows), wanted, "crashes in the ledger")


def _go_to_old(stages: Sequence[Stage]) -> list[int]:
    """Have all guests run the older kernel; how often each has booted then."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda stage: _handover(stage, "old"), stages))
    return [len(stage.boots()) for stage in stages]
