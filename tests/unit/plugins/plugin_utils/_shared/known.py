# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shared rollout, as info tells of it."""

from __future__ import annotations

from typing import Any

NOBODY = {"waiting": 0, "going": 0, "proven": 0, "failed": 0, "untouched": 0, "lost": 0}
BEGAN = 1795392000
FOUND: dict[str, Any] = {
    **{"name": "spring", "state": "stopped", "who": "bob@west", "why": "Not proven: web2.", "changed": BEGAN + 60},
    **{"began": BEGAN, "canaries_proven": BEGAN + 30, "now": BEGAN + 90},
    "terms": {"kexec_upgrade_target": "7.3.4-kho"},
    "canaries": ["web1"],
    "counts": {**NOBODY, "waiting": 1, "going": 1, "proven": 1, "failed": 1},
    "runs": [
        {
            **{"owner": "ann@east", "began": BEGAN, "seen": BEGAN + 60, "ended": BEGAN + 60, "wave": 2, "waves": 3},
            "counts": {**NOBODY, "waiting": 1, "proven": 1, "failed": 1},
        },
        {
            **{"owner": "bob@west", "began": BEGAN + 40, "seen": BEGAN + 50, "ended": None, "wave": 1, "waves": 1},
            "counts": {**NOBODY, "going": 1},
        },
    ],
    "hosts": [
        {"host": "db1", "state": "going", "code": None, "wave": 1},
        {"host": "web2", "state": "failed", "code": "unreachable", "wave": 2},
    ],
    "events": [{"at": BEGAN, "who": "ann@east", "what": "started", "why": "<the spring update>"}],
}
