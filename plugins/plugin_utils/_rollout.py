# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each host of a rollout, gathered from the results of the tasks that matter.

Results come from hosts, so nothing in them is taken to have the type that it should have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._text import printable

HEADER = ("host", "from", "to", "promised", "reported", "verdict", "outage (s)")
OUTAGE_COLUMN = 6
PREVIEW_HEADER = ("host", "from", "to", "action", "promised", "warnings", "refused")
PLANNERS = ("kexec_image", "kexec_plan_info")
MESSAGE_LIMIT = 1000
STAGED = ("handover", "kexec", "cold_boot")
UNKNOWN = "-"


@dataclass
class Story:
    """The last result of each kind for one transition of one host; empty when there was none.

    ``failure`` is the code of the first other task that failed, ``lost`` says that Ansible could not reach the host;
    both count until somebody tried to commit.
    """

    image: Mapping[str, Any] = field(default_factory=dict)
    reboot: Mapping[str, Any] = field(default_factory=dict)
    commit: Mapping[str, Any] = field(default_factory=dict)
    failure: str | None = None
    lost: bool = False

    @property
    def is_proven(self) -> bool:
        """Whether what was promised came true, and nothing went wrong before the commit."""
        return self._came_true() and self.failure is None and not self.lost

    def _came_true(self) -> bool:
        return _at(self.reboot, "verdict", "accepted") is True

    def verdict(self) -> str:
        """Return the word for how it ended, and whether the commit failed."""
        return self._word() + self.uncommitted()

    def uncommitted(self) -> str:
        """Return what to add when the commit failed."""
        return ", not committed" if self.commit.get("failed") else ""

    def _word(self) -> str:
        """Return the one word for how it ended: a verdict, the code of a refusal, or how far it came."""
        word = _at(self.reboot, "verdict", "verdict")
        if word is not None and (self.is_proven or not self._came_true()):
            return _text(word) + (" (promised)" if self.is_proven and word != "handover_verified" else "")
        if self.lost:
            return "unreachable"
        return "unhealthy" if word is not None else self._word_without_verdict()

    def _word_without_verdict(self) -> str:
        for result in (self.reboot, self.image):
            if result.get("failed"):
                return _text(result.get("code") or "failed")
        if self.failure is not None:
            return self.failure
        if self.reboot:
            return "planned"
        action = _text(_at(self.image, "plan", "action"))
        return "staged" if action in STAGED else {"none": "already there"}.get(action, UNKNOWN)

    def cells(self, verdict: str) -> tuple[str, ...]:
        """Return what stands in the row of this host after its name."""
        promise = _at(self.reboot, "promise") or _at(self.image, "plan", "promise")
        outage = self.reboot.get("outage_seconds")
        return (
            _text(_at(promise, "previous_release") or _at(self.image, "running", "release")),
            _text(_at(promise, "release") or _at(self.image, "target", "release")),
            _record(promise),
            _record(_at(self.reboot, "verdict", "reported")),
            verdict,
            f"{outage:.1f}" if isinstance(outage, (int, float)) else UNKNOWN,
        )

    def action(self) -> str:
        """Return the one word for what would be done: the plan's, or why there is none."""
        if self.lost:
            return "unreachable"
        return _text(_at(self.image, "plan", "action") or ("failed" if self.image.get("failed") else None))

    def refusal(self) -> tuple[str, str] | None:
        """Return the code and the message of the refusal or failure that comes first; None when all is well."""
        reasons = _at(self.image, "plan", "reasons")
        if self.action() == "refuse" and isinstance(reasons, Sequence) and reasons:
            return _text(_at(reasons[0], "code")), _text(_at(reasons[0], "message"), MESSAGE_LIMIT)
        if not self.image.get("failed"):
            return None
        return _text(self.image.get("code") or "failed"), _text(self.image.get("msg"), MESSAGE_LIMIT)

    def preview_cells(self) -> tuple[str, ...]:
        """Return what stands in the row of this host after its name, when nothing was done."""
        promise, refusal = _at(self.image, "plan", "promise"), self.refusal()
        warnings = _at(self.image, "plan", "warnings")
        codes = [_text(_at(note, "code")) for note in warnings] if isinstance(warnings, list) else []
        return (
            _text(_at(self.image, "running", "release")),
            _text(_at(promise, "release") or _at(self.image, "target", "release")),
            self.action(),
            _record(promise),
            " ".join(codes) or UNKNOWN,
            refusal[0] if refusal else UNKNOWN,
        )


@dataclass
class HostStory:
    """What became of one host: its upgrade, its rollback, or the one after the other."""

    upgrade: Story | None = None
    rollback: Story | None = None

    @property
    def told(self) -> Story:
        """What the row tells: a rollback only when there was no upgrade."""
        return self.upgrade or self.rollback or Story()

    @property
    def latest(self) -> Story:
        """What goes on."""
        return self.rollback or self.told

    def begin_rollback(self) -> None:
        """What comes from now on is about the way back."""
        self.rollback = self.rollback or Story()

    def begin_upgrade(self) -> None:
        """What comes from now on is about an upgrade; a rollback before it is another story, and over."""
        if self.upgrade is None or self.rollback is not None:
            self.upgrade, self.rollback = Story(), None

    def verdict(self) -> str:
        """Return how the upgrade ended, and how the rollback after it did."""
        if self.upgrade is None or self.rollback is None:
            return self.told.verdict()
        back = self.rollback
        ended = f"rolled back{back.uncommitted()}" if back.is_proven else f"rollback: {back.verdict()}"
        return f"{self.upgrade.verdict()}, {ended}"

    def cells(self) -> tuple[str, ...]:
        """Return what stands in the row of this host after its name."""
        return self.told.cells(self.verdict())


class Rollout:
    """Takes results as they come, tells the story at the end."""

    def __init__(self) -> None:
        self._hosts: dict[str, HostStory] = {}
        self._done = False
        self._planned = False

    @property
    def is_preview(self) -> bool:
        """Whether hosts were only asked what would be done."""
        return self._planned and not self._done

    def note_result(
        self, host: str, module: str, result: Mapping[str, Any], check_mode: bool = False, back: bool = False
    ) -> None:
        """Note the result of ``module`` for ``host``: ``kexec_image``, ``kexec_plan_info``, ``_reboot`` or ``_commit``.

        ``back`` says that this image or plan is for a rollback. A jump and a commit belong to the image before.
        """
        if module == "kexec_commit":
            if host in self._hosts:
                self._hosts[host].latest.commit = result
            return
        only_planned = check_mode or module == "kexec_plan_info"
        self._planned |= only_planned
        self._done |= not only_planned
        if module in PLANNERS:
            self._begin(host, back).image = result
        else:
            self._known(host).reboot = result

    def note_failure(self, host: str, result: Mapping[str, Any]) -> None:
        """Note that another task failed for ``host``. Hosts that nothing was planned for do not matter."""
        story = self._hosts[host].latest if host in self._hosts else Story()
        if story.failure is None and not story.commit:
            story.failure = _text(result.get("code") or "failed")

    def note_lost(self, host: str, back: bool = False) -> None:
        """Note that Ansible itself could not reach ``host``; ``back``: by the first task of a rollback."""
        story = self._begin(host, back=True) if back else self._known(host)
        story.lost |= not story.commit

    def _begin(self, host: str, back: bool) -> Story:
        """Return the story that a plan of this kind belongs to."""
        story = self._hosts.setdefault(host, HostStory())
        if back:
            story.begin_rollback()
        else:
            story.begin_upgrade()
        return story.latest

    def _known(self, host: str) -> Story:
        """Return the story that goes on; for a host that was not heard of, a new one."""
        return self._hosts[host].latest if host in self._hosts else self._begin(host, back=False)

    def rows(self) -> list[tuple[str, ...]]:
        """Return a row for each host, in the order in which they were first heard of; `HEADER` names the columns."""
        return [(host, *story.cells()) for host, story in self._hosts.items()]

    def preview_rows(self) -> list[tuple[str, ...]]:
        """Return a row for each host, as ``rows`` does; `PREVIEW_HEADER` names the columns."""
        return [(host, *story.told.preview_cells()) for host, story in self._hosts.items()]

    def preview_counts(self) -> list[tuple[str, int]]:
        """Return for how many hosts each action is planned, most frequent first."""
        return Counter(story.told.action() for story in self._hosts.values()).most_common()

    def remedies(self) -> list[str]:
        """Return a line for each code of a refusal: whom it concerns, and what the first of them says of it."""
        refusals: dict[str, list[tuple[str, str]]] = {}
        for host, story in self._hosts.items():
            refusal = story.told.refusal()
            if refusal is not None:
                refusals.setdefault(refusal[0], []).append((host, refusal[1]))
        return [
            f"{code} ({_hosts([host for host, _message in found])}): {found[0][1]}" for code, found in refusals.items()
        ]

    def counts(self) -> list[tuple[str, int]]:
        """Return how many hosts ended with each word, most frequent first."""
        return Counter(story.verdict() for story in self._hosts.values()).most_common()


def _at(tree: Any, *path: str) -> Any:
    """Return what is in nested mappings at ``path``, or None."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _text(value: Any, limit: int = 200) -> str:
    return UNKNOWN if value is None else printable(str(value), limit)


def _hosts(names: Sequence[str]) -> str:
    """Name a host, and how many others there are."""
    more = len(names) - 1
    return printable(names[0]) + (f" and {more} more" if more else "")


def _record(record: Any) -> str:
    """Return the two things that a record holds, as ``release (count)``."""
    release, count = _at(record, "previous_release"), _at(record, "kexec_count")
    if release is None and count is None:
        return UNKNOWN
    return f"{_text(release)} ({_text(count)})"
