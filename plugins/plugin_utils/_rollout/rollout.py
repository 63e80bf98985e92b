# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each host of a rollout, gathered from the results of the tasks that matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import UNKNOWN, text
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import Attempt, HostOutcome

HEADER = ("host", "from", "to", "promised", "reported", "verdict", "outage (s)", "total (s)")
TIME_COLUMNS = frozenset({6, 7})
PREVIEW_HEADER = ("host", "from", "to", "action", "promised", "warnings", "refused")
PLANNERS = ("kexec_image", "kexec_options", "kexec_plan_info")
"""Modules whose failure says that a host is not upgraded; of options that can be, nothing is noted."""


class Rollout:
    """Takes results as they come, tells the outcomes at the end."""

    def __init__(self) -> None:
        self._hosts: dict[str, HostOutcome] = {}
        self._done = False
        self._planned = False

    @property
    def is_preview(self) -> bool:
        """Whether hosts were only asked what would be done."""
        return self._planned and not self._done

    def note_result(
        self, host: str, module: str, result: Mapping[str, Any], check_mode: bool = False, back: bool = False
    ) -> None:
        """Note the result of ``module`` for ``host``: one of `PLANNERS`, ``kexec_reboot`` or ``kexec_commit``.

        A host that was only told to leave goes on jumping. ``back`` says that this image or plan is for a rollback. A
        jump and a commit belong to the image before.
        """
        if module == "kexec_commit":
            if host in self._hosts:
                self._hosts[host].latest.commit = result
            return
        only_planned = check_mode or module == "kexec_plan_info"
        self._planned |= only_planned
        self._done |= not only_planned
        if module in PLANNERS:
            attempt = self._begin(host, back)
            attempt.stage, attempt.only_planned = result, only_planned
        elif "left" not in result:
            self._known(host).transition = result

    def note_jump(self, host: str) -> None:
        """Note that the task begins that makes ``host`` jump."""
        self._known(host).jumping = True

    def note_failure(self, host: str, result: Mapping[str, Any]) -> None:
        """Note that another task failed for ``host``. Hosts that nothing was planned for do not matter."""
        attempt = self._hosts[host].latest if host in self._hosts else Attempt()
        if attempt.failure is None and not attempt.kept:
            attempt.failure = text(result.get("code") or "failed")

    def note_lost(self, host: str, back: bool = False) -> None:
        """Note that Ansible itself could not reach ``host``; ``back``: by the first task of a rollback."""
        attempt = self._begin(host, back=True) if back else self._known(host)
        attempt.lost |= not attempt.kept

    def _begin(self, host: str, back: bool) -> Attempt:
        """Return the attempt that a plan of this kind belongs to."""
        outcome = self._hosts.setdefault(host, HostOutcome())
        if back:
            outcome.begin_rollback()
        else:
            outcome.begin_upgrade()
        return outcome.latest

    def _known(self, host: str) -> Attempt:
        """Return the attempt that goes on; for a host that was not heard of, a new one."""
        return self._hosts[host].latest if host in self._hosts else self._begin(host, back=False)

    @property
    def hosts(self) -> Mapping[str, HostOutcome]:
        """The hosts that were heard of, in that order."""
        return self._hosts

    def rows(self, hosts: Collection[str], totals: Mapping[str, float]) -> list[tuple[str, ...]]:
        """Return a row for each of ``hosts``; `HEADER` names the columns. ``totals`` are seconds that hosts took."""
        return [
            (host, *self._hosts[host].cells(), f"{totals[host]:.1f}" if host in totals else UNKNOWN) for host in hosts
        ]

    def preview_rows(self, hosts: Collection[str]) -> list[tuple[str, ...]]:
        """Return a row for each of ``hosts``; `PREVIEW_HEADER` names the columns."""
        return [(host, *self._hosts[host].told.preview_cells()) for host in hosts]

    def preview_counts(self) -> list[tuple[str, int]]:
        """Return for how many hosts each action is planned, most frequent first."""
        return Counter(outcome.told.planned() for outcome in self._hosts.values()).most_common()

    def remedies(self) -> list[str]:
        """Return a line for each code of a refusal: whom it concerns, and what the first of them says of it."""
        refusals: dict[str, list[tuple[str, str]]] = {}
        for host, outcome in self._hosts.items():
            refusal = outcome.told.refusal()
            if refusal is not None:
                refusals.setdefault(refusal[0], []).append((host, refusal[1]))
        return [
            f"{code} ({_hosts([host for host, _message in found])}): {found[0][1]}" for code, found in refusals.items()
        ]

    def counts(self) -> list[tuple[str, int]]:
        """Return how many hosts ended with each word, most frequent first."""
        return Counter(outcome.verdict() for outcome in self._hosts.values()).most_common()


def _hosts(names: Sequence[str]) -> str:
    """Name a host, and how many others there are."""
    return listed([printable(name) for name in names], 1)
