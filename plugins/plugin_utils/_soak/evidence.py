# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shows why a jump was not well, as text that is bounded and can be printed. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

LOG_LIMIT = 1 << 20
"""Characters of each kernel log: the last ones."""
LINE_LIMIT = 1000
TREE_LIMIT = 1 << 20
DEPTH_LIMIT, ITEMS_LIMIT = 12, 5000
LOGS = ("log_left", "log_new")
TREES = ("result", "health", "history", "facts")


def files_of(evidence: Mapping[str, Any]) -> dict[str, str]:
    """Return the content of each file by its name. What is missing of the evidence has no file."""
    found = {}
    for name in LOGS:
        said = evidence.get(name)
        if isinstance(said, str) and said:
            found[f"{name}.txt"] = _log(said)
    for name in TREES:
        if evidence.get(name) is not None:
            written = json.dumps(_bounded(evidence[name], [ITEMS_LIMIT], 0), indent=1)
            found[f"{name}.json"] = f"{written[:TREE_LIMIT]}\n"
    return found


def _log(said: str) -> str:
    return "".join(f"{printable(line, LINE_LIMIT)}\n" for line in said[-LOG_LIMIT:].split("\n") if line)


def _bounded(value: Any, left: list[int], depth: int) -> Any:
    """Return what JSON can hold of a host's answer, with at most as many items as are left."""
    left[0] -= 1
    if left[0] < 0 or depth > DEPTH_LIMIT:
        return None
    if isinstance(value, Mapping):
        return {printable(str(key)): _bounded(item, left, depth + 1) for key, item in value.items() if left[0] > 0}
    if isinstance(value, (list, tuple)):
        return [_bounded(item, left, depth + 1) for item in value if left[0] > 0]
    if isinstance(value, str):
        return printable(value, LINE_LIMIT)
    return value if value is None or isinstance(value, (bool, int, float)) else printable(str(value))
