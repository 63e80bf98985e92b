# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each host of a rollout, gathered from the results of the tasks that matter.

Results come from hosts, so nothing in them is taken to have the type that it should have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._text import printable

HEADER = ("host", "from", "to", "promised", "reported", "verdict", "outage (s)")
OUTAGE_COLUMN = 6
UNKNOWN = "-"


@dataclass
class HostStory:
    """The last result of each kind for one host; empty when there was none."""

    image: Mapping[str, Any] = field(default_factory=dict)
    reboot: Mapping[str, Any] = field(default_factory=dict)
    lost: bool = False

    def verdict(self) -> str:
        """Return the one word for how it ended: a verdict, the code of a refusal, or how far it came."""
        word = _at(self.reboot, "verdict", "verdict")
        if word is not None:
            return _text(word)
        if self.lost:
            return "unreachable"
        for result in (self.reboot, self.image):
            if result.get("failed"):
                return _text(result.get("code") or "failed")
        if self.reboot:
            return "planned"
        return {"none": "already there", "handover": "staged"}.get(_text(_at(self.image, "plan", "action")), UNKNOWN)

    def cells(self) -> tuple[str, ...]:
        """Return what stands in the row of this host after its name."""
        promise = _at(self.reboot, "promise") or _at(self.image, "plan", "promise")
        outage = self.reboot.get("outage_seconds")
        return (
            _text(_at(promise, "previous_release") or _at(self.image, "running", "release")),
            _text(_at(promise, "release") or _at(self.image, "target", "release")),
            _record(promise),
            _record(_at(self.reboot, "verdict", "reported")),
            self.verdict(),
            f"{outage:.1f}" if isinstance(outage, (int, float)) else UNKNOWN,
        )


class Rollout:
    """Takes results as they come, tells the story at the end."""

    def __init__(self) -> None:
        self._hosts: dict[str, HostStory] = {}

    def note_result(self, host: str, module: str, result: Mapping[str, Any]) -> None:
        """Note the result of ``kexec_image`` or ``kexec_reboot`` (``module``) for ``host``."""
        story = self._hosts.setdefault(host, HostStory())
        if module == "kexec_image":
            story.image = result
        else:
            story.reboot = result

    def note_lost(self, host: str) -> None:
        """Note that Ansible itself could not reach ``host``."""
        self._hosts.setdefault(host, HostStory()).lost = True

    def rows(self) -> list[tuple[str, ...]]:
        """Return a row for each host, in the order in which they were first heard of; `HEADER` names the columns."""
        return [(host, *story.cells()) for host, story in self._hosts.items()]

    def counts(self) -> list[tuple[str, int]]:
        """Return how many hosts ended with each word, most frequent first."""
        return Counter(story.verdict() for story in self._hosts.values()).most_common()


def _at(tree: Any, *path: str) -> Any:
    """Return what is in nested mappings at ``path``, or None."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _text(value: Any) -> str:
    return UNKNOWN if value is None else printable(str(value))


def _record(record: Any) -> str:
    """Return the two things that a record holds, as ``release (count)``."""
    release, count = _at(record, "previous_release"), _at(record, "kexec_count")
    if release is None and count is None:
        return UNKNOWN
    return f"{_text(release)} ({_text(count)})"
