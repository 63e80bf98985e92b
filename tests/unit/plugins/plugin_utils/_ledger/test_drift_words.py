# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of drifts."""

from __future__ import annotations

import json
from dataclasses import replace

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import What
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.drift_words import (
    TOLD,
    drift_as_dict,
    drift_lines,
    drift_sentence,
    drift_summary,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.drifts import Base, Drift
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.measures import MIB
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.trend import Trend

LEAK = Trend(-16.0 * MIB, -16.5 * MIB, -15.5 * MIB, True)
FLAT = Trend(0.0, -1.0 * MIB, 1.0 * MIB, False)
FALLING = Drift(What("7.3.4", "free_bytes"), 3, 24, LEAK, 1e-9, 1e-6, "web1", None, 1e-8, 5e-6)
ALONE = replace(FALLING, hosts=1, jumps=8, p_beyond=None, q_beyond=None)


def test_sentences() -> None:
    assert drift_sentence(replace(FALLING, cold=Base(800.0 * MIB, 5, 2))) == (
        "7.3.4: free memory falls with the count, by -16 MiB with each jump (95 % interval -16.5 to -15.5), in 24 "
        "jumps on 3 hosts, q = 5e-06. After cold boots it is 800 MiB (5 boots on 2 hosts)."
    )
    assert drift_sentence(ALONE) == (
        "7.3.4: free memory drifts with the count on web1, by -16 MiB with each jump (95 % interval -16.5 to -15.5), "
        "in 8 jumps on 1 host, q = 1e-08; no other host was soaked for long enough, so it may be that host."
    )
    assert "on web1, and not surely on any other host, which says nothing of the kernel" in drift_sentence(
        replace(FALLING, q_beyond=0.4)
    )
    assert "on some hosts, the most on web1" in drift_sentence(replace(FALLING, trend=FLAT))
    assert "is not seen to drift with the count" in drift_sentence(replace(FALLING, q=0.3, q_beyond=0.4))
    assert "has too few jumps to tell: a chain takes 6" in drift_sentence(replace(FALLING, trend=None, q=None))


def test_summary() -> None:
    assert drift_summary((), 0) == []
    assert drift_summary((FALLING, ALONE), 7) == [
        "1 measure of kernels drifts with the kexec count, 1 on one host or some hosts only, of 2 that soaks have "
        "brought.",
        "7 measured values of boots that the ledger does not know, not looked at.",
    ]


def test_what_programs_read() -> None:
    told = json.loads(json.dumps(drift_as_dict(FALLING), allow_nan=False))
    assert (told["finding"], told["hosts"], told["jumps"], told["slope"]) == ("falls", 3, 24, -16.0 * MIB)
    assert told["slope_interval"] == [-16.5 * MIB, -15.5 * MIB]
    assert (told["release"], told["measure"], told["cold"]) == ("7.3.4", "free_bytes", None)
    assert drift_as_dict(replace(FALLING, trend=None))["slope_interval"] == [None, None]


def test_not_more_than_can_be_read() -> None:
    assert len(drift_lines([FALLING] * (TOLD + 1))) == TOLD
