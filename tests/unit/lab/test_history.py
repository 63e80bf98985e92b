# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot histories from consoles and events that were written for the story that they tell."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.events import Event
from lab.history import Boot, boots

FIRMWARE = b'\x1b[2J\x1b[01;01HBdsDxe: starting Boot0001 "UEFI Misc Device"\r\n'
JUMP = b"[   26.675201] kexec_core: Starting new kernel\r\n"


def kernel(release: str, *lines: str) -> bytes:
    """The console of a kernel that starts."""
    said = "".join(f"[    0.778005] {line}\r\n" for line in lines)
    return f"[    0.000000] Linux version {release} (lab@lab) (gcc) #1 SMP\r\n{said}".encode()


@dataclass
class Story:
    """A console that grows, and the events that happen meanwhile."""

    console: bytes = b""
    events: list[Event] = field(default_factory=list)

    def writes(self, *texts: bytes) -> Story:
        self.console += b"".join(texts)
        return self

    def has(self, event: str, **data: object) -> Story:
        self.events.append(Event(event, "2026-11-22T15:00:00.000+00:00", 1.0, len(self.console), data))
        return self

    @property
    def boots(self) -> list[Boot]:
        return boots(self.console, self.events)


def told(story: Story) -> list[tuple[str, str | None]]:
    return [(boot.cause, boot.release) for boot in story.boots]


def test_a_guest_that_said_nothing_was_switched_on() -> None:
    assert told(Story()) == [("power_on", None)]


def test_the_first_kernel_belongs_to_the_power_on() -> None:
    assert told(Story().has("RESUME").writes(FIRMWARE, kernel("7.2.13-kho"))) == [("power_on", "7.2.13-kho")]


def test_a_kernel_without_a_reset_before_it_is_a_kexec() -> None:
    story = Story().writes(
        FIRMWARE, kernel("7.2.13-kho"), JUMP, kernel("7.3.4-kho", "KHO: exec from: 7.2.13-kho (count 1)")
    )
    assert told(story) == [("power_on", "7.2.13-kho"), ("kexec", "7.3.4-kho")]
    assert story.boots[0].kho == ()
    assert story.boots[1].kho == ("KHO: exec from: 7.2.13-kho (count 1)",)


@pytest.mark.parametrize("crash", ["Kernel panic - not syncing: sysrq triggered crash", "Oops: 0002 [#1] SMP"])
def test_a_crash_kernel_is_a_kexec_although_no_jump_was_announced(crash: str) -> None:
    assert told(Story().writes(kernel("7.2.13-kho", crash), kernel("7.3.4-kho"))) == [
        ("power_on", "7.2.13-kho"),
        ("kexec", "7.3.4-kho"),
    ]


def test_a_panic_that_leads_to_a_reset_is_no_kexec() -> None:
    story = (
        Story().writes(kernel("7.3.4-kho", "Kernel panic - not syncing: x")).has("RESET").writes(kernel("7.2.13-kho"))
    )
    assert told(story) == [("power_on", "7.3.4-kho"), ("reset", "7.2.13-kho")]


@pytest.mark.parametrize("reason", ["guest-reset", "host-qmp-system-reset"])
def test_a_reset_is_a_cold_boot_with_its_reason(reason: str) -> None:
    story = Story().writes(FIRMWARE, kernel("7.2.13-kho")).has("RESET", guest=True, reason=reason)
    story.writes(FIRMWARE, kernel("7.2.13-kho"))
    assert told(story) == [("power_on", "7.2.13-kho"), ("reset", "7.2.13-kho")]
    assert story.boots[1].reason == reason
    assert not story.boots[1].watchdog


def test_a_reset_by_the_watchdog_is_marked_once() -> None:
    story = Story().writes(kernel("7.3.4-kho")).has("WATCHDOG", action="reset").has("RESET", reason="guest-reset")
    story.writes(kernel("7.2.13-kho")).has("RESET", reason="guest-reset").writes(kernel("7.2.13-kho"))
    assert [boot.watchdog for boot in story.boots] == [False, True, False]


def test_a_jump_to_a_kernel_that_stays_silent_is_a_boot_without_a_release() -> None:
    story = Story().writes(kernel("7.2.13-kho"), JUMP).has("RESET").writes(FIRMWARE, kernel("7.2.13-kho"))
    assert told(story) == [("power_on", "7.2.13-kho"), ("kexec", None), ("reset", "7.2.13-kho")]


def test_a_jump_that_a_reset_overtakes_is_not_the_cause_of_the_next_kernel() -> None:
    story = (
        Story()
        .writes(kernel("a"), JUMP, kernel("b"))
        .has("RESET", reason="guest-reset")
        .writes(kernel("c"), JUMP, kernel("d"))
    )
    assert told(story) == [("power_on", "a"), ("kexec", "b"), ("reset", "c"), ("kexec", "d")]


def test_firmware_that_resets_itself_is_a_boot_without_a_release() -> None:
    story = Story().writes(FIRMWARE).has("RESET").writes(FIRMWARE, kernel("7.2.13-kho"))
    assert told(story) == [("power_on", None), ("reset", "7.2.13-kho")]


def test_other_events_are_no_boots() -> None:
    story = (
        Story()
        .has("RESUME")
        .writes(kernel("a"))
        .has("RTC_CHANGE", offset=1)
        .has("NIC_RX_FILTER_CHANGED")
        .has("SHUTDOWN")
    )
    assert told(story) == [("power_on", "a")]


def test_a_log_that_is_printed_again_is_no_boot() -> None:
    booted = kernel("7.3.4-kho", "KHO: found kexec handover data.")
    (boot,) = Story().writes(booted, b"# dmesg\r\n", booted).boots
    assert (boot.release, boot.kho) == ("7.3.4-kho", ("KHO: found kexec handover data.",))


@pytest.mark.parametrize(
    "line",
    [
        "KHO: found kexec handover data.",
        "KHO: setup: handover FDT (0x19c000) is incompatible with 'kho-v9': 1",
        "Passed KHO data, but CONFIG_KEXEC_HANDOVER not set. Ignoring.",
        "luo: Disabling liveupdate because KHO is disabled",
    ],
)
def test_what_kernels_say_of_the_handover_is_kept(line: str) -> None:
    assert Story().writes(kernel("a", "something else", line)).boots[0].kho == (line,)


def test_what_a_guest_writes_is_bounded_and_printable() -> None:
    (boot,) = Story().writes(b"[    0.000000] Linux version \x1b[31m7.3\xff\x07 (x)\r\n[    0.1] KHO: no\n").boots
    assert boot.release == "7.3??"
    (boot,) = Story().writes(b"[    0.500000] KHO: " + b"x" * 5000 + b"\r\n").boots
    assert [len(line) for line in boot.kho] == [305]


@given(st.lists(st.sampled_from([FIRMWARE, JUMP, kernel("a"), kernel("b", "KHO: x")])), st.data())
def test_boots_are_in_order_and_begin_with_the_power_on(parts: list[bytes], data: st.DataObject) -> None:
    console = b"".join(parts)
    offsets = sorted(data.draw(st.lists(st.integers(0, len(console)), max_size=5)))
    found = boots(console, [Event("RESET", "", 0.0, offset) for offset in offsets])
    assert found[0].cause == "power_on"
    assert [boot.offset for boot in found] == sorted(boot.offset for boot in found)
    assert sum(boot.cause == "reset" for boot in found) == len(offsets)
    assert sum(boot.cause == "kexec" for boot in found) == console.count(JUMP)
