# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe guest in QEMU: the translator gets it to its end, and no part of the way can be left out."""

from __future__ import annotations

import pytest

from lab import accel, probe
from lab.qemu import Accelerator

_HALT = b"\xf4"
_NOP = b"\x90"
_REPORT_99 = b"\xb0\x31\xe6\xf4"  # mov al, 0x31; out 0xf4, al


def parts(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("part", [pytest.param(getattr(probe, name), id=name) for name in names])


def with_part(part: bytes, instead: bytes, filling: bytes = _NOP) -> bytes:
    """The ROM with other code in place of this part."""
    assert probe.ROM.count(part) == 1
    return probe.ROM.replace(part, instead.ljust(len(part), filling))


def test_the_translator_gets_to_the_end() -> None:
    assert accel.probe_failure(Accelerator.TCG) is None


@parts("REAL", "TO_LONG_MODE", "LONG", "UPPER_HALF")
def test_a_guest_that_stops_on_the_way_fails(monkeypatch: pytest.MonkeyPatch, part: bytes) -> None:
    monkeypatch.setattr(accel, "_PROBE_SECONDS", 2.0)
    assert accel.probe_failure(Accelerator.TCG, with_part(part, _HALT, _HALT)) == "it did not end within 2 s"


@parts("REAL", "TO_LONG_MODE")
def test_a_report_from_before_long_mode_is_not_believed(part: bytes) -> None:
    assert accel.probe_failure(Accelerator.TCG, with_part(part, _REPORT_99)) == "QEMU ended with status 99"


@parts("PAGE_TABLES", "GDT", "IDT", "PAGE_FAULT")
def test_without_its_tables_or_its_handler_the_guest_resets(part: bytes) -> None:
    assert accel.probe_failure(Accelerator.TCG, with_part(part, b"", b"\0")) == "it reset itself"


@pytest.mark.parametrize(
    "instruction",
    [
        pytest.param(b"\x48\x01\xc8", id="the sum of 64 bits"),
        pytest.param(b"\x48\x8b\x16", id="the read through the second mapping"),
        pytest.param(b"\x48\x8b\x1e", id="the read that faults"),
    ],
)
def test_each_check_counts(instruction: bytes) -> None:
    assert probe.UPPER_HALF.count(instruction) == 1
    without = probe.UPPER_HALF.replace(instruction, _NOP * len(instruction))
    failure = accel.probe_failure(Accelerator.TCG, with_part(probe.UPPER_HALF, without))
    assert failure is not None
    assert failure.startswith("QEMU ended with status")


def test_what_qemu_says_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Accelerator, "arguments", ["-accel", "missing"])
    failure = accel.probe_failure(Accelerator.TCG)
    assert failure is not None
    assert failure.startswith("QEMU ended with status 1 and QEMU said: ")
    assert "missing" in failure
