# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jumps that commit what is proven in the same round trip."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.plugin_utils.scripted import ScriptedClock, ScriptedHost, judged

from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.jump import Jump, View


def jump(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a jump after which the host answers so."""
    host = ScriptedHost(ScriptedClock(), [(0, "old"), (3, "gone"), (20, "new")])
    host.arrives = [answer]
    return Jump(host, Deadline(host.clock, 60), View(host.banner), host.calls.append).run()


def test_commit_in_the_same_round_trip_is_told() -> None:
    kept = {"changed": True, "release": "7.3.4-kho", "notes": []}
    result = jump({**judged("handover_verified"), "commit": kept})
    assert (result["failed"], result["commit"], result["verdict"]["accepted"]) == (False, kept, True)


@pytest.mark.parametrize(
    ("commit", "code", "message"),
    [
        ({"failed": True, "code": "boot_loader_unknown", "msg": "Which?"}, "boot_loader_unknown", "Which?"),
        (
            {"failed": True},
            "answer_invalid",
            "The new kernel was not committed, and the host's answer does not say why.",
        ),
    ],
)
def test_commit_that_fails_after_the_proof(commit: dict[str, Any], code: str, message: str) -> None:
    result = jump({**judged("handover_verified"), "commit": commit})
    assert (result["failed"], result["code"], result["msg"].startswith(message)) == (True, code, True)
    assert (result["verdict"]["accepted"], result["rebooted"], result["commit"]) == (True, True, commit)


def test_host_that_commits_what_is_not_proven_is_not_believed() -> None:
    result = jump({**judged("wrong_kernel"), "commit": {"changed": True}})
    assert (result["code"], "commit" in result) == ("wrong_kernel", False)
