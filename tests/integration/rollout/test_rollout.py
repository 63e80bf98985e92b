# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/kexec_upgrade.yml: one host that is not proven ends the rollout with its wave, however it was lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from integration.fleet_lock.test_fleet_lock import serving
from unit.plugins.plugin_utils.histories import cold, history
from unit.support.cases import more

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger, place_of

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

THERE: dict[str, Any] = {"ansible_connection": "this_machine"}
REFUSED: dict[str, Any] = {"ansible_connection": "this_machine", "kexec_upgrade_target": "refused"}
# The stand-in of kexec_reboot refuses to leave: this host fails between staging and the jump.
STUCK: dict[str, Any] = {"ansible_connection": "this_machine", "kexec_upgrade_target": "staged"}
# The stand-in of kexec_image has nothing to go back to then.
BACK: dict[str, Any] = {"ansible_connection": "this_machine", "kexec_upgrade_panic": 0}
LOST: dict[str, Any] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}

HOSTS = ("web1", "web2", "web3")
AFTERWARDS = "TASK [Afterwards]"
STAGED = "TASK [kho.kexec.kexec_upgrade : Load the target kernel]"

WHOLE_DAY = {"from": "00:00", "to": "24:00"}
GATE_TASKS = """\
- name: Look whether no alert fires
  ansible.builtin.assert:
    that: not alert | default(false)
    success_msg: GATE TASK
    fail_msg: An alert fires.
"""

REPORT = """\
- ansible.builtin.import_playbook: {root}/playbooks/{playbook}.yml
- hosts: localhost
  gather_facts: false
  connection: local
  tasks:
    - name: Afterwards
      ansible.builtin.debug:
        msg: "RESULTS {{{{ hostvars['web1']['kexec_upgrade_result'] | to_json }}}}"
"""


@dataclass
class Run:
    """What a run of the playbook said."""

    rc: int
    output: str

    def waves(self) -> int:
        return self.output.count("PLAY [Upgrade kernels by kexec")

    def ran_on(self, host: str) -> bool:
        return re.search(rf"^(ok|changed|fatal): \[{host}\]", self.output, re.MULTILINE) is not None

    def recap(self, host: str) -> dict[str, int]:
        (line,) = re.findall(rf"^{host} +: (.*)$", self.output, re.MULTILINE)
        return {key: int(value) for key, value in (word.split("=") for word in line.split())}

    def row(self, host: str) -> str:
        (line,) = re.findall(rf"^{host} .* {{2}}.*$", self.output.split("KERNEL ROLLOUT")[1], re.MULTILINE)
        return str(line)


def roll_out(
    directory: Path,
    hosts: dict[str, dict[str, Any]],
    *arguments: str,
    waves: tuple[int | str, ...] = (2,),
    groups: dict[str, list[str]] | None = None,
    playbook: str = "kexec_upgrade",
    python: str = sys.executable,
    **variables_of_play: Any,
) -> Run:
    """Run the playbook over ``hosts`` in order, in waves of 2 unless ``waves`` says otherwise.

    ``variables_of_play`` are without their prefix. What it says is in ``output.txt`` meanwhile. ``python`` has the
    ansible-core that runs it.
    """
    collection = directory / "collections/ansible_collections/kho/kexec"
    (collection / "plugins/modules").mkdir(parents=True)
    for part in ("action", "callback", "filter", "lookup", "plugin_utils", "module_utils"):
        (collection / "plugins" / part).symlink_to(ROOT / "plugins" / part)
    (collection / "plugins/modules/kexec_image.py").symlink_to(HERE / "stand_in/kexec_image.py")
    (collection / "plugins/modules/kexec_reboot.py").symlink_to(HERE / "stand_in/stuck.py")
    for name in ("fleet_lock", "kexec_gate", "kexec_ledger", "kexec_options", "kexec_play_options"):
        (collection / f"plugins/modules/{name}.py").symlink_to(ROOT / f"plugins/modules/{name}.py")
    for name in ("kexec_guard", "boot_default", "kexec_commit", "kernel_health_info"):
        (collection / f"plugins/modules/{name}.py").symlink_to(HERE / "stand_in/obliging.py")
    (collection / "plugins/modules/kexec_history_info.py").symlink_to(HERE / "stand_in/dying.py")
    (collection / "roles").symlink_to(ROOT / "roles")
    variables = {
        "ansible_python_interpreter": sys.executable,
        "ansible_remote_tmp": str(directory / "remote"),
    }
    children = {name: {"hosts": dict.fromkeys(members, {})} for name, members in (groups or {}).items()}
    inventory = {"all": {"hosts": hosts, "vars": variables, "children": children}}
    (directory / "inventory.yml").write_text(json.dumps(inventory))
    (directory / "playbook.yml").write_text(REPORT.format(root=ROOT, playbook=playbook))
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(directory / "collections"),
        "ANSIBLE_CONNECTION_PLUGINS": str(HERE.parent / "connection"),
        "ANSIBLE_CALLBACKS_ENABLED": "kho.kexec.rollout",
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "1",
    }
    extra = json.dumps(
        {f"kexec_upgrade_{name}": value for name, value in (*variables_of_play.items(), ("waves", waves))}
    )
    argv = [python, "-m", "ansible", "playbook", "-i", "inventory.yml", "-e", extra, "playbook.yml", *arguments]
    output = directory / "output.txt"
    with output.open("w") as stream:
        done = subprocess.run(
            argv,
            cwd=directory,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
    print(output.read_text())
    return Run(done.returncode, output.read_text())


def test_every_wave_follows_when_all_are_proven(tmp_path: Path) -> None:
    (tmp_path / "gate.yml").write_text(GATE_TASKS)
    hosts = dict.fromkeys(("web1", "web2", "web3"), THERE)
    run = roll_out(tmp_path, hosts, gate_tasks=f"{tmp_path}/gate.yml", gate_soak=600, window=WHOLE_DAY)
    assert run.rc == 0
    assert run.waves() == 2
    assert run.output.count("GATE TASK") == 2, "once for each wave"
    assert "soaks" not in run.output, "no host has changed its kernel"
    assert all(run.recap(name)["failed"] == 0 for name in ("web1", "web2", "web3"))
    (results,) = re.findall(r'"msg": "RESULTS (.*)"', run.output)
    assert json.loads(results.replace('\\"', '"')) == {
        "host": "web1",
        "from": "7.3.4-kho",
        "to": "7.3.4-kho",
        "action": "none",
        "promised": None,
        "reported": None,
        "verdict": None,
        "accepted": True,
        "committed": True,
        "rolled_back_to": None,
        "code": None,
        "message": None,
        "boot_id_left": None,
        "outage_seconds": None,
    }


@pytest.mark.parametrize(
    ("loss", "code"), [(LOST, "unreachable"), (REFUSED, "kexec_disabled"), (STUCK, "packages_locked")]
)
def test_one_unproven_host_stops_the_rollout_after_its_wave(tmp_path: Path, loss: dict[str, Any], code: str) -> None:
    run = roll_out(tmp_path, {"web1": THERE, "web2": loss, "web3": THERE, "web4": THERE})
    assert run.rc != 0
    assert AFTERWARDS not in run.output
    assert not run.ran_on("web3")
    assert not run.ran_on("web4")
    assert "Not proven: web2." in run.output
    assert "Untouched: web3 web4." in run.output
    assert code in run.row("web2")


def test_wave_that_is_lost_as_a_whole_stops_the_rollout(tmp_path: Path) -> None:
    run = roll_out(tmp_path, {"web1": LOST, "web2": LOST, "web3": THERE})
    assert run.rc != 0
    assert AFTERWARDS not in run.output
    assert not run.ran_on("web3")
    assert "Not proven: web1 web2. Untouched: web3." in run.output


def test_others_of_the_wave_go_their_way_to_the_end(tmp_path: Path) -> None:
    run = roll_out(tmp_path, {"web1": REFUSED, "web2": STUCK, "web3": THERE}, waves=(3,))
    assert run.rc != 0
    assert re.search(r"Undo what was staged.*\n(.*\n)*?changed: \[web2\]", run.output), "what was staged is unloaded"
    assert "already there" in run.row("web3")
    assert "Not proven: web1 web2." in run.output


@pytest.mark.parametrize("playbook", ["kexec_upgrade", "kexec_rollback"])
def test_host_whose_options_cannot_be_is_not_touched(tmp_path: Path, playbook: str) -> None:
    wrong = {**BACK, "kexec_upgrade_timeout": "soon", "kexec_upgrade_commit": "{{ 'al' ~ 'ways' }}"}
    run = roll_out(tmp_path, {"web1": wrong, "web2": BACK}, playbook=playbook)
    assert run.rc != 0
    assert run.rc == 2
    assert "options_invalid" in run.output
    assert "are not valid for web1: " in run.output
    assert "kexec_upgrade_timeout: 'soon' is not a number of seconds" in run.output
    assert "require, prefer, never, got: always" in run.output
    assert not run.ran_on("web2")


@pytest.mark.parametrize("playbook", ["kexec_upgrade", "kexec_rollback"])
def test_hosts_must_agree_on_options_of_the_play(tmp_path: Path, playbook: str) -> None:
    pausing = {**BACK, "kexec_upgrade_pause_file": "/srv/rollout/pause"}
    run = roll_out(tmp_path, {"web1": pausing, "web2": BACK}, waves=(1, 1), playbook=playbook)
    assert run.rc == 2
    assert "kexec_upgrade_pause_file is '/srv/rollout/pause' for web1; not set, which means '', for web2." in run.output
    assert not run.ran_on("web2")
    assert "KERNEL ROLLOUT" not in run.output


def test_rollback_stops_after_a_wave_in_which_a_host_did_not_come_back(tmp_path: Path) -> None:
    hosts = {"web1": BACK, "web2": STUCK, "web3": LOST, "web4": BACK}
    run = roll_out(tmp_path, hosts, waves=(1, 2), playbook="kexec_rollback")
    assert run.rc != 0
    assert "web1 runs 7.2.13-kho." in run.output
    assert "Not proven: web2 web3. Untouched: web4." in run.output
    assert not run.ran_on("web4")


def test_rollback_tells_of_a_wave_that_was_lost_as_a_whole(tmp_path: Path) -> None:
    run = roll_out(tmp_path, {"web1": STUCK, "web2": LOST, "web3": BACK}, playbook="kexec_rollback")
    assert run.rc != 0
    assert "Not proven: web1 web2. Untouched: web3." in run.output
    assert not run.ran_on("web3")


def test_check_mode_looks_at_every_host(tmp_path: Path) -> None:
    hosts = {"web1": REFUSED, "web2": LOST, "web3": THERE, "web4": THERE}
    run = roll_out(tmp_path, hosts, "--check", waves=(1,))
    assert run.ran_on("web3")
    assert run.ran_on("web4")
    assert "The rollout stops here" not in run.output
    assert "4 hosts would go in 4 waves: 1. 1 (web1), 2. 1 (web2), 3. 1 (web3), 4. 1 (web4)." in run.output
    assert "KERNEL ROLLOUT (PLAN)" in run.output
    assert run.row("web1").split() == ["web1", "7.2.13-kho", "-", "refuse", "-", "-", "kexec_disabled"]
    assert run.row("web2").split()[-1] == "unreachable"
    assert run.row("web3").split()[1:5] == ["7.3.4-kho", "7.3.4-kho", "none", "-"]
    assert "kexec_disabled (web1): It is off. Switch it on." in run.output
    assert r"\"code\": \"kexec_disabled\"" in run.output


def test_failed_hosts_of_all_waves_use_up_the_budget(tmp_path: Path) -> None:
    hosts = {"web1": THERE, "web2": LOST, "web3": REFUSED, "web4": THERE, "web5": THERE}
    run = roll_out(tmp_path, hosts, max_failed=1, max_failed_percentage=50)
    assert run.rc != 0
    assert run.waves() == 2
    assert "Not proven: web2 web3. Untouched: web5. Failed since the rollout began: 2" in run.output
    assert not run.ran_on("web5")
    assert AFTERWARDS not in run.output


def test_groups_are_limited_and_the_command_line_limits_hosts(tmp_path: Path) -> None:
    groups = {"zone_a": ["web1", "web2"], "zone_b": ["web3", "web4"]}
    limited = {"groups": groups, "group_limits": {"zone_*": 1}, "waves": ("100%",)}
    run = roll_out(tmp_path, dict.fromkeys(("web1", "web2", "web3", "web4"), THERE), "--limit=!web4", **limited)
    assert run.rc == 0
    assert run.waves() == 2
    first, second = run.output.split("PLAY [Upgrade kernels by kexec")[1:]
    assert staged_in(first) == ["web1", "web3"]
    assert staged_in(second) == ["web2"]


def staged_in(output: str) -> list[str]:
    return sorted(re.findall(r"^ok: \[(web\d)\]", output.split(STAGED)[1].split("TASK")[0], re.MULTILINE))


def test_nobody_starts_when_the_window_is_closed(tmp_path: Path) -> None:
    in_two_hours = datetime.now(timezone.utc) + timedelta(hours=2)
    window = {"from": f"{in_two_hours:%H:%M}", "to": f"{in_two_hours + timedelta(hours=1):%H:%M}"}
    run = roll_out(tmp_path, {"web1": THERE, "web2": THERE, "web3": THERE}, window=window)
    assert run.rc != 0
    assert "so wave 1 of 2 does not begin, and the rollout ends. Untouched: web1 web2 web3." in run.output
    assert STAGED not in run.output
    assert AFTERWARDS not in run.output


def test_rollout_waits_while_the_pause_file_is_there(tmp_path: Path) -> None:
    pause, output = tmp_path / "pause", tmp_path / "output.txt"
    pause.touch()
    output.touch()
    remover = threading.Thread(target=remove_once_said, args=(pause, output), daemon=True)
    remover.start()
    run = roll_out(tmp_path, {"web1": THERE}, pause_file=str(pause))
    remover.join()
    assert run.rc == 0
    assert run.output.index("so wave 1 of 1 waits.") < run.output.index(STAGED)


def remove_once_said(pause: Path, output: Path) -> None:
    """Remove the pause file when the rollout says that it waits for that."""
    while "waits." not in output.read_text():
        time.sleep(0.1)
    pause.unlink()


def test_failing_gate_task_stops_the_rollout_and_the_wave_can_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "gate.yml").write_text(GATE_TASKS)
    hosts, gate = dict.fromkeys(("web1", "web2", "web3"), THERE), f"{tmp_path}/gate.yml"
    run = roll_out(tmp_path / "stopped", hosts, "-e", '{"alert": true}', gate_tasks=gate)
    assert run.rc != 0
    assert run.output.count("fatal: ") == 1
    assert "An alert fires." in run.output
    assert not run.ran_on("web3")
    assert AFTERWARDS not in run.output
    again = roll_out(tmp_path / "again", hosts, f"--limit=@{tmp_path}/stopped/playbook.retry", gate_tasks=gate)
    assert again.rc == 0
    assert again.waves() == 1
    assert (again.ran_on("web2"), again.ran_on("web3")) == (True, False)


def test_wave_has_hooks_slots_and_the_ledger_also_when_hosts_fail(tmp_path: Path) -> None:
    for hook in ("before", "after", "failed"):
        line = f"{hook} {{{{ ansible_play_batch | length }}}}"
        told = {"path": f"{tmp_path}/told.txt", "line": line, "insertafter": "EOF", "create": True, "mode": "0600"}
        task = {"name": hook, "ansible.builtin.lineinfile": told, "delegate_to": "localhost"}
        (tmp_path / f"{hook}.yml").write_text(json.dumps([task]))
    hooks = {f"wave_{hook}_tasks": f"{tmp_path}/{hook}.yml" for hook in ("before", "after", "failed")}
    ledger = {"ledger": True, "ledger_url": f"sqlite:///{tmp_path}/ledger.db"}
    hosts = {"web1": THERE, "web2": STUCK, "web3": LOST, "web4": THERE}
    with serving(tmp_path, 3) as port:
        lock = {"fleet_lock_url": f"http://127.0.0.1:{port}"}
        run = roll_out(tmp_path / "run", hosts, waves=(3, 1), **hooks, **ledger, **lock)
    assert run.rc != 0
    assert "Not proven: web2 web3. Untouched: web4." in run.output
    assert (tmp_path / "told.txt").read_text().splitlines() == ["before 3", "after 1", "failed 1"]
    asked = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert max(len(one["held"]) for one in asked) == 3
    assert asked[-1]["held"] == ["web3"], "a lost host keeps its slot"
    assert (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize(
    ("others", "hours", "gate"),
    [
        (100, 14 * 24, "no_worse_with_symptoms"),
        *more((100, 14 * 24, "no_worse"), (1, 1, "no_worse_with_symptoms")),
    ],
)
def test_rollout_stops_when_hosts_that_jumped_are_worse_off(tmp_path: Path, others: int, hours: int, gate: str) -> None:
    now = int(time.time())
    began = datetime.fromtimestamp(now - hours * 3600, timezone.utc).isoformat()
    running = cold(1, begin=began, end=None, ending="running")
    with Ledger(place_of(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        for number in range(others):
            # They are seen to run since then, and for as long as the rollout takes.
            ledger.import_history(f"other{number}", history(running), now + 900)
    asked = {"ledger": True, "ledger_url": f"sqlite:///{tmp_path}/ledger.db", "ledger_gate": gate}
    run = roll_out(tmp_path / "run", {"web1": THERE, "web2": THERE}, waves=(1,), **asked)
    # One crash among a few hosts says nothing.
    assert ("codes.md#jumped_hosts_worse" in run.output) == (others == 100)
    assert (run.rc != 0, run.ran_on("web2")) == ((True, False) if others == 100 else (False, True))
    if others == 100:
        said = " ".join(run.output.split())
        assert "1 of 1 host crashed" in said
        assert ("No complaint of kernels is seen to come from the jump" in said) == (gate != "no_worse")
        assert run.waves() == 1


def test_a_gate_needs_its_ledger(tmp_path: Path) -> None:
    run = roll_out(tmp_path, {"web1": THERE}, ledger_gate="no_worse")
    assert run.rc != 0
    assert "kexec_upgrade_ledger is not true" in " ".join(run.output.split())
    assert STAGED not in run.output


def test_wave_does_not_begin_without_its_slots(tmp_path: Path) -> None:
    with serving(tmp_path, 1) as port:
        lock = {"fleet_lock_url": f"http://127.0.0.1:{port}", "fleet_lock_timeout": 1}
        run = roll_out(tmp_path / "run", {"web1": THERE, "web2": THERE}, **lock)
    assert run.rc != 0
    assert "The FleetLock server did not give 2 slots (web1 web2) in time." in run.output
    assert STAGED not in run.output
