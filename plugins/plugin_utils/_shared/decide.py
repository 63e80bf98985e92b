# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a run may go on in a rollout that it shares with others. Pure: times are seconds by the database's clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Budget

RUNNING, PAUSED, STOPPED = "running", "paused", "stopped"
WAITING, GOING, PROVEN, FAILED, UNTOUCHED = "waiting", "going", "proven", "failed", "untouched"
"""What may be known of a host: nothing was done yet, it is on its way, how it ended, or that it was not started."""
LOST = "lost"
"""A host whose run has not told what became of it before its claim ended."""
NAMES_SHOWN = 5
DIFFERENCES_SHOWN = 5
VALUE_LIMIT = 80
LONGEST_WHY = 1000
CUT = " [...]"


class SharedRolloutError(KhoError):
    """This run does not go on in the rollout, or what was asked for cannot be."""


@dataclass(frozen=True)
class Standing:
    """A rollout as it is at the moment ``now``.

    ``terms`` is None until a run has joined. ``canary_run`` goes first until ``canary_until``, while
    ``canaries_proven`` is None. ``failed`` is how many hosts have failed since it was started or resumed.
    """

    name: str
    terms: Mapping[str, Any] | None
    state: str
    who: str
    why: str
    changed: int
    began: int
    now: int
    canary_run: str | None
    canary_until: int
    canaries_proven: int | None
    failed: int

    @property
    def goes_first(self) -> set[str]:
        """Return the run that holds all others behind its canaries, if there is one."""
        is_over = self.canaries_proven is not None or self.canary_until <= self.now
        return set() if is_over or self.canary_run is None else {self.canary_run}


@dataclass(frozen=True)
class Claim:
    """A host belongs to ``run`` of a rollout ``until`` then, or until that run has told what became of it."""

    rollout: str
    run: str
    until: int


@dataclass(frozen=True)
class Go:
    """The wave may begin; as ``canaries``, before any other."""

    canaries: bool


@dataclass(frozen=True)
class Wait:
    """The wave may not begin yet; ``why`` is a sentence."""

    why: str


@dataclass(frozen=True)
class Settled:
    """What a wave that has ended does to the rollout; ``stop`` says why it stops, empty when it goes on.

    ``canaries_proven`` says that all others may go once what has to hold after the wave holds, and ``canaries_free``
    that another wave is to go first.
    """

    stop: str
    canaries_proven: bool
    canaries_free: bool


def differences(terms: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Return what differs between the terms of the rollout and those of a run, one text for each option."""
    names = sorted({*terms, *ours})
    return [
        f"{name} is {_shown(ours.get(name))} here, and {_shown(terms.get(name))} in the rollout"
        for name in names
        if terms.get(name) != ours.get(name)
    ]


def require_same(standing: Standing, ours: Mapping[str, Any]) -> None:
    """Raise SharedRolloutError ``rollout_differs`` unless a run has the terms of the rollout."""
    found = [] if standing.terms is None else differences(standing.terms, ours)
    if found:
        raise SharedRolloutError(
            "rollout_differs",
            f"This run differs from the rollout {standing.name}, which it names: "
            f"{listed(found, DIFFERENCES_SHOWN, '; ')}. All runs of a rollout have one target and one policy, for what "
            "is proven on its canaries must hold for all. No host of this run was touched. Give this run the same, or "
            "another name for a rollout of its own (kexec_upgrade_rollout).",
        )


def require_running(standing: Standing) -> None:
    """Raise SharedRolloutError ``rollout_was_stopped`` when somebody, or a run, has stopped the rollout."""
    if standing.state == STOPPED:
        raise was_stopped(standing.name, standing.who, standing.why)


def kept(why: str) -> str:
    """Return why something was done as it is kept; what is too long ends with a whole word, and says that it does."""
    if len(why) <= LONGEST_WHY:
        return printable(why, LONGEST_WHY)
    first = printable(why, LONGEST_WHY - len(CUT))
    return (first.rpartition(" ")[0] or first).rstrip(".,:;") + CUT


def was_stopped(name: str, who: str, why: str) -> SharedRolloutError:
    """The error for a wave of a rollout that somebody, or a run, has stopped."""
    return SharedRolloutError(
        "rollout_was_stopped",
        f"The rollout {name} was stopped by {who}: {why.rstrip('.') or 'no reason was given'}. So no "
        "wave of it begins, in this run and in all others; what was on its way goes its way to the end. Look at it "
        "with kho.kexec.kexec_rollout, state info. Once the cause is gone, give it the state resumed, and run the "
        "same again.",
    )


def lost_too_many(lost: Sequence[str], failed: int, terms: Mapping[str, Any]) -> str:
    """Say why the rollout stops because hosts are ``lost``; empty when it goes on.

    What became of them is not known, so they count as failed: beside the ``failed`` ones of all runs, and as a whole
    wave. The budget is one of the ``terms``.
    """
    most, percentage = (terms.get(f"kexec_upgrade_{name}", "") for name in ("max_failed", "max_failed_percentage"))
    if not lost:
        return ""
    known = f"Lost: {_named(lost)}. Their run has not told what became of them, so they count as failed."
    if percentage != "" and int(percentage) < 100:
        return f"{known} Allowed: {percentage} % of a wave (max_failed_percentage)."
    allowed = int(most) if most != "" else 0 if percentage == "" else None
    if allowed is not None and failed + len(lost) > allowed:
        return f"{known} Failed or lost in all runs: {failed + len(lost)}; allowed: {allowed} (max_failed)."
    return ""


def unknown_rollout(name: str) -> SharedRolloutError:
    """The error for a rollout that is not there."""
    return SharedRolloutError(
        "rollout_unknown",
        f"The ledger knows no rollout {printable(name)}: nobody has started it, and no run has joined it. Nothing was "
        "done. Correct the name, or the ledger's `url`; state started makes a new one.",
    )


def unknown_run(name: str, owner: str, owners: Sequence[str]) -> SharedRolloutError:
    """The error for a run that takes no part in the rollout."""
    known = listed([repr(printable(one)) for one in owners], NAMES_SHOWN)
    return SharedRolloutError(
        "rollout_run_unknown",
        f"No run of the rollout {name} is called {printable(repr(owner), VALUE_LIMIT)}; its runs are {known or 'none'}."
        " Hosts of the one that is meant would stay its own, so nothing was done. Give `run` as state info shows it.",
    )


def several_runs(name: str, owner: str, number: int) -> SharedRolloutError:
    """The error for runs that are called alike, of which more than one has hosts, or others behind its canaries."""
    return SharedRolloutError(
        "rollout_run_ambiguous",
        f"{number} runs of the rollout {name} are called {printable(repr(owner), VALUE_LIMIT)} and have hosts, or hold "
        "others back with their canaries. One of them may live, and a host must not have two runs, so nothing was done."
        " Run the slice of the dead one again where it was, which takes its hosts at once, or wait for its claim's end."
        " Have machines of different names next time.",
    )


def may_begin(
    standing: Standing,
    run: str,
    claims: Mapping[str, Claim],
    owners: Mapping[str, str],
    has_ended: Callable[[str], bool],
) -> Go | Wait:
    """Tell whether a wave of ``run`` may begin.

    ``claims`` are those on hosts of the wave, and ``owners`` says for people who runs are. ``has_ended`` tells of runs
    that are known to be dead before their claim's end. Raises SharedRolloutError ``rollout_was_stopped``.
    """
    require_running(standing)
    if standing.state == PAUSED:
        return Wait(f"{standing.who} has paused the rollout{_because(standing.why)}")
    taken = {host: one for host, one in claims.items() if is_held(one, run, standing.now, has_ended)}
    if taken:
        return Wait(_taken(taken, owners, standing.now))
    if standing.canaries_proven is not None:
        return Go(canaries=False)
    first = standing.canary_run
    if first is None or first == run or standing.canary_until <= standing.now or has_ended(first):
        return Go(canaries=True)
    return Wait(f"the canaries of {_owner(owners, first)} are not proven yet")


def is_held(claim: Claim, run: str, now: int, has_ended: Callable[[str], bool]) -> bool:
    """Tell whether a host belongs to another run than this."""
    return claim.run != run and claim.until > now and not has_ended(claim.run)


def settle(
    standing: Standing, run: str, outcomes: Mapping[str, str], moved: bool, budget: Budget, failed: int
) -> Settled:
    """Tell what the end of a wave means for the rollout.

    ``outcomes`` says of each host of the wave whether it is PROVEN, FAILED or UNTOUCHED, ``moved`` whether any has
    changed its kernel, and ``failed`` how many hosts of all runs have failed, these among them.
    """
    failed_now = [host for host, state in outcomes.items() if state == FAILED]
    are_canaries = standing.canary_run == run and standing.canaries_proven is None
    stop = _exceeded(budget, len(outcomes), len(failed_now), failed)
    if standing.canaries_proven is None and failed_now:
        # Also those of a run whose claim has ended before they did: nothing else is on its way.
        stop = f"Canaries were not proven: {_named(failed_now)}."
    elif stop and failed_now:
        stop = f"Not proven: {_named(failed_now)}. {stop}"
    # A wave in which nothing was to be done proves nothing of the target; the next goes first then.
    are_proven = are_canaries and not stop and moved and UNTOUCHED not in outcomes.values()
    return Settled(stop, are_proven, are_canaries and not are_proven)


def _exceeded(budget: Budget, hosts: int, failed_now: int, failed: int) -> str:
    if budget.max_failed is not None and failed > budget.max_failed:
        return f"Failed in all runs: {failed}; allowed: {budget.max_failed} (max_failed)."
    percentage = budget.max_failed_percentage
    if percentage is not None and failed_now * 100 > percentage * hosts:
        return f"Failed in this wave: {failed_now} of {hosts}; allowed: {percentage} % (max_failed_percentage)."
    return ""


def _taken(taken: Mapping[str, Claim], owners: Mapping[str, str], now: int) -> str:
    runs = sorted({_owner(owners, one.run) for one in taken.values()})
    seconds = max(one.until for one in taken.values()) - now
    return (
        f"{_named(list(taken))} of it belong to {listed(runs, NAMES_SHOWN)}, until that run has told what became of "
        f"them, or its claim ends in {seconds} s by the database's clock"
    )


def _owner(owners: Mapping[str, str], run: str) -> str:
    return printable(owners.get(run, "another run"))


def _because(why: str) -> str:
    return f" ({why})" if why else ""


def _named(hosts: Sequence[str]) -> str:
    return listed([printable(host) for host in hosts], NAMES_SHOWN, " ")


def _shown(value: Any) -> str:
    return printable(repr(value), VALUE_LIMIT)
