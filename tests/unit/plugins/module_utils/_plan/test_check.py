# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed check weighs."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._plan import decide as decision
from ansible_collections.kho.kexec.plugins.module_utils._plan.check import (
    ADVICE,
    ANY_KEXEC,
    ANY_WAY,
    DOUBT,
    LOSS,
    OBSTACLE,
    ONLY_HANDOVER,
    FailedCheck,
)
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.tests.unit.support.transitions import situation

LOOSE = {"handover": "prefer", "fallback": "cold_boot"}


@pytest.mark.parametrize(
    ("concerns", "weight", "changes", "action"),
    [
        (ANY_WAY, OBSTACLE, {}, "refuse"),
        (ANY_KEXEC, OBSTACLE, {}, "cold_boot"),
        (ONLY_HANDOVER, OBSTACLE, {}, "kexec"),
        (ANY_WAY, OBSTACLE, {"accept": ("chain_too_long",)}, "handover"),
        (ONLY_HANDOVER, LOSS, {}, "kexec"),
        (ONLY_HANDOVER, LOSS, {"accept": ("chain_too_long",)}, "kexec"),
        (ANY_KEXEC, DOUBT, {}, "handover"),
        (ANY_KEXEC, DOUBT, {"on_unknown": "refuse"}, "cold_boot"),
        (ANY_WAY, ADVICE, {"on_unknown": "refuse"}, "handover"),
    ],
)
def test_weights(monkeypatch, concerns, weight, changes, action):
    failed = FailedCheck(Note("chain_too_long", "It is long."), concerns, weight)
    monkeypatch.setattr(decision, "failed_checks", lambda *_arguments: iter([failed]))
    assert decision.decide(situation(policy=Policy(**LOOSE, **changes))).action == action
