# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The curves of boots without a crash as drawings. Pure.

A transition is a full line and cold boots are a dashed one, both in the colour of the text: that can be read in light
and dark, in print, and by the colour-blind. Below stands how many boots ran that long.
"""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.survival import TICKS, Curve, Survival

LEFT, TOP, WIDTH, HEIGHT, LINE = 78, 12, 500, 170, 15
LEAST_LOSS = 0.01
"""The lower end of the scale is this far below 100 % at least."""


class Drawing(NamedTuple):
    """A drawing, and the same in words."""

    said: str
    svg: Markup


def drawing(name: str, of: Survival) -> Drawing:
    """Draw a transition, called ``name``, beside cold boots of its release."""
    curves = [(name, of.after, ""), *([("cold boots", of.cold, "5 4")] if of.cold else [])]
    lost = max([LEAST_LOSS, *(1 - one.share[-1] for _name, one, _dash in curves if one.share)])
    parts = [_axes(of.after.until, lost)]
    for row, (_name, one, dash) in enumerate(curves):
        parts.append(
            Markup('<path d="{}" fill="none" stroke="currentColor" stroke-width="2"{}/>').format(
                _path(one, lost), Markup(f' stroke-dasharray="{dash}"') if dash else ""
            )
        )
        parts += _numbers(one, "cold" if dash else "after", row)
    height = TOP + HEIGHT + LINE * (len(curves) + 3)
    said = f"{name}: {_end(of.after)}" + (f" Cold boots: {_end(of.cold)}" if of.cold else " No cold boots.")
    svg = Markup('<svg class="survival" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        LEFT + WIDTH + 30, height, said, Markup("").join(parts)
    )
    return Drawing(said, svg)


def _end(of: Curve) -> str:
    share = of.share[-1] if of.share else 1.0
    return f"{100 * share:.3g} % of {of.boots} boots without a crash after {of.until:.3g} hours."


def _x(hours: float, until: float) -> float:
    return LEFT + WIDTH * (hours / until if until else 0.0)


def _y(share: float, lost: float) -> float:
    return TOP + HEIGHT * (1 - share) / lost


def _path(of: Curve, lost: float) -> str:
    """A line that goes down where boots crashed."""
    steps = [f"M{LEFT},{TOP}"]
    for hours, share in zip(of.hours, of.share, strict=True):
        steps.append(f"H{_x(hours, of.until):.1f}V{_y(share, lost):.1f}")
    return "".join([*steps, f"H{LEFT + WIDTH}"])


def _text(x: float, y: float, words: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" fill="currentColor">{}</text>').format(
        x, y, anchor, words
    )


def _axes(until: float, lost: float) -> Markup:
    frame = Markup('<path d="M{},{}V{}H{}" fill="none" stroke="currentColor" stroke-opacity=".5"/>').format(
        LEFT, TOP, TOP + HEIGHT, LEFT + WIDTH
    )
    words = [_text(LEFT - 6, _y(share, lost) + 4, f"{100 * share:.4g} %", "end") for share in (1, 1 - lost)]
    words += [
        _text(LEFT + WIDTH * at / TICKS, TOP + HEIGHT + LINE, f"{until * at / TICKS:.3g} h", "middle")
        for at in range(TICKS + 1)
    ]
    return Markup("").join([frame, *words])


def _numbers(of: Curve, name: str, row: int) -> list[Markup]:
    """How many boots ran that long, below each mark of the scale."""
    y = TOP + HEIGHT + LINE * (row + 2) + 6
    words = [_text(4, y, f"{name}:", "start")]
    return words + [_text(LEFT + WIDTH * at / TICKS, y, str(number), "middle") for at, number in enumerate(of.at_risk)]
