# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which accelerator is chosen, and that it is not asked for again and again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab import accel, probe
from lab.qemu import Accelerator


@pytest.fixture(autouse=True)
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setattr(accel, "_DEVICE", device)
    return device


class Probe:
    """Stands in for the probe guest: answers the same each time, and counts."""

    def __init__(self, failure: str | None) -> None:
        self._failure = failure
        self.runs = 0

    def __call__(self, accelerator: Accelerator) -> str | None:
        assert accelerator is Accelerator.KVM
        self.runs += 1
        return self._failure


@pytest.mark.parametrize(
    ("failure", "chosen", "words"),
    [
        (None, Accelerator.KVM, "a probe guest ran in 64-bit mode with paging"),
        ("failed to set MSR", Accelerator.TCG, "a probe guest failed: failed to set MSR"),
    ],
)
def test_the_probe_decides_once_per_boot(
    monkeypatch: pytest.MonkeyPatch, failure: str | None, chosen: Accelerator, words: str
) -> None:
    probe = Probe(failure)
    monkeypatch.setattr(accel, "probe_failure", probe)
    first, second = accel.choose(), accel.choose()
    assert first == second
    assert first.accelerator is chosen
    assert words in str(first)
    assert probe.runs == 1


def test_another_boot_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Probe(None)
    monkeypatch.setattr(accel, "probe_failure", probe)
    accel.choose()
    monkeypatch.setattr(accel, "_key", lambda: "another boot")
    accel.choose()
    assert probe.runs == 2


def test_another_version_of_the_probe_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = Probe(None)
    monkeypatch.setattr(accel, "probe_failure", outcome)
    accel.choose()
    monkeypatch.setattr(probe, "VERSION", "another probe")
    accel.choose()
    assert outcome.runs == 2


def test_what_the_first_probe_found_out_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = Probe("it did not end within 20 s")
    monkeypatch.setattr(accel, "probe_failure", outcome)
    memory = tmp_path / "cache" / "kho-kexec-lab" / "accelerator.json"
    memory.parent.mkdir(parents=True)
    key_without_version = accel._key().rpartition(" ")[0]
    memory.write_text(json.dumps({"key": key_without_version, "accelerator": "kvm", "reason": "a probe guest ran"}))
    assert accel.choose().accelerator is Accelerator.TCG
    assert outcome.runs == 1


def test_a_memory_that_cannot_be_read_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Probe(None)
    monkeypatch.setattr(accel, "probe_failure", probe)
    accel.choose()
    (tmp_path / "cache" / "kho-kexec-lab" / "accelerator.json").write_text('{"key"')
    assert accel.choose().accelerator is Accelerator.KVM
    assert probe.runs == 2


def test_without_a_device_nothing_is_probed(monkeypatch: pytest.MonkeyPatch, device: Path) -> None:
    device.unlink()
    probe = Probe(None)
    monkeypatch.setattr(accel, "probe_failure", probe)
    choice = accel.choose()
    assert (choice.accelerator, probe.runs) == (Accelerator.TCG, 0)
    assert "is not there" in choice.reason
