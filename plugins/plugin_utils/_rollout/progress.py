# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a rollout is, in one line, and how long it will take. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted
from ansible_collections.kho.kexec.plugins.plugin_utils._common.table import fit
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import (
    DONE,
    FAILED,
    IN_FLIGHT,
    NOT_KNOWN,
    ROLLED_BACK,
    UNTOUCHED,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.run_log import RunLog, Wave

WIDEST_BAR, NARROWEST_BAR = 40, 6
ASCII_BLOCKS, BLOCKS = ("#", "-"), ("\N{FULL BLOCK}", "\N{LIGHT SHADE}")


@dataclass(frozen=True)
class Progress:
    """How far a rollout is. ``settled`` of ``size`` hosts of the wave are not in flight any more.

    ``waves``, ``untouched`` and ``seconds_left`` are None when nobody knows. ``is_look``: check mode looks at all hosts
    at once, whatever waves there would be.
    """

    wave: int
    waves: int | None
    settled: int
    size: int
    done: int
    failed: int
    in_flight: int
    untouched: int | None
    seconds_left: float | None
    is_look: bool = False


def progress_of(run_log: RunLog, wave: Wave, now: float) -> Progress:
    """Return how far the rollout is in ``wave``, which is its last one."""
    counts, waves = run_log.counts, run_log.planned_waves
    return Progress(
        wave=wave.number,
        waves=waves,
        settled=run_log.settled,
        size=len(wave.hosts),
        done=counts[DONE],
        failed=counts[FAILED] + counts[ROLLED_BACK] + counts[NOT_KNOWN],
        in_flight=counts[IN_FLIGHT],
        untouched=None if waves is None else counts[UNTOUCHED],
        seconds_left=None if waves is None else _seconds_left(run_log, wave, waves - wave.number, now),
        is_look=run_log.waves_of_plan is not None,
    )


def _seconds_left(run_log: RunLog, wave: Wave, waves_to_come: int, now: float) -> float | None:
    """Estimate: each wave takes as long as the last one in which hosts jumped, or else as the slowest host of this one.

    None until that is known, and when this wave, the last one, already takes longer.
    """
    known = run_log.last_working_wave
    typical = run_log.slowest if known is None or known.end is None else known.end - known.begin
    if typical is None:
        return None
    here = 0.0 if wave.end is not None else max(0.0, typical - (now - wave.begin))
    return here + waves_to_come * typical or None


def line(progress: Progress, width: int, ascii_only: bool) -> str:
    """Return the progress with a bar for the hosts of the wave, at most ``width`` columns wide."""
    head, tail = wave_name(progress), numbers(progress)
    room = min(width - len(head) - len(tail) - 4, WIDEST_BAR)
    if room < NARROWEST_BAR:
        return fit(f"{head} {tail}", width)
    full, empty = ASCII_BLOCKS if ascii_only else BLOCKS
    filled = room * progress.settled // max(progress.size, 1)
    return f"{head} [{full * filled}{empty * (room - filled)}] {tail}"


def wave_name(progress: Progress) -> str:
    """Return ``wave 2/4``; without the total when nobody knows."""
    if progress.is_look:
        return "plan"
    return f"wave {progress.wave}/{'?' if progress.waves is None else progress.waves}"


def numbers(progress: Progress) -> str:
    """Return how many hosts of the whole run are where, and the time left."""
    if progress.is_look:
        return f"{progress.settled} of {counted(progress.size, 'host')} looked at"
    untouched = "?" if progress.untouched is None else progress.untouched
    counts = f"{progress.done} done, {progress.failed} failed, {progress.in_flight} in flight, {untouched} untouched"
    is_over = progress.in_flight == 0 and progress.untouched == 0
    return counts if is_over else f"{counts}, {about(progress.seconds_left)} left"


def clock(seconds: float) -> str:
    """Return a time since the begin as ``0:12:33``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def about(seconds: float | None) -> str:
    """Return an estimate in the unit that it deserves; ``?`` for None."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"~{max(round(seconds, -1), 10):.0f} s"
    return f"~{seconds / 60:.0f} min" if seconds < 90 * 60 else f"~{seconds / 3600:.1f} h"
