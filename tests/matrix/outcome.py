# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a transition ends, as predicted and as seen, in the same few words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lab.history import Boot

from .cells import Kernel

NOT_LOADED = "not loaded"
PANIC = "panic"
KEXEC = "kexec"
HANDOVER_WITHOUT_RECORD = "handover without record"
_EXEC_FROM = re.compile(r"KHO: exec from: (\S+) \(count (\d+)\)")
_DOUBTS = {"target_kho_unknown", "kho_abi_unknown", "metadata_unknown", "scratch_fit_unknown"}
# What the refusals of a plan say about a kexec that is done all the same.
_BY_REFUSAL = {"luo_abi_mismatch": PANIC, "scratch_too_small": NOT_LOADED}


def handover(previous_release: str, count: int) -> str:
    """The words for a handover that came with its record."""
    return f"handover from {previous_release} ({count})"


def doubts(plan: dict[str, Any]) -> list[str]:
    """What the plan says is not known of the target, as when its image takes too long to read. It predicts nothing."""
    codes = [note["code"] for note in [*plan["reasons"], *plan["warnings"]]]
    return [code for code in codes if code in _DOUBTS]


def reasons(plan: dict[str, Any]) -> list[str]:
    """What the plan says against better, or for more than its promise, as code and message."""
    notes = [note for note in [*plan["reasons"], *plan["warnings"]] if not note["code"].endswith("_promised")]
    return [f"{note['code']}: {note['message']}" for note in notes]


def predicted(plan: dict[str, Any]) -> str:
    """What a plan, made with the policy to prefer a handover and to do without, says will happen."""
    if plan["action"] == "refuse":
        codes = [reason["code"] for reason in plan["reasons"]]
        return next((_BY_REFUSAL[code] for code in codes if code in _BY_REFUSAL), f"refused: {' '.join(codes)}")
    promise = plan["promise"]
    if promise is None:
        return str(plan["action"])
    if "metadata_unsupported" in (warning["code"] for warning in plan["warnings"]):
        return HANDOVER_WITHOUT_RECORD
    if promise["how"] == "handover":
        return handover(promise["previous_release"], promise["kexec_count"])
    return str(promise["how"])


def predicted_by_hand(plan: dict[str, Any], target: Kernel) -> str:
    """What is to be expected of what the collection never does: kexec_load(2), or a target with KHO switched off.

    Neither brings a handover (kernel/kexec_file.c, Documentation/admin-guide/mm/kho.rst), whatever else is the matter.
    But an image that does not fit into the scratch memory can only be loaded by the old call.
    """
    if not target.old_call and predicted(plan) == NOT_LOADED:
        return NOT_LOADED
    return KEXEC


def seen(boots: Sequence[Boot], before: int, console: str) -> str:
    """What happened, from the boots that QEMU and the console saw; ``before`` is how many there were at the load.

    ``console`` is what the guest said since then.
    """
    if "Kernel panic - not syncing" in console:
        return PANIC
    if len(boots) == before:
        return NOT_LOADED
    boot = boots[before]
    if boot.cause != "kexec":
        return f"{boot.cause}: {boot.release}"
    record = next((found for line in boot.kho if (found := _EXEC_FROM.fullmatch(line))), None)
    if record:
        return handover(record[1], int(record[2]))
    return HANDOVER_WITHOUT_RECORD if _accepted(boot) else KEXEC


def _accepted(boot: Boot) -> bool:
    """Whether the kernel took the data, and could not use the record in it."""
    return any("kexec-metadata version" in line for line in boot.kho)
