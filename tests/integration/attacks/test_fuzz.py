# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged answers: whatever a host says is understood or refused, and nobody who uses it stumbles."""

from __future__ import annotations

import random

import pytest
from fuzz.answers import one_case


@pytest.mark.parametrize("seed", range(10))
def test_damaged_answers(seed: int) -> None:
    for number in range(100):
        one_case(random.Random(f"{seed} {number}"))
