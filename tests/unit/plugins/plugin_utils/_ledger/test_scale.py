# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.scale import STEPS, STYLE, VIRIDIS, step


def luminance(colour: str) -> float:
    """Return the relative luminance (Web Content Accessibility Guidelines 2.2)."""
    shares = [value / 255 for value in bytes.fromhex(colour.removeprefix("#"))]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_scale_can_be_read_without_colours(is_dark: bool) -> None:
    cells = re.findall(r"\.(rate\d)\{background-color:(#\w{6});color:#(\w{3})\}", STYLE.split("@media")[is_dark])
    assert [name for name, _ground, _ink in cells] == list(STEPS)
    light = [luminance(ground) for _name, ground, _ink in cells]
    assert light == sorted(light, reverse=not is_dark), "few crashes are like the paper"
    for _name, ground, ink in cells:
        contrast = 1.05 / (luminance(ground) + 0.05) if ink == "fff" else (luminance(ground) + 0.05) / 0.05
        assert contrast >= 4.5, f"{ink} on {ground}"


@pytest.mark.parametrize(
    ("rate", "most", "place"), [(0.0, 0.0, 0), (0.0, 0.1, 0), (0.1, 0.1, -1), (1.0, 0.1, -1), (0.05, 0.1, 4)]
)
def test_step(rate: float, most: float, place: int) -> None:
    assert step(rate, most) == STEPS[place]
    assert len(STEPS) == len(VIRIDIS)
