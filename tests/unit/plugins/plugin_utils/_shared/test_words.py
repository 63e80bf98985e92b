# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shared rollout in sentences."""

from __future__ import annotations

from unit.plugins.plugin_utils._shared.known import FOUND

from ansible_collections.kho.kexec.plugins.plugin_utils._shared.words import at, headline, runs, summary


def test_headline_says_who_stopped_it_and_why_and_what_is_where():
    assert headline(FOUND) == (
        "spring is stopped by bob@west at 2026-11-23 00:01:00 UTC: Not proven: web2. "
        "4 hosts in 2 runs: 1 waiting, 1 going, 1 proven, 1 failed."
    )
    nobody = {**FOUND, "state": "running", "runs": [], "counts": dict.fromkeys(FOUND["counts"], 0)}
    assert headline(nobody) == "spring is running. 0 hosts in 0 runs: none yet."


def test_summary_names_hosts_that_need_a_look():
    lines = summary(FOUND)
    assert "Canaries: proven at 2026-11-23 00:00:30 UTC (web1)." in lines
    assert "Failed: web2 (unreachable)." in lines
    assert "Going: db1." in lines
    assert lines[-1].startswith("bob@west | wave 1 of 1 | 1 going | heard of at ")
    assert "Canaries: not proven yet (none)." in summary({**FOUND, "canaries_proven": None, "canaries": []})


def test_each_run_has_a_row():
    assert [row[-1] for row in runs(FOUND)] == ["ended at 2026-11-23 00:01:00 UTC", "not ended"]
    assert at(None) == "-"
