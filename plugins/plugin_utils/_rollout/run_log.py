# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When what happened in a run: its waves, and the events of each host. Pure; times are in seconds since the begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import text_or_none, whole_or_none
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout import events
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.events import HostEvent
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import (
    DONE,
    IN_FLIGHT,
    NOT_KNOWN,
    UNTOUCHED,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.rollout import Rollout

MESSAGE_LIMIT = 2000


@dataclass
class Wave:
    """Hosts that go together. ``end`` is None while they go."""

    number: int
    hosts: list[str]
    begin: float
    end: float | None = None


@dataclass
class HostTimes:
    """What happened to one host, and when; ``end`` is when its outcome was known, None before."""

    wave: int | None
    begin: float
    end: float | None = None
    events: list[tuple[float, HostEvent]] = field(default_factory=list)


@dataclass(frozen=True)
class Batch:
    """What Ansible says when the hosts of one wave begin: their names, all that the play is for, sizes of its waves.

    ``play`` is the same for all batches of a play. Only its first batch needs ``all_hosts`` and ``sizes``; without
    ``all_hosts``, nobody knows who else will follow.
    """

    play: str
    hosts: Sequence[str]
    all_hosts: Sequence[str] | None
    sizes: Sequence[int]


class RunLog:
    """Takes waves and results as they come. A wave counts once a task of this collection runs in it."""

    def __init__(self) -> None:
        self.rollout = Rollout()
        self.waves: list[Wave] = []
        self.times: dict[str, HostTimes] = {}
        self.outcomes: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.settled = 0
        """How many hosts of the current wave are no longer in flight."""
        self.is_stopped = False
        """Whether a gate ended the rollout."""
        self.stopped_by: str | None = None
        """The code of that gate, if it has one."""
        self.gate_said: str | None = None
        """The gate's message: why it ended the rollout, or, in check mode, which waves there would be."""
        self.planned_waves: int | None = 0
        """How many waves there are with those to come; None when nobody knows."""
        self.waves_of_plan: int | None = None
        """How many waves there would be, of which check mode makes one; None when nobody said so."""
        self.slowest: float | None = None
        """Seconds of that host of the current wave which jumped and took longest until its outcome was known."""
        self.last_working_wave: Wave | None = None
        """The last wave that has ended in which a host jumped; in others, all were there already or failed before."""
        self._play: str | None = None
        self._pending: tuple[float, Batch] | None = None
        self._lost_before: list[str] = []
        """Hosts that were lost in the play that goes, before anything of ours began in it."""
        self._busy: set[str] = set()
        """Hosts on which a task of ours runs."""

    @property
    def wave(self) -> Wave | None:
        """The wave that goes, or None."""
        return self.waves[-1] if self.waves and self.waves[-1].end is None else None

    @property
    def has_hosts_to_come(self) -> bool:
        """Whether there are hosts whose wave has not begun."""
        return len(self.times) < len(self.outcomes)

    def knows(self, play: str) -> bool:
        """Tell whether a wave of this play has begun."""
        return play == self._play

    def expect(self, now: float, batch: Batch) -> None:
        """Keep the next wave in mind."""
        self._pending, self._lost_before = (now, batch), []

    def end_wave(self, now: float, interrupted: bool = False) -> Wave | None:
        """End the wave that goes, and return it; ``interrupted``: before its hosts came to their end."""
        self._pending = None
        ended = self.wave
        if ended is not None:
            ended.end = now
            for host in ended.hosts:
                if interrupted and self.outcomes[host] == IN_FLIGHT:
                    self._count(host, self._where_interrupted(host))
                else:
                    self._settle(host, now, over=True)
            if any(self.has_jumped(host) for host in ended.hosts):
                self.last_working_wave = ended
        return ended

    def _where_interrupted(self, host: str) -> str:
        known = self.rollout.hosts.get(host)
        found = known.outcome(over=True) if known else UNTOUCHED
        # What is proven is not done without its commit, which would have come.
        return NOT_KNOWN if host in self._busy or found == DONE else found

    def begin_wave(self) -> Wave | None:
        """Let the wave that is expected begin, and return it; None when it goes already or there is none."""
        if self._pending is None:
            return None
        (now, batch), self._pending = self._pending, None
        if batch.play != self._play:
            self._play = batch.play
            self._plan(batch)
        self.waves.append(Wave(len(self.waves) + 1, list(batch.hosts), now))
        self.settled, self.slowest = 0, None
        for host in batch.hosts:
            self.times[host] = HostTimes(len(self.waves), now)
            self._count(host, IN_FLIGHT)
        for host in self._lost_before:
            self.note_lost(now, host)
        return self.waves[-1]

    def _plan(self, batch: Batch) -> None:
        for host in batch.all_hosts or ():
            if host not in self.outcomes:
                self._count(host, UNTOUCHED)
        self.planned_waves = len(self.waves) + len(batch.sizes) if batch.all_hosts is not None else None

    def note_result(
        self,
        now: float,
        host: str,
        module: str,
        result: Mapping[str, Any],
        check_mode: bool,
        back: bool,
    ) -> HostEvent | None:
        """Note the result of one of our modules, as `Rollout.note_result` does; returns the event that it is."""
        self.rollout.note_result(host, module, result, check_mode, back)
        known = self.rollout.hosts.get(host)
        if known is None or check_mode or module == "kexec_plan_info":
            return self._happened(now, host, None)
        is_back = known.rollback is not None and known.upgrade is not None
        return self._happened(now, host, events.of_result(module, result, known.latest, is_back))

    def note_unloading(self, now: float, host: str, result: Mapping[str, Any]) -> HostEvent | None:
        """Note what became of an image that was to be unloaded."""
        return self._happened(now, host, events.of_unloading(result))

    def note_begin(self, host: str) -> None:
        """Note that a task of ours begins on ``host``."""
        self._busy.add(host)

    def note_skip(self, host: str) -> None:
        """Note that a task was skipped, or has ended with nothing to tell."""
        self._busy.discard(host)

    def note_jump(self, now: float, host: str) -> HostEvent | None:
        """Note that the task begins that makes ``host`` jump; nothing when it will be skipped."""
        known = self.rollout.hosts.get(host)
        event = events.of_begun_jump(known.latest) if known else None
        if event is not None:
            self.rollout.note_jump(host)
        return self._happened(now, host, event)

    def note_failure(self, now: float, host: str, result: Mapping[str, Any], task: str) -> HostEvent | None:
        """Note that another task failed; nothing when that only tells what was known, or for hosts without a plan."""
        known = self.rollout.hosts.get(host)
        if known is None:
            return None
        is_told = known.latest.has_failed or any(
            event.kind == "failed" for _when, event in self._times(now, host).events
        )
        self.rollout.note_failure(host, result)
        return self._happened(now, host, None if is_told else events.of_failure(result, task))

    def note_lost(self, now: float, host: str, back: bool = False) -> HostEvent | None:
        """Note that Ansible itself could not reach ``host``, as `Rollout.note_lost` does.

        Outside of a wave that is no matter of a rollout, unless a wave begins later in the same play.
        """
        if self.wave is None:
            self._lost_before.append(host)
            return None
        self.rollout.note_lost(host, back)
        return self._happened(now, host, events.LOST)

    def note_stop(self, result: Mapping[str, Any], is_gate: bool = False) -> None:
        """Note that a task that runs once for the wave failed, which ends the rollout.

        Only the gate's message is kept, which is made of numbers and names of hosts; others may hold secrets.
        """
        if self.wave is not None:
            self.is_stopped, self.stopped_by = True, text_or_none(result.get("code"))
            self.gate_said = _message(result) if is_gate else None

    def note_waves(self, result: Mapping[str, Any]) -> None:
        """Note how many waves the gate says there would be, in check mode, which looks at all hosts at once."""
        self.waves_of_plan, self.gate_said = whole_or_none(result.get("waves")), _message(result)

    def total_seconds(self) -> dict[str, float]:
        """Return how long each host took from the start of its wave until its outcome was known."""
        return {host: of.end - of.begin for host, of in self.times.items() if of.end is not None}

    def hosts_with(self, outcome: str) -> list[str]:
        """Return the hosts that came out so."""
        return [host for host, found in self.outcomes.items() if found == outcome]

    def has_jumped(self, host: str) -> bool:
        """Tell whether ``host`` was told to leave its kernel in this run."""
        return host in self.times and any(event.kind == "jump_begun" for _when, event in self.times[host].events)

    def _happened(self, now: float, host: str, event: HostEvent | None) -> HostEvent | None:
        if event is not None:
            self._times(now, host).events.append((now, event))
        if event is None or event.kind != "jump_begun":
            self._busy.discard(host)
        self._settle(host, now, over=False)
        return event

    def _times(self, now: float, host: str) -> HostTimes:
        if host not in self.times:
            self.times[host] = HostTimes(self.wave.number if self.wave else None, now)
            if self.wave is not None:
                self.wave.hosts.append(host)
        return self.times[host]

    def _settle(self, host: str, now: float, over: bool) -> None:
        """Count ``host`` under its present outcome, and take the time when that changed."""
        known = self.rollout.hosts.get(host)
        outcome = known.outcome(over) if known else UNTOUCHED if over else IN_FLIGHT
        before = self.outcomes.get(host)
        if outcome == before:
            return
        self._count(host, outcome)
        times = self._times(now, host)
        if outcome != IN_FLIGHT:
            self.settled += before == IN_FLIGHT
            times.end = times.events[-1][0] if over and times.events else now
            if self.has_jumped(host):
                self.slowest = max(self.slowest or 0.0, times.end - times.begin)

    def _count(self, host: str, outcome: str) -> None:
        before = self.outcomes.get(host)
        if before is not None:
            self.counts[before] -= 1
        self.outcomes[host] = outcome
        self.counts[outcome] += 1


def _message(result: Mapping[str, Any]) -> str | None:
    message = result.get("msg")
    return printable(message, MESSAGE_LIMIT) if isinstance(message, str) else None
