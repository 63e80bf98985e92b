# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with kernels as distributions install them; tests/unit/golden/layouts/README.md says how they are written."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate, find_candidates
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

LAYOUTS = Path(__file__).parent.parent / "golden" / "layouts"


def layout_host(root: Path, name: str) -> FakeRoot:
    """Make the host of a layout below ``root``."""
    host = FakeRoot(root)
    lines = (LAYOUTS / (name + ".layout")).read_text(encoding="utf-8").splitlines()
    written: Dict[str, List[str]] = {}
    for line in lines:
        if line.startswith("  "):
            written[list(written)[-1]].append(line[2:])
        elif line.endswith(":"):
            written[line[:-1]] = []
        elif line and not line.startswith("#"):
            _add(host, line)
    for path, content in written.items():
        host.add(path, "\n".join(content) + "\n")
    return host


def found(host: FakeRoot) -> List[Tuple[str, Optional[str]]]:
    """What is found on the host: each release, or the image where no release is named, and the obstacle's code."""
    return [
        (candidate.release or candidate.image, candidate.obstacle.code if candidate.obstacle else None)
        for candidate in find_candidates(host)
    ]


def only(host: FakeRoot) -> Candidate:
    """The one kernel that is found on the host."""
    (candidate,) = find_candidates(host)
    return candidate


def _add(host: FakeRoot, line: str) -> None:
    path, is_link, target = line.partition(" -> ")
    if is_link:
        host.link(path, posixpath.normpath(posixpath.join(posixpath.dirname(path), target)))
        return
    path, _is_copy, original = line.partition(" = ")
    host.add(path, original or path)
