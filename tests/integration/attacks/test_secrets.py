# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses with passwords, and servers that drip, in plays that show all that they can, on each core."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.attacks.test_network import PASSWORD, dripping
from integration.attacks.world import Run, World
from integration.cores import CORES

PLAY = """\
- hosts: mallory
  gather_facts: false
  tasks:
    - kho.kexec.{module}: {options}
"""
# Ansible shows the line of a task that fails as it is written.
LOCK = '{url: "{{ url }}", holders: [web1, web2, web3], state: locked, timeout: 2, interval: 1}'
REPORT = '{state: reported, url: "{{ url }}", directory: "{{ folder }}"}'


@pytest.fixture(params=list(CORES), ids=list(CORES))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(tmp_path, CORES[request.param])


def shown(world: World, module: str, options: str, url: str) -> Run:
    """Run one task that shows all it can."""
    variables = {"url": url, "folder": str(world.folder / "report")}
    play = PLAY.format(module=module, options=options)
    return world.play(play, {"mallory": {}}, variables, "-vvv", environment={"ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "1"})


def test_a_server_that_drips_is_given_up_and_its_password_is_not_said(world: World) -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nX-") as port:
        done = shown(world, "fleet_lock", LOCK, f"http://user:{PASSWORD}@127.0.0.1:{port}")
    assert done.rc == 2
    assert done.seconds < 25
    assert "no complete answer" in done.output
    assert PASSWORD not in done.output


@pytest.mark.parametrize("url", [f"https://user:{PASSWORD}/x@lock.example", f"https://user:x@h:{PASSWORD}"])
def test_an_address_of_a_server_that_is_none(world: World, url: str) -> None:
    done = shown(world, "fleet_lock", LOCK, url)
    assert done.rc == 2
    assert "fleet_lock_url_invalid" in done.output
    assert PASSWORD not in done.output


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (f"postgresql://user:{PASSWORD}@127.0.0.1:1/x", "ledger_away"),
        (f"postgresql://user:x@y/{PASSWORD}@127.0.0.1:1/x", "ledger_url_invalid"),
    ],
)
def test_an_address_of_a_ledger(world: World, url: str, code: str) -> None:
    done = shown(world, "kexec_ledger", REPORT, url)
    assert done.rc == 2
    assert code in done.output
    assert PASSWORD not in done.output


def test_reports_are_not_written_through_links(world: World) -> None:
    victim, folder = world.folder / "victim", world.folder / "report"
    victim.write_text("whole")
    folder.mkdir()
    for name in ("report.json", "report.md", "report.html", ".report.json.tmp", "report.json.tmp", "report.json.new"):
        (folder / name).symlink_to(victim)
    done = shown(world, "kexec_ledger", REPORT, f"sqlite:///{world.folder}/ledger.db")
    assert done.rc == 0
    assert victim.read_text() == "whole"
    assert not any((folder / name).is_symlink() for name in ("report.json", "report.md", "report.html"))
