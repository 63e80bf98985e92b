# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe through a jump host, with programs in place of ``ssh -W``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._jump import through
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.through import ThroughProbe

BANNER = "echo hello; printf SS; sleep 0.05; echo H-2.0-test; exec cat"
"""As ``ssh -W``, it goes on until its input ends."""


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("LOOK_EVERY", 0.3), ("REFUSED_EVERY", 0.2), ("LOOK_LASTS", 3.0), ("PATIENT_TIMEOUT", 3.0)):
        monkeypatch.setattr(through, name, seconds)


@contextmanager
def asking(script: str) -> Iterator[ThroughProbe]:
    with closing(ThroughProbe(["sh", "-c", script])) as probe:
        yield probe


def test_ssh_server_answers_and_nothing_stays_open() -> None:
    with asking(BANNER) as probe:
        assert probe.calibrate() is True
        assert probe() is True
        assert probe._looks == []


@pytest.mark.parametrize("script", ["exit 1", "echo 220 mail ESMTP", "exec yes"])
def test_what_is_no_ssh_server_is_no_answer_and_is_not_asked_again_at_once(script: str) -> None:
    with asking(script) as probe:
        began = time.monotonic()
        assert probe() is False
        assert time.monotonic() - began >= 0.2
        assert probe._looks == []


def test_program_that_cannot_be_started_is_no_answer() -> None:
    with closing(ThroughProbe(["/nonexistent/ssh"])) as probe:
        assert probe.calibrate() is False
        assert probe() is False


def test_look_goes_on_while_others_begin(tmp_path: Path) -> None:
    """The first of three has the answer: who is slow to send a banner is waited for, and asked anew meanwhile."""
    begun = tmp_path / "begun"
    first = f"if mkdir {begun}; then sleep 0.7; echo SSH-2.0-test; fi; exec cat"
    with asking(first) as probe:
        assert [probe(), probe(), probe()] == [False, False, True]
        assert probe._looks == []


def test_look_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(through, "LOOK_LASTS", 0.5)
    with asking("exec cat") as probe:
        processes = []
        for _look in range(4):
            assert probe() is False
            processes += [look.process for look in probe._looks if look.process not in processes]
        assert len(processes) == 4
        assert len(probe._looks) <= 2
    assert all(process.poll() is not None for process in processes)


def test_host_that_cannot_be_asked_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(through, "PATIENT_TIMEOUT", 0.2)
    with asking("exec cat") as probe:
        assert probe.calibrate() is False
        assert probe._looks == []


def test_what_it_has_started_ends_with_a_look_too(tmp_path: Path) -> None:
    """As the ssh of a jump host before the last, which notices no end of its input while it connects."""
    alive = tmp_path / "alive"
    with asking(f"(while sleep 0.05; do echo >> {alive}; done) & exec cat") as probe:
        assert probe() is False
        assert alive.exists()
    size = alive.stat().st_size
    time.sleep(0.3)
    assert alive.stat().st_size == size


def test_look_ends_where_its_group_cannot_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, for one that has ended."""

    def denied(_group: int, _signal: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(through.os, "killpg", denied)
    with asking("exec cat") as probe:
        assert probe() is False
        process = probe._looks[0].process
    assert process.poll() is not None


def test_nothing_can_be_asked_on_the_terminal(tmp_path: Path) -> None:
    session = tmp_path / "session"
    with asking(f"cut -d' ' -f6 /proc/$$/stat > {session}; exec cat") as probe:
        assert probe() is False
        assert session.read_text().strip() == str(probe._looks[0].process.pid)


def test_look_is_as_long_as_the_host_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(through, "LOOK_LASTS", 0.1)
    with asking(f"sleep 0.2; {BANNER}") as probe:
        assert probe.calibrate() is True
        assert probe._lasts >= 0.8
