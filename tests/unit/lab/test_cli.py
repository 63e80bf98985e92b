# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line understands, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from lab import cli, image, kernels, run
from lab.errors import LabError
from lab.events import Event
from lab.layout import RunFolder
from lab.owner import default_owner
from lab.state import GuestPlan, RunPlan, planned, write_state


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KHO_LAB_OWNER", raising=False)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[run.Request]:
    """Every run that is asked for, instead of being started."""
    asked: list[run.Request] = []

    def up(request: run.Request) -> Path:
        asked.append(request)
        return Path("/state/inventory.yml")

    monkeypatch.setattr(run, "up", up)
    return asked


@pytest.fixture
def ended_run() -> RunFolder:
    """A run whose supervisor was killed: one guest that kexeced and then was reset."""
    folder = RunFolder.of("default")
    folder.clear()
    guest = folder.guest("web1")
    guest.path.mkdir()
    guest.console.write_bytes(
        b"[    0.000000] Linux version 7.2.13-kho (x)\r\n[   26.675201] kexec_core: Starting new kernel\r\n"
        b"[    0.000000] Linux version 7.3.4-kho (x)\r\n[    0.700000] KHO: exec from: 7.2.13-kho (count 1)\r\n"
    )
    event = Event(
        "RESET", "2026-11-22T15:00:00.000+00:00", 1.0, guest.console.stat().st_size, {"reason": "guest-reset"}
    )
    guest.events.write_text(event.line())
    plan = RunPlan("default", "TCG", "http://127.0.0.1:1/", [GuestPlan("web1", "plain", str(guest.path), [])])
    write_state(folder.state, planned(plan, 1))
    return folder


def test_up_has_two_guests_and_two_kernels_by_default(
    requests: list[run.Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["up", "--owner-pid", "17"]) == 0
    assert requests == [
        run.Request("default", {"guest1": "plain", "guest2": "initramfs"}, ("old", "new"), 17, 600.0),
    ]
    assert capsys.readouterr().out == "/state/inventory.yml\n"


def test_up_takes_guests_with_kinds(requests: list[run.Request]) -> None:
    words = ["--guest", "a", "--guest", "b:initramfs", "--kernel", "no-kho", "--run", "other", "--timeout", "9"]
    assert cli.main(["up", "--owner-pid", "17", *words]) == 0
    assert requests == [run.Request("other", {"a": "plain", "b": "initramfs"}, ["no-kho"], 17, 9.0)]


def test_up_takes_guests_with_kernels_and_switches_them_on_when_told(
    requests: list[run.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["up", "--owner-pid", "17", "--guest", "a::new+no-kho", "--guest", "b:initramfs:"]
    guests, installed = {"a": "plain", "b": "initramfs"}, {"a": ("new", "no-kho")}
    assert cli.main([*words, "--cold"]) == 0
    monkeypatch.setenv("KHO_LAB_COLD", "1")
    assert cli.main(words) == 0
    monkeypatch.delenv("KHO_LAB_COLD")
    assert cli.main(words) == 0
    made = [run.Request("default", guests, ("old", "new"), 17, 600.0, installed, cold) for cold in (True, True, False)]
    assert requests == made


@pytest.mark.parametrize(
    "words",
    [
        ["--guest", "a:round"],
        ["--guest", "a::gold"],
        ["--kernel", "gold"],
        ["--owner-pid", "me"],
        ["--timeout", "soon"],
        ["surplus"],
    ],
)
def test_up_refuses_what_it_does_not_know(words: list[str], requests: list[run.Request]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["up", *words])
    assert (ended.value.code, requests) == (2, [])


def test_two_guests_cannot_share_a_name(requests: list[run.Request], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", "--owner-pid", "1", "--guest", "a", "--guest", "a:initramfs"]) == 1
    assert "same name" in capsys.readouterr().err
    assert requests == []


def test_the_environment_names_the_owner() -> None:
    assert default_owner({"KHO_LAB_OWNER": "4711"}) == 4711
    with pytest.raises(LabError, match="number of a process"):
        default_owner({"KHO_LAB_OWNER": "me"})


def test_an_owner_that_is_gone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", "--owner-pid", str(2**22 + 1)]) == 1
    assert "cannot be watched" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../x", "", "A", "x" * 41])
def test_a_run_has_a_plain_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down", "--run", name]) == 1
    assert "the run's name is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "wanted"), [([], ["plain", "initramfs"]), (["--kind", "uki", "--kind", "luks"], ["uki", "luks"])]
)
def test_disks_of_these_kinds_are_built(
    words: list[str], wanted: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def ensure_all(kinds: Iterable[str]) -> dict[str, image.Image]:
        asked.extend(kinds)
        return {}

    monkeypatch.setattr(image, "ensure_all", ensure_all)
    monkeypatch.setattr(kernels, "ensure", lambda _names: [])
    assert (cli.main(["build", *words]), asked, capsys.readouterr().out) == (0, wanted, "")


def test_ending_a_run_that_is_not_up_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down"]) == 0
    assert "run default is not up" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["ssh", "console", "history", "events", "reset"])
def test_an_unknown_guest_is_named(command: str, ended_run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_run.path.exists()
    assert cli.main([command, "web9"]) == 1
    assert "run default has no guest 'web9'; it has web1" in capsys.readouterr().err


def test_a_guest_of_an_ended_run_has_no_shell(ended_run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert not ended_run.is_held()
    assert cli.main(["ssh", "web1", "--", "uname", "-r"]) == 1
    assert "is not running" in capsys.readouterr().err


def test_a_guest_of_an_ended_run_cannot_be_reset(ended_run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert not ended_run.is_held()
    assert cli.main(["reset", "web1"]) == 1
    assert "is the run still up?" in capsys.readouterr().err


def test_history_is_told_and_given(ended_run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_run.path.exists()
    assert cli.main(["history", "web1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "0 power_on: 7.2.13-kho",
        "1 kexec: 7.3.4-kho",
        "    KHO: exec from: 7.2.13-kho (count 1)",
        "2 reset (guest-reset): no kernel seen",
    ]
    assert cli.main(["history", "web1", "--json"]) == 0
    boots = json.loads(capsys.readouterr().out)
    assert [(boot["cause"], boot["release"]) for boot in boots] == [
        ("power_on", "7.2.13-kho"), ("kexec", "7.3.4-kho"), ("reset", None),
    ]  # fmt: skip


def test_events_and_console_are_printed(ended_run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_run.path.exists()
    assert cli.main(["events", "web1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["event"] == "RESET"
    assert cli.main(["console", "web1", "--follow"]) == 0
    assert capsys.readouterr().out.count("Linux version") == 2


def test_status_knows_that_a_supervisor_was_killed(ended_run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert not ended_run.is_held()
    assert cli.main(["status"]) == 0
    assert capsys.readouterr().out.startswith("run default: ended (the supervisor was killed)\n  web1")
    assert cli.main(["status", "--json"]) == 0
    (status,) = json.loads(capsys.readouterr().out)
    assert (status["up"], status["phase"], status["guests"][0]["boots"]) == (False, "ended", 3)


def test_clean_removes_ended_runs_and_keeps_the_cache(ended_run: RunFolder, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "kho-kexec-lab" / "kernels" / "new"
    kept.mkdir(parents=True)
    assert cli.main(["clean"]) == 0
    assert not ended_run.path.exists()
    assert kept.exists()
    assert cli.main(["clean", "--cache"]) == 0
    assert not kept.exists()
