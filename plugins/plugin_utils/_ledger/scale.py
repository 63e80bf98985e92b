# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The colours of the matrix: few crashes are like the paper, light or dark, and many stand out from it. Pure.

They are of the scale viridis (matplotlib, CC0), whose lightness is even: it can be read without colours, too.
"""

from __future__ import annotations

VIRIDIS = ("#fde725", "#addc30", "#5ec962", "#28ae80", "#21918c", "#2c728e", "#3b528b", "#472d7b", "#440154")
STEPS = tuple(f"rate{at}" for at in range(len(VIRIDIS)))
"""The classes of cells, from the fewest crashes to the most."""
WHITE_FROM = 5
"""From this colour on, text is white, which has the better contrast there."""


def step(rate: float, most: float) -> str:
    """Return the class of a cell; ``most`` is the rate at the end of the scale."""
    share = min(rate / most, 1.0) if most else 0.0
    return STEPS[round(share * (len(STEPS) - 1))]


def _look(place: int) -> str:
    return f"background-color:{VIRIDIS[place]};color:{'#fff' if place >= WHITE_FROM else '#000'}"


def _classes(places: range) -> str:
    return "".join(f".{name}{{{_look(place)}}}" for name, place in zip(STEPS, places, strict=True))


STYLE = (
    _classes(range(len(VIRIDIS)))
    + "@media screen and (prefers-color-scheme:dark){"
    + _classes(range(len(VIRIDIS) - 1, -1, -1))
    + "}"
)
