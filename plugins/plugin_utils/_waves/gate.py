# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold around a wave: before it begins, and when it has ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import (
    WINDOW_CLOSED,
    Window,
    is_open,
    next_opening,
)

NAMES_SHOWN = 10
WAVES_SHOWN = 8
NAME_LIMIT = 255


class GateError(KhoError):
    """The gate was asked for something that cannot be. It is not passed."""


@dataclass(frozen=True)
class Wave:
    """One wave of a rollout: its ``number`` of ``total``, who goes in it, who went before, and who is to come."""

    number: int
    total: int
    hosts: tuple[str, ...]
    earlier: tuple[str, ...]
    later: tuple[str, ...]

    def __str__(self) -> str:
        return f"wave {self.number} of {self.total}"


@dataclass(frozen=True)
class Budget:
    """How many hosts may fail: in the whole run, and of the hosts of a wave in percent; None is no limit of its own."""

    max_failed: int | None
    max_failed_percentage: int | None


@dataclass(frozen=True)
class Gate:
    """What a gate found: hosts of this wave that are ``proven``, ``failed`` ones of all waves until now, and
    ``untouched`` ones, which nothing was done to in this run.

    ``code`` says why the rollout stops here; None when the gate is passed.
    """

    message: str
    proven: tuple[str, ...]
    failed: tuple[str, ...]
    untouched: tuple[str, ...]
    code: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the rollout may go on."""
        return self.code is None

    def as_dict(self) -> dict[str, Any]:
        """Return what a task returns: numbers, since the names of thousands would go to every host of the wave."""
        numbers = {"proven": len(self.proven), "unproven": len(self.failed), "untouched": len(self.untouched)}
        return {**numbers, **({"msg": self.message} if self.code is None else failed_with(self.code, self.message))}


def budget_of(max_failed: int | None, max_failed_percentage: int | None) -> Budget:
    """Return the budget; nobody may fail when neither is given. Raises GateError ``gate_budget_invalid``."""
    if (max_failed or 0) < 0 or not 0 <= (max_failed_percentage or 0) <= 100:
        raise GateError(
            "gate_budget_invalid",
            f"The budget is max_failed={max_failed} and max_failed_percentage={max_failed_percentage}, so it is not "
            "known how many hosts may fail. Give a number of 0 or more, and a percentage from 0 to 100.",
        )
    return Budget(0 if max_failed is None and max_failed_percentage is None else max_failed, max_failed_percentage)


def wave_of(waves: Sequence[Sequence[str]], batch: Collection[str]) -> Wave:
    """Return the wave that the hosts of ``batch`` are in. Raises GateError ``wave_unknown`` when they are in no one."""
    wanted = set(batch)
    for index, hosts in enumerate(waves):
        if wanted and wanted <= set(hosts):
            return Wave(
                number=index + 1,
                total=len(waves),
                hosts=tuple(hosts),
                earlier=tuple(host for wave in waves[:index] for host in wave),
                later=tuple(host for wave in waves[index + 1 :] for host in wave),
            )
    raise GateError(
        "wave_unknown",
        f"The hosts that go now ({shown(sorted(wanted))}) are not a wave of the gate's sizes and limits, so it is not "
        "known who went before and who is to come. Give the gate the same as the lookup kho.kexec.waves for the play's "
        "hosts and serial; these do not see variables of the inventory, as kho.kexec.kexec_play_options does.",
    )


def require_passed(wave: Wave, before: Iterable[Any]) -> None:
    """Raise GateError ``wave_not_judged`` unless the wave before has passed the gate after it.

    ``before`` is what hosts of that wave have of the gate's result, which may be anything.
    """
    if any(
        isinstance(one, Mapping) and (one.get("wave"), one.get("code")) == (wave.number - 1, None) for one in before
    ):
        return
    raise GateError(
        "wave_not_judged",
        f"Wave {wave.number - 1} of {wave.total} has not passed the gate after it: Ansible has left that out, as it "
        "does when a task that one host does for the whole wave finds this host unreachable, a gate task for example. "
        f"So {wave} does not begin, and the rollout ends. Untouched: {shown((*wave.hosts, *wave.later))}. Look at that "
        "task's host, have such tasks delegated to the controller, and run the same command again.",
    )


def judge(
    wave: Wave, results: Mapping[str, Any] | None, there: Collection[str], budget: Budget, stopped: str = ""
) -> Gate:
    """Tell whether the rollout may go on after ``wave``.

    ``results`` holds the result of each host of the wave that has one, with ``accepted`` and ``code``, as the role
    kexec_upgrade leaves it; None when all that come through are proven. ``there`` are the hosts of the whole rollout
    that Ansible has not given up. A host that is not there has failed, whatever its result, and so has one without a
    result that is accepted; one that was not started, for the window had closed, is untouched. ``stopped`` says why all
    runs stop that share the rollout.
    """
    remaining = set(there)
    late = tuple(host for host in wave.hosts if _field(results, host, "code") == WINDOW_CLOSED)
    proven = tuple(
        host
        for host in wave.hosts
        if host in remaining and (results is None or _field(results, host, "accepted") is True)
    )
    settled = {*late, *proven}
    failed_now = [host for host in wave.hosts if host not in settled]
    failed = (*(host for host in wave.earlier if host not in remaining), *failed_now)
    untouched = (*late, *wave.later)
    why = _exceeded(budget, wave, len(failed_now), len(failed)) or stopped
    if why:
        names = f"Not proven: {shown(failed)}. Untouched: {shown(untouched)}."
        message = f"The rollout stops here. {names} {why} {_how_on(proven)}"
        return Gate(message, proven, failed, untouched, code="rollout_stopped")
    if late:
        lost = f"Not proven: {shown(failed)}. " if failed else ""
        untouched_are = f"{lost}Untouched: {shown(untouched)}."
        message = f"The window closed during {wave}, so the rollout ends. {untouched_are} {_how_on(proven)}"
        return Gate(message, proven, failed, untouched, code=WINDOW_CLOSED)
    message = f"After {wave}: {len(proven)} proven, {len(failed)} failed since the rollout began."
    return Gate(message, proven, failed, untouched)


def _how_on(proven: Sequence[str]) -> str:
    others = "All others of this wave are proven, although Ansible gives up every host of it, and shows one. "
    return f"{others if proven else ''}The same command goes on from here once the cause is gone."


def may_begin(wave: Wave, windows: Sequence[Window], now: datetime) -> Gate:
    """Tell whether ``wave`` may begin ``now``: when any of ``windows`` is open, or there are none."""
    untouched = (*wave.hosts, *wave.later)
    if not windows or is_open(windows, now):
        return Gate(f"{wave} begins.".capitalize(), (), (), untouched)
    message = (
        f"The window is closed until {next_opening(windows, now)}, so {wave} does not begin, and the rollout ends. "
        f"Untouched: {shown(untouched)}. Nothing was done in this wave, although Ansible gives up every host of it, "
        "and shows one. Run the same command again when the window is open."
    )
    return Gate(message, (), (), untouched, code=WINDOW_CLOSED)


def preview(waves: Sequence[Sequence[str]], windows: Sequence[Window], now: datetime) -> str:
    """Return what a rollout in these waves would be like, for people."""
    sizes = [f"{number}. {len(wave)} ({shown(wave, 3)})" for number, wave in enumerate(waves, 1)]
    hosts = sum(len(wave) for wave in waves)
    text = f"{counted(hosts, 'host')} would go in {counted(len(waves), 'wave')}: {listed(sizes, WAVES_SHOWN)}."
    if windows and not is_open(windows, now):
        text += f" The window is closed until {next_opening(windows, now)}."
    return text


def moved(results: Mapping[str, Any] | None) -> bool:
    """Tell whether any host may have changed its kernel in this wave, so there is something to watch."""
    return results is None or any(_field(results, host, "action") not in (None, "none") for host in results)


def shown(hosts: Sequence[str], most: int = NAMES_SHOWN) -> str:
    """Return the names of the first hosts, and how many more there are."""
    return listed([printable(host, NAME_LIMIT) for host in hosts], most, " ") or "none"


def _exceeded(budget: Budget, wave: Wave, failed_now: int, failed: int) -> str:
    """Say which part of the budget is exceeded; empty when none is."""
    if budget.max_failed is not None and failed > budget.max_failed:
        return f"Failed since the rollout began: {failed}; allowed: {budget.max_failed} (max_failed)."
    percentage = budget.max_failed_percentage
    if percentage is not None and failed_now * 100 > percentage * len(wave.hosts):
        return (
            f"Failed in this wave: {failed_now} of {len(wave.hosts)}; allowed: {percentage} % (max_failed_percentage)."
        )
    return ""


def _field(results: Mapping[str, Any] | None, host: str, key: str) -> Any:
    """Return a field of a host's result, or None; what a host's tasks set may have any type."""
    result = (results or {}).get(host)
    return result.get(key) if isinstance(result, Mapping) else None
