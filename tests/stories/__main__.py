# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the stories: ``python -m stories``, some of them by name, or a representative part with ``--representative``.

Each story begins with a guest that runs the older kernel, with nothing staged, armed or remembered. Guests tell theirs
side by side, and then those of several hosts together. What a playbook said is kept in build/stories/STORY/.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import kernels, run
from lab.errors import LabError
from lab.owner import default_owner
from matrix.cells import PLAIN
from matrix.guest import Guest, GuestError
from tools.layout import ROOT

from . import boots, controllers, crashes, fleets, hosts, middles, slices, soaks, symptoms, targets
from .fleet import Fleet
from .show import StoryError
from .stage import Stage
from .story import FLEET, FLEET_STORIES, STORIES, FleetStory, Story

RUN = "stories"
RESULTS = ROOT / "build" / "stories"
MODULES = (targets, hosts, boots, middles, controllers, fleets, slices, crashes, soaks, symptoms)
LOST = "not told, because the guest was lost before"
_BOOT_WITHIN = 600.0  # seconds
_CLEAN = """
systemctl disable --now kho-kexec-guard.timer 2>/dev/null || true
rm -rf /var/lib/kho-kexec /etc/systemd/system/kho-kexec-guard.*
rm -f /etc/systemd/system/sysinit.target.d/kho-kexec-guard.conf
systemctl disable story.service 2>/dev/null || true
rm -f /etc/systemd/system/story.service /usr/lib/systemd/system-shutdown/story
kexec -s -u 2>/dev/null || true
"""


@dataclass(frozen=True)
class Ending:
    """How a story ended; `trouble` is None when it went as it must."""

    story: Story | FleetStory
    guest: str
    trouble: str | None
    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:6.0f} s  {'as it must' if self.trouble is None else 'WRONG':<10}  {self.story.name}"


class Storyteller:
    """Tells stories on the guests of a run."""

    def __init__(self, inventory: Path, releases: dict[str, str]) -> None:
        self._inventory = inventory
        self._releases = releases
        self._used: set[str] = set()

    def tell_all(self, name: str, stories: Sequence[Story]) -> list[Ending]:
        """Tell these on the guest of this name, one after the other."""
        guest = Guest(RUN, name, stories[0].kind)
        guest.learn()
        endings: list[Ending] = []
        for story in stories:
            endings.append(self._tell(guest, story))
            if (story.scars or endings[-1].trouble is not None) and not guest.has_snapshot and not _is_back(guest):
                return endings + [Ending(other, name, LOST, 0.0) for other in stories[len(endings) :]]
        return endings

    def tell_of_all(self, names: Sequence[str], stories: Sequence[FleetStory]) -> list[Ending]:
        """Tell these on all guests of these names, one after the other."""
        guests = [Guest(RUN, name, PLAIN) for name in names]
        for guest in guests:
            guest.learn()
        return [self._tell_of_all(guests, story) for story in stories]

    def _tell(self, guest: Guest, story: Story) -> Ending:
        stage = self._stage(guest, _folder(story.name))

        def tell() -> None:
            self._clean(stage)
            story.tell(stage)

        return _ending(story, guest.name, tell)

    def _tell_of_all(self, guests: Sequence[Guest], story: FleetStory) -> Ending:
        folder = _folder(story.name)
        fleet = Fleet([self._stage(guest, folder) for guest in guests], self._inventory, folder)

        def tell() -> None:
            with ThreadPoolExecutor() as pool:
                list(pool.map(self._clean, fleet.stages))
            story.tell(fleet)

        ending = _ending(story, "all guests", tell)
        for guest in guests if ending.trouble is not None else ():
            if not guest.has_snapshot:
                _is_back(guest)
        return ending

    def _stage(self, guest: Guest, folder: Path) -> Stage:
        return Stage(guest, self._inventory, self._releases, folder)

    def _clean(self, stage: Stage) -> None:
        """Make the older kernel run, and nothing be left of other stories."""
        if stage.guest.has_snapshot:
            # The first one finds the guest as it went on from its snapshot.
            if stage.guest.name in self._used:
                stage.guest.go_back()
            self._used.add(stage.guest.name)
            return
        stage.sh(_CLEAN)
        stage.default(stage.old)
        if stage.running() != stage.old or stage.sh("cat /proc/sys/kernel/tainted") != "0":
            stage.cold_boot()


def _is_back(guest: Guest) -> bool:
    """Switch a guest off and on; whether it can be used again."""
    try:
        guest.recover()
    except (GuestError, LabError) as error:
        print(f"[{guest.name}] is lost: {error}", flush=True)
        return False
    return True


def _folder(name: str) -> Path:
    """The empty folder of a story."""
    folder = RESULTS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _ending(story: Story | FleetStory, guest: str, tell: Callable[[], None]) -> Ending:
    """Tell the story, and say how it ended."""
    began, trouble = time.monotonic(), None
    try:
        tell()
    except (StoryError, GuestError, LabError, subprocess.SubprocessError, OSError) as error:
        trouble = str(error)
    except Exception:
        # The others are told nevertheless.
        trouble = traceback.format_exc()
    ending = Ending(story, guest, trouble, time.monotonic() - began)
    print(f"[{guest}] {ending}" + (f"\n    {trouble}" if trouble else ""), flush=True)
    return ending


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the stories; the status is 1 when any goes otherwise than it must."""
    parser = argparse.ArgumentParser(prog="stories", description="Bad days on real guests.")
    parser.add_argument("names", nargs="*", metavar="STORY", help="only these")
    parser.add_argument("--representative", action="store_true", help="only a few, of the most telling kinds")
    parser.add_argument("--guests", type=int, default=FLEET, help=f"plain guests that take turns (default: {FLEET})")
    parser.add_argument("--list", action="store_true", help="name them, and tell none")
    parsed = parser.parse_args(arguments)
    everything: list[Story | FleetStory] = [*STORIES, *FLEET_STORIES]
    unknown = sorted(set(parsed.names) - {story.name for story in everything})
    if unknown:
        parser.error(f"no story {', '.join(unknown)}; --list names all")
    chosen = sorted((story for story in everything if _is_wanted(story, parsed)), key=_place(parsed.names))
    if parsed.list:
        print("\n".join(f"{story.name:<50} {(story.tell.__doc__ or '').splitlines()[0]}" for story in chosen))
        return 0
    try:
        endings = _tell(chosen, parsed.guests)
    finally:
        run.down(RUN)
    _report(endings, [story for story in everything if story not in chosen])
    return 0 if endings and not any(ending.trouble for ending in endings) else 1


def _place(names: Sequence[str]) -> Callable[[Story | FleetStory], int]:
    """In the order in which they were asked for."""
    return lambda story: names.index(story.name) if names else 0


def _is_wanted(story: Story | FleetStory, parsed: argparse.Namespace) -> bool:
    if parsed.names:
        return story.name in parsed.names
    return story.representative or not parsed.representative


def _tell(chosen: Sequence[Story | FleetStory], plain_guests: int) -> list[Ending]:
    shares = _shares([story for story in chosen if isinstance(story, Story)], plain_guests)
    of_all = [story for story in chosen if isinstance(story, FleetStory)]
    fleet = [f"plain-{number + 1}" for number in range(FLEET)] if of_all else []
    told = {**{name: [] for name in fleet}, **shares}
    of_fleet = {kernel for story in of_all for kernel in story.kernels}
    wanted = {
        name: sorted({"new", *(k for story in share for k in story.kernels), *(of_fleet if name in fleet else ())})
        for name, share in told.items()
    }
    offered = sorted({"old", *(kernel for names in wanted.values() for kernel in names)})
    releases = {kernel.name: kernel.release for kernel in kernels.ensure(offered)}
    guests = {name: share[0].kind if share else PLAIN for name, share in told.items()}
    owner, cold = default_owner(os.environ), run.is_cold(os.environ)
    inventory = run.up(run.Request(RUN, guests, offered, owner, _BOOT_WITHIN, wanted, cold))
    teller = Storyteller(inventory, releases)

    def tell_on(name: str) -> list[Ending]:
        return teller.tell_all(name, told[name]) if told[name] else []

    with ThreadPoolExecutor() as pool:
        endings = [ending for endings in pool.map(tell_on, told) for ending in endings]
    return endings + (teller.tell_of_all(fleet, of_all) if of_all else [])


def _shares(chosen: Sequence[Story], guests: int) -> dict[str, list[Story]]:
    """Which guest tells which: so many plain ones take turns, and each other kind has one. None without stories.

    Turns go to and fro: who tells one more than others has not had the first of each round.
    """
    plain = [story for story in chosen if story.kind == PLAIN]
    given: dict[str, list[Story]] = {f"plain-{number + 1}": [] for number in range(guests)}
    names = list(given)
    for turn, story in enumerate(plain):
        number = turn % guests
        given[names[number if turn // guests % 2 == 0 else guests - 1 - number]].append(story)
    for story in chosen:
        if story.kind != PLAIN:
            given.setdefault(story.kind, []).append(story)
    return {guest: share for guest, share in given.items() if share}


def _report(endings: Sequence[Ending], others: Sequence[Story | FleetStory]) -> None:
    print()
    for ending in endings:
        print(ending)
    for story in others:
        print(f"not told here: {story.name}")
    print(f"{sum(ending.trouble is None for ending in endings)} of {len(endings)} went as they must")


if __name__ == "__main__":
    sys.exit(main())
