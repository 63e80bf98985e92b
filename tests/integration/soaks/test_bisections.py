# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/kexec_soak_bisect.yml over a simulated host: answers, interruptions and limits."""

from __future__ import annotations

import json
import signal
import time

import pytest
from integration.soak.test_bisect import CERTAIN, HOME, INSTALLED, ORIGINS, TARGET, run, tries, world
from integration.soak.world import World

__all__ = ["world"]


def test_a_target_that_crashes_leaves_its_origin(world: World) -> None:
    world.set(installed=INSTALLED, crashes_from=ORIGINS)
    assert run(world, bisect_wrong="crash")[0] == 0
    assert tries(world) == [(ORIGINS[1], "wrong", "crashed"), (ORIGINS[0], "wrong", "crashed")]
    assert "it is the first of the list" in (world.folder / "kexec-soak/web1/bisect.txt").read_text()


def test_a_host_that_does_not_come_home_is_a_failure(world: World) -> None:
    world.set(installed=INSTALLED, crashes_from=ORIGINS, lost_at=5)
    code, output = run(world, bisect_wrong="crash")
    assert (code, world.kept("bisect.json")["ended"]) == (2, "found")
    assert f"But the host did not come back to {HOME}, which ran when the bisection began: The verdict is" in output


def test_an_answer_that_was_not_told_yet_is_told_and_the_host_comes_home(world: World) -> None:
    """After a run that was killed on its way there."""
    world.set(installed=INSTALLED, crashes_from=ORIGINS)
    assert run(world, bisect_wrong="crash")[0] == 0
    (world.folder / "kexec-soak/web1/bisect.txt").unlink()
    world.set(installed=INSTALLED, release=ORIGINS[0])
    code, output = run(world, bisect_wrong="crash")
    assert (code, world.jumps()) == (0, [[ORIGINS[0], HOME]])
    assert "it is the first of the list" in output


def test_none_is_bad(world: World) -> None:
    world.set(installed=INSTALLED, warns_after=ORIGINS)
    code, output = run(world, bisect_wrong="crash")
    assert code == 0
    assert f"{TARGET} goes wrong from none of the origins" in output


@pytest.mark.parametrize(
    ("status", "answer", "why", "code"),
    [(1, "wrong", "command_failed", 0), (0, "well", None, 0), (125, "none", "command_cannot_tell", 2)],
)
def test_what_the_command_ends_with(world: World, status: int, answer: str, why: str | None, code: int) -> None:
    # A text with a comma is a list to Ansible.
    command = ["sh", "-c", f"exit {status}"] if status else "true,x"
    assert run(world, bisect_wrong="command", bisect_command=command)[0] == code
    assert {(told, reason) for _origin, told, reason in tries(world)} == {(answer, why)}


def test_a_command_that_is_not_there_is_no_answer(world: World) -> None:
    code, output = run(world, bisect_wrong="command", bisect_command=["/nonexistent/check"])
    assert (code, tries(world)) == (2, [(ORIGINS[1], "none", "command_cannot_tell")])
    assert "codes.md#bisect_no_answer" in output
    assert world.of()["release"] == HOME


def test_after_the_jumps_that_are_allowed_it_says_what_is_known_and_goes_on_with_more(world: World) -> None:
    world.set(installed=INSTALLED, warns_after=ORIGINS[1:])
    assert run(world, bisect_command=["true"], bisect_wrong="command", bisect_jumps=2)[0] == 0
    log = world.folder / "kexec-soak/web1/bisect.json"
    stored = json.loads(log.read_text())
    first = {**stored["tries"][0], "answer": "none"}
    log.write_text(json.dumps({**stored, "ended": None, "wrong": "health", "tries": [first, first]}))
    code, output = run(world, bisect_command=["true"], bisect_jumps=2)
    assert code == 2
    assert "codes.md#bisect_jumps_exhausted" in output
    assert run(world, bisect_command=["true"], bisect_jumps=4)[0] == 0
    assert [answer for _origin, answer, _why in tries(world)] == ["none", "none", "wrong", "well"]


def test_a_run_that_was_killed_goes_on_and_its_try_is_counted(world: World) -> None:
    world.set(installed=INSTALLED, warns_after=ORIGINS[1:])
    slow = {"bisect_command": ["sleep", "60"]}
    process = world.begin(playbook="kexec_soak_bisect", **CERTAIN, **slow)
    deadline = time.monotonic() + 120
    while len(world.jumps()) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.2)
    second, said = run(world, **slow)
    assert (second, "codes.md#soak_locked" in said) == (2, True)
    process.send_signal(signal.SIGKILL)
    # Not to the end of its output: workers of ansible-core 2.16 outlive it, and hold it open.
    process.wait()
    log = world.folder / "kexec-soak/web1/bisect.json"
    assert tries(world) == [(ORIGINS[1], "none", "interrupted")]
    code, said = run(world, bisect_wrong="crash")
    assert (code, "codes.md#bisect_log_differs" in said) == (2, True)
    log.write_text(log.read_text().replace('"sleep",\n  "60"', '"true"'))
    assert run(world, bisect_command=["true"])[0] == 0
    assert [answer for _origin, answer, _why in tries(world)] == ["none", "wrong", "well"]


def test_options_that_would_count_before_those_of_a_step_are_refused(world: World) -> None:
    status, output = run(world, "-e", "kexec_upgrade_health=false")
    assert (status, world.jumps()) == (2, [])
    assert "codes.md#bisect_option_given" in output


def test_check_mode_only_plans(world: World) -> None:
    assert run(world, "--check")[0] == 0
    assert (world.jumps(), (world.folder / "kexec-soak").exists()) == ([], False)
