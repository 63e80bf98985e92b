# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A story, and what every story ends with: the right verdict, a host that answers, nothing left staged or armed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matrix.cells import PLAIN

from .fleet import Fleet
from .show import StoryError, Told
from .stage import Stage

TOKENS = (
    "/etc/systemd/system/sysinit.target.d/kho-kexec-guard.conf",
    "/usr/local/lib/systemd/system/sysinit.target.d/kho-kexec-guard.conf",
)


@dataclass(frozen=True)
class Story:
    """One bad day. `kernels` are those of the lab that it needs beside old and new.

    After a story that has `scars` the guest is cold-booted, whatever it runs.
    """

    name: str
    tell: Callable[[Stage], None]
    kind: str = PLAIN
    kernels: tuple[str, ...] = ()
    scars: bool = False
    representative: bool = False


@dataclass(frozen=True)
class FleetStory:
    """One rollout over `FLEET` plain guests; `kernels` are those of the lab that it needs beside old and new."""

    name: str
    tell: Callable[[Fleet], None]
    kernels: tuple[str, ...] = ()
    representative: bool = False


FLEET = 3
STORIES: list[Story] = []
FLEET_STORIES: list[FleetStory] = []


def story(
    kernels: Sequence[str] = (), kind: str = PLAIN, scars: bool = False, representative: bool = False
) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Register a story under its function's name; it is told on a guest of this kind."""

    def register(tell: Callable[[Stage], None]) -> Callable[[Stage], None]:
        STORIES.append(Story(tell.__name__, tell, kind, tuple(kernels), scars, representative))
        return tell

    return register


def fleet_story(
    kernels: Sequence[str] = (), representative: bool = False
) -> Callable[[Callable[[Fleet], None]], Callable[[Fleet], None]]:
    """Register a story of several hosts under its function's name."""

    def register(tell: Callable[[Fleet], None]) -> Callable[[Fleet], None]:
        FLEET_STORIES.append(FleetStory(tell.__name__, tell, tuple(kernels), representative))
        return tell

    return register


def require(found: object, wanted: object, what: str, told: Told | None = None) -> None:
    """Raise StoryError unless both are equal."""
    if found != wanted:
        said = f"\n{told.output[-3000:]}" if told else ""
        raise StoryError(f"{what}: {wanted!r} is right, and {found!r} was found{said}")


def require_in(wanted: str, text: str, what: str) -> None:
    """Raise StoryError unless the text says that."""
    if wanted not in text:
        raise StoryError(f"{what}: {wanted!r} is not in {text!r}")


def ends(stage: Stage, told: Told, verdict: str | None, release: str, reason: str | None = None) -> None:
    """The verdict is this one, and the host runs that release with nothing staged, armed or claimed."""
    require(told.result.get("verdict"), verdict, "verdict", told)
    require(stage.running(), release, "release at the end", told)
    if reason is not None:
        found = stage.sh("cat /var/lib/kho-kexec/transition.json 2>/dev/null || true")
        require_in(f'"reason": "{reason}"', found, "record")
    is_quiet(stage)


def is_quiet(stage: Stage) -> None:
    """Nothing is staged, armed or claimed."""
    require(stage.sh("cat /sys/kernel/kexec_loaded"), "0", "loaded")
    left = stage.sh(f"ls {' '.join(TOKENS)} /var/lib/kho-kexec/claim.json 2>/dev/null || true")
    require(left, "", "left behind")


def is_untouched(stage: Stage, told: Told, code: str, boots: int) -> None:
    """The host was refused with this code, and is in the boot that it was in."""
    require(told.result.get("code"), code, "code", told)
    require(told.status, 2, "exit status", told)
    require(len(stage.boots()), boots, "boots")
    is_quiet(stage)


def causes(stage: Stage, since: int) -> list[str]:
    """What started each boot since then, seen from outside."""
    return ["watchdog" if boot.watchdog else boot.cause for boot in stage.boots()[since:]]
