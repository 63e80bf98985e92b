# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a host, in words."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.plugin_utils.rollouts import FORTH, REFUSED, STAGED, THERE, Told, judged

PROVEN = judged("handover_verified")


@pytest.mark.parametrize(
    ("module", "result", "back", "words"),
    [
        ("kexec_image", STAGED, False, "staged, 7.2.13-kho to 7.3.4-kho by handover"),
        ("kexec_image", REFUSED, False, "refused: kexec_disabled"),
        ("kexec_image", {"failed": True, "code": "host_claimed"}, False, "failed: host_claimed"),
        ("kexec_image", THERE, False, ""),
        (
            "kexec_image",
            {**STAGED, "plan": {"action": "verify"}},
            False,
            "jumped in an earlier run, which did not ask ",
        ),
        ("kexec_reboot", PROVEN, False, "handover_verified, outage 8.3 s"),
        ("kexec_reboot", judged("cold_boot", FORTH, None), False, "cold_boot, NOT accepted"),
        ("kexec_reboot", {"failed": True, "code": "connection_local"}, False, "failed: connection_local"),
        ("kexec_commit", {"failed": True, "code": "boot_loader_unknown"}, False, "not committed: boot_loader_unknown"),
        ("kexec_commit", {"changed": True}, False, "committed"),
    ],
)
def test_words_of_events(module: str, result: Any, back: bool, words: str) -> None:
    told = Told(["web1"], [])
    told.wave()
    if module != "kexec_image":
        told.result("web1", "kexec_image", STAGED)
    event = told.result("web1", module, result, back)
    assert event.words.startswith(words)
