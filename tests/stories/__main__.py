# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the stories: ``python -m stories``, some of them by name, or a representative part with ``--representative``.

Each story begins with a guest that runs the older kernel, with nothing staged, armed or remembered. Guests tell theirs
side by side. What a playbook said is kept in build/stories/STORY/.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import kernels, run
from lab.errors import LabError
from matrix.cells import INITRAMFS, PLAIN
from matrix.guest import Guest, GuestError, install
from tools.layout import ROOT

from . import controllers, hosts, targets
from .show import StoryError
from .stage import Stage
from .story import STORIES, Story

RUN = "stories"
RESULTS = ROOT / "build" / "stories"
MODULES = (targets, hosts, controllers)
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

    story: Story
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

    def tell_all(self, name: str, stories: Sequence[Story]) -> list[Ending]:
        """Tell these on the guest of this name, one after the other."""
        guest = Guest(RUN, name, stories[0].kind)
        guest.learn()
        return [self._tell(guest, story) for story in stories]

    def _tell(self, guest: Guest, story: Story) -> Ending:
        began, trouble = time.monotonic(), None
        folder = RESULTS / story.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        stage = Stage(guest, self._inventory, self._releases, folder)
        try:
            self._clean(stage)
            story.tell(stage)
        except (StoryError, GuestError, LabError, subprocess.SubprocessError, OSError) as error:
            trouble = str(error)
        seconds = time.monotonic() - began
        ending = Ending(story, guest.name, trouble, seconds)
        print(f"[{guest.name}] {ending}" + (f"\n    {trouble}" if trouble else ""), flush=True)
        if story.scars or trouble is not None:
            guest.recover()
        return ending

    def _clean(self, stage: Stage) -> None:
        """Make the older kernel run, and nothing be left of other stories."""
        stage.sh(_CLEAN)
        entry = stage.sh("grep -o 'gnulinux-advanced-[0-9a-f-]*' /boot/grub/grub.cfg | head -n1")
        stage.sh(f"grub-set-default '{entry}>gnulinux-{stage.old}-{entry.removeprefix('gnulinux-')}'; sync -f /boot")
        if stage.running() != stage.old or stage.sh("cat /proc/sys/kernel/tainted") != "0":
            stage.cold_boot()


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the stories; the status is 1 when any goes otherwise than it must."""
    parser = argparse.ArgumentParser(prog="stories", description="Bad days on real guests.")
    parser.add_argument("names", nargs="*", metavar="STORY", help="only these")
    parser.add_argument("--representative", action="store_true", help="only a few, of the most telling kinds")
    parser.add_argument("--guests", type=int, default=2, help="how many plain guests take turns (default: 2)")
    parser.add_argument("--list", action="store_true", help="name them, and tell none")
    parsed = parser.parse_args(arguments)
    unknown = sorted(set(parsed.names) - {story.name for story in STORIES})
    if unknown:
        parser.error(f"no story {', '.join(unknown)}; --list names all")
    chosen = sorted((story for story in STORIES if _is_wanted(story, parsed)), key=_place(parsed.names))
    if parsed.list:
        print("\n".join(f"{story.name:<50} {(story.tell.__doc__ or '').splitlines()[0]}" for story in chosen))
        return 0
    try:
        endings = _tell(chosen, parsed.guests)
    finally:
        run.down(RUN)
    _report(endings, [story for story in STORIES if story not in chosen])
    return 0 if endings and not any(ending.trouble for ending in endings) else 1


def _place(names: Sequence[str]) -> Callable[[Story], int]:
    """In the order in which they were asked for."""
    return lambda story: names.index(story.name) if names else 0


def _is_wanted(story: Story, parsed: argparse.Namespace) -> bool:
    if parsed.names:
        return story.name in parsed.names
    return story.representative or not parsed.representative


def _tell(chosen: Sequence[Story], plain_guests: int) -> list[Ending]:
    shares = _shares(chosen, plain_guests)
    wanted = {name: sorted({"new", *(k for story in share for k in story.kernels)}) for name, share in shares.items()}
    offered = sorted({"old", *(kernel for names in wanted.values() for kernel in names)})
    releases = {kernel.name: kernel.release for kernel in kernels.ensure(offered)}
    guests = {name: share[0].kind for name, share in shares.items()}
    owner = run.default_owner(os.environ)
    inventory = run.up(run.Request(RUN, guests, offered, owner, _BOOT_WITHIN))
    teller = Storyteller(inventory, releases)

    def tell_on(name: str) -> list[Ending]:
        install(name, wanted[name], inventory)
        return teller.tell_all(name, shares[name])

    with ThreadPoolExecutor() as pool:
        return [ending for endings in pool.map(tell_on, shares) for ending in endings]


def _shares(chosen: Sequence[Story], guests: int) -> dict[str, list[Story]]:
    """Which guest tells which: so many plain ones take turns. None without stories."""
    plain = [story for story in chosen if story.kind == PLAIN]
    given = {
        **{f"plain-{number + 1}": plain[number::guests] for number in range(guests)},
        "initramfs": [story for story in chosen if story.kind == INITRAMFS],
    }
    return {guest: share for guest, share in given.items() if share}


def _report(endings: Sequence[Ending], others: Sequence[Story]) -> None:
    print()
    for ending in endings:
        print(ending)
    for story in others:
        print(f"not told here: {story.name}")
    print(f"{sum(ending.trouble is None for ending in endings)} of {len(endings)} went as they must")


if __name__ == "__main__":
    sys.exit(main())
