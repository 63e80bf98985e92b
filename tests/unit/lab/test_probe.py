# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the ROM of the probe guest is put together, and that its status is one of a kind."""

from __future__ import annotations

import signal

import pytest

from lab import probe


def test_the_processor_starts_in_a_rom_of_64_kib() -> None:
    assert len(probe.ROM) == 1 << 16
    assert probe.ROM[-16:].startswith(probe.RESET)


def test_a_jump_leads_from_the_reset_vector_to_the_start() -> None:
    behind_the_jump = len(probe.ROM) - 16 + len(probe.RESET)
    distance = int.from_bytes(probe.RESET[1:], "little", signed=False)
    target = (behind_the_jump + distance) % (1 << 16)
    assert probe.ROM[target:].startswith(probe.REAL)


def test_parts_stand_at_their_offsets() -> None:
    assert probe.assemble({4: b"cd", 1: b"ab"}, 8) == b"\0ab\0cd\0\0"


@pytest.mark.parametrize(("parts", "words"), [({0: b"abc", 2: b"d"}, "inside"), ({7: b"ab"}, "beyond")])
def test_parts_that_do_not_fit_are_refused(parts: dict[int, bytes], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        probe.assemble(parts, 8)


def test_nothing_else_ends_qemu_with_this_status() -> None:
    of_shells = {128 + number for number in signal.valid_signals()}
    of_the_first_probe = 0x31 << 1 | 1
    of_registers_that_hold_nothing = {0 << 1 | 1, (0xFF << 1 | 1) & 0xFF}
    assert probe.STATUS not in {0, 1, of_the_first_probe} | of_registers_that_hold_nothing | of_shells
    assert 0 < probe.STATUS < 128


def test_no_instruction_holds_the_report() -> None:
    report = probe.STATUS >> 1
    code = [probe.REAL, probe.PROTECTED, probe.LONG, probe.UPPER_HALF, probe.PAGE_FAULT]
    assert not any(report in part for part in code)
