# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator sets is what the playbooks go by, wherever it was set, with each ansible-core."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from integration.cores import CORES
from unit.support.cases import CHECK, more

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
OBLIGING = ("kexec_guard", "boot_default", "kexec_commit", "kernel_health_info")
STAND_INS = {
    "kexec_image": HERE.parent / "rollout/stand_in/kexec_image.py",
    "kexec_reboot": HERE.parent / "rollout/stand_in/stuck.py",
    "kexec_prepare_info": HERE.parent / "docs/stand_in/kexec_prepare_info.py",
    **dict.fromkeys(OBLIGING, HERE.parent / "rollout/stand_in/obliging.py"),
}
HOSTS = ("web1", "web2", "web3", "db1")


@dataclass
class Run:
    """What a run said."""

    rc: int
    output: str

    def waves(self, play: str) -> int:
        """Return how many times a play has begun whose name begins so."""
        return self.output.count(f"PLAY [{play}")

    def said(self) -> str:
        """Return what is printed, in one line."""
        return " ".join(self.output.split())


class Controller:
    """Runs playbooks with one ansible-core over hosts that stand-ins answer for."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self.folder = programs, folder
        collection = folder / "collections/ansible_collections/kho/kexec"
        (collection / "plugins/modules").mkdir(parents=True)
        for part in ("action", "callback", "doc_fragments", "filter", "lookup", "plugin_utils", "module_utils"):
            (collection / "plugins" / part).symlink_to(ROOT / "plugins" / part)
        for part in ("meta", "playbooks", "roles"):
            (collection / part).symlink_to(ROOT / part)
        for module in (ROOT / "plugins/modules").glob("*.py"):
            (collection / "plugins/modules" / module.name).symlink_to(STAND_INS.get(module.stem, module))

    def run(
        self,
        playbook: str,
        *arguments: str,
        everywhere: Mapping[str, Any] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        hosts: tuple[str, ...] = HOSTS,
        python_path: Path | None = None,
    ) -> Run:
        """Run a playbook; ``everywhere`` holds variables of all hosts, ``groups`` those of `web` and `db`."""
        children = {
            group: {
                "hosts": {host: {} for host in hosts if host.startswith(group)},
                "vars": dict((groups or {}).get(group, {})),
            }
            for group in ("web", "db")
        }
        local = {
            "ansible_connection": "this_machine",
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": str(self.folder / "remote"),
        }
        inventory = {"all": {"vars": {**local, **(everywhere or {})}, "children": children}}
        (self.folder / "inventory.yml").write_text(json.dumps(inventory))
        settings = {
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE.parent / "connection"),
            "ANSIBLE_CALLBACKS_ENABLED": "kho.kexec.rollout",
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "1000",
            "PYTHONPATH": str(python_path or ""),
        }
        done = subprocess.run(
            [str(self._programs / "ansible-playbook"), "-i", "inventory.yml", playbook, *arguments],
            cwd=self.folder,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        print(done.stdout)
        return Run(done.returncode, done.stdout)

    def encrypted(self, text: str, password_file: str) -> str:
        """Return lines for `!vault` in YAML."""
        argv = [str(self._programs / "ansible-vault"), "encrypt", "--vault-password-file", password_file]
        done = subprocess.run(argv, cwd=self.folder, input=text, capture_output=True, text=True, check=True)
        return "".join(f"  {line}\n" for line in done.stdout.splitlines())


@pytest.fixture(params=CORES)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    return Controller(CORES[request.param], tmp_path)


UPGRADE, PREPARE = "kho.kexec.kexec_upgrade", "kho.kexec.kexec_prepare"


def test_inventory_sets_options_of_the_play(controller: Controller) -> None:
    options = {"kexec_upgrade_hosts": "web", "kexec_upgrade_waves": "{{ sizes }}", "sizes": [1, 2]}
    run = controller.run(UPGRADE, everywhere=options)
    assert run.rc == 0
    assert run.waves("Upgrade kernels") == 2
    assert "ok: [db1]" not in run.output
    look = controller.run(UPGRADE, "--check", everywhere=options)
    assert "3 hosts would go in 2 waves: 1. 1 (web1), 2. 2 (web2 web3)." in look.output
    listed = controller.run(UPGRADE, "--list-hosts", everywhere=options)
    assert listed.rc == 0
    assert re.findall(r"play #2 .*\n.*\n +hosts \((\d)\)", listed.output) == ["3"]


def test_what_is_given_with_the_command_counts_first(controller: Controller) -> None:
    groups = {"web": {"kexec_upgrade_waves": [1]}, "db": {"kexec_upgrade_waves": [2]}}
    run = controller.run(
        UPGRADE, "-e", '{"kexec_upgrade_waves": [4]}', "-e", "kexec_upgrade_max_failed=0", groups=groups
    )
    assert run.rc == 0
    assert run.waves("Upgrade kernels") == 1


@pytest.mark.parametrize("check", CHECK)
def test_hosts_that_do_not_agree_are_not_asked(controller: Controller, check: tuple[str, ...]) -> None:
    run = controller.run(UPGRADE, *check, groups={"web": {"kexec_upgrade_waves": [4]}})
    assert run.rc == 2
    assert "play_options_differ" in run.output
    assert "kexec_upgrade_waves is [4] for web1 web2 web3; not set, which means 'canary', for db1." in run.output
    assert run.waves("Upgrade kernels") == 0
    assert controller.run(UPGRADE, "--limit=web", *check, groups={"web": {"kexec_upgrade_waves": [4]}}).rc == 0


def test_importing_playbook_gives_options(controller: Controller) -> None:
    give = {"kexec_upgrade_waves": "{{ [2, 2] }}", "kexec_upgrade_hosts": "web", "kexec_upgrade_window": []}
    play = {"ansible.builtin.import_playbook": UPGRADE, "vars": give}
    (controller.folder / "site.yml").write_text(json.dumps([play]))
    run = controller.run("site.yml", everywhere={"kexec_upgrade_hosts": "db", "kexec_upgrade_waves": [1]})
    assert run.rc == 0
    assert run.waves("Upgrade kernels") == 2
    assert "ok: [db1]" not in run.output


@pytest.mark.parametrize("playbook", [UPGRADE, PREPARE])
def test_no_host_is_an_error_unless_that_is_all_right(controller: Controller, playbook: str) -> None:
    role = playbook.split(".")[-1]
    run = controller.run(playbook, "-e", f"{role}_hosts=nobody")
    assert run.rc == 2
    assert "no_hosts_matched" in run.output
    assert controller.run(playbook, "-e", f"{role}_hosts=nobody", "-e", f"{role}_allow_empty=true").rc == 0
    assert controller.run(playbook, hosts=()).rc == 2
    assert controller.run(playbook, "--syntax-check", hosts=()).rc == 0


def test_password_of_the_ledger_is_shown_nowhere(controller: Controller) -> None:
    url = {"kexec_upgrade_ledger_url": "postgresql://me:secret@127.0.0.1:1/x", "kexec_upgrade_ledger": True}
    run = controller.run(UPGRADE, "-vvv", everywhere={**url, "kexec_upgrade_hosts": "db"})
    assert run.rc == 0
    assert "secret" not in run.output


def test_who_may_be_cold_booted_goes_one_first(controller: Controller) -> None:
    """A stand-in is not started anew: the canary fails."""
    run = controller.run(PREPARE, groups={"db": {"kexec_prepare_allow_cold_boot": True}})
    assert run.rc != 0
    assert run.waves("Prepare hosts") == 4, "web1 and the others lack nothing else"
    run = controller.run(PREPARE, everywhere={"kexec_prepare_allow_cold_boot": True})
    assert run.rc != 0
    assert run.waves("Prepare hosts") == 1
    assert "The rollout stops here. Not proven: web1. Untouched: web2 web3 db1." in run.said()


def test_without_cold_boots_all_are_prepared_together(controller: Controller) -> None:
    run = controller.run(PREPARE)
    assert run.rc == 0
    assert run.waves("Prepare hosts") == 1
    look = controller.run(
        PREPARE, "--check", everywhere={"kexec_prepare_allow_cold_boot": True, "kexec_prepare_hosts": "web"}
    )
    assert "3 hosts would go in 3 waves" in look.output


PLAYBOOKS = ("kexec_upgrade", "kexec_rollback", "kexec_prepare", "kexec_report", "kexec_facts")


@pytest.mark.parametrize("playbook", [*PLAYBOOKS, "kexec_soak"])
def test_misspelt_option_is_an_error_of_every_playbook(controller: Controller, playbook: str) -> None:
    role = "kexec_upgrade" if playbook == "kexec_rollback" else playbook
    run = controller.run(f"kho.kexec.{playbook}", "--check", "-e", f"{role}_host=web")
    assert run.rc == 2
    assert "option_unknown" in run.output
    assert f"{role}_host is not an option. Is {role}_hosts meant?" in run.output
    assert run.output.count("PLAY [") == 1


def test_misspelt_option_is_an_error_wherever_it_is(controller: Controller) -> None:
    wrong = {"kexec_upgrade_targte": "7.3.4-kho"}
    meant = "kexec_upgrade_targte is not an option. Is kexec_upgrade_target meant?"
    run = controller.run(UPGRADE, groups={"db": wrong})
    assert (run.rc, run.waves("Upgrade kernels"), meant in run.output) == (2, 0, True)
    assert "(it is set for db1)" in run.output
    own = {**wrong, "kexec_upgrade_own_variables": ["kexec_upgrade_targ*"]}
    assert controller.run(UPGRADE, groups={"db": own}).rc == 0
    play = {"ansible.builtin.import_playbook": UPGRADE, "vars": wrong}
    (controller.folder / "site.yml").write_text(json.dumps([play]))
    assert meant in controller.run("site.yml").output


@pytest.mark.parametrize(
    "role", ["kexec_upgrade", *more("kexec_prepare", "kexec_report", "kexec_soak", "kho_fact_script")]
)
def test_misspelt_variable_of_a_play_with_a_role_is_an_error(controller: Controller, role: str) -> None:
    """A misspelt parameter of a role is one for Ansible itself, which lists all parameters."""
    play = {"hosts": "web", "gather_facts": False}
    wrong = {f"{role}_own_variable": 1}
    plays = [
        {**play, "roles": [f"kho.kexec.{role}"], "vars": wrong},
        {**play, "tasks": [{"ansible.builtin.include_role": {"name": f"kho.kexec.{role}"}, "vars": wrong}]},
        {**play, "roles": [{"role": f"kho.kexec.{role}", **wrong}]},
    ]
    for number, one in enumerate(plays):
        (controller.folder / "site.yml").write_text(json.dumps([one]))
        run = controller.run("site.yml")
        assert run.rc == 2
        if number < 2:
            assert run.output.count(f"{role}_own_variable is not an option. Is {role}_own_variables meant?") >= 3
        assert "changed: [" not in run.output
        assert "KERNEL ROLLOUT" not in run.output or role == "kexec_upgrade"


def test_soak_knows_the_options_of_upgrades_too(controller: Controller) -> None:
    for wrong, why in (
        ({"kexec_upgrade_targte": "x"}, "kexec_upgrade_targte is not an option. Is kexec_upgrade_target meant?"),
        ({"kexec_upgrade_timeout": "10 m"}, "kexec_upgrade_timeout: '10 m' is not a number of seconds"),
        ({"kexec_soak_jumps": "ten"}, "kexec_soak_jumps: it is 'ten', which is no whole number"),
    ):
        run = controller.run("kho.kexec.kexec_soak", groups={"db": wrong})
        assert (run.rc, run.output.count("PLAY ["), why in run.said()) == (2, 1, True)


@pytest.mark.parametrize("check", CHECK)
def test_bad_values_are_found_before_the_first_host_is_asked(controller: Controller, check: tuple[str, ...]) -> None:
    bad = {"gate_soak": "10 minutes", "max_failed": "5%", "ledger": "maybe", "window": {"from": "25:00", "to": "26:00"}}
    run = controller.run(UPGRADE, *check, everywhere={f"kexec_upgrade_{name}": value for name, value in bad.items()})
    assert (run.rc, run.waves("Upgrade kernels")) == (2, 0)
    assert "options_invalid" in run.output
    for name in ("gate_soak", "max_failed", "ledger"):
        assert f"kexec_upgrade_{name}: " in run.output
    late = controller.run(
        UPGRADE, *check, groups={"db": {"kexec_upgrade_guard": "of", "kexec_upgrade_timeout": "{{ 'x' }}"}}
    )
    assert (late.rc, late.waves("Upgrade kernels")) == (2, 0)
    assert "The options of the role kexec_upgrade are not valid for db1: " in late.output
    assert "kexec_upgrade_timeout: 'x' is not a number of seconds; write 600, 10m, 2h or 1h30m" in late.output
    assert controller.run(UPGRADE, *check, "-e", "kexec_upgrade_waves=often").output.count("waves_invalid") > 0


def test_times_have_units(controller: Controller) -> None:
    times = {"gate_soak": "1s", "timeout": "20m", "confirm_timeout": "5m", "shutdown_timeout": "15m", "panic": "1m"}
    run = controller.run(
        UPGRADE, "--limit=db", everywhere={f"kexec_upgrade_{name}": value for name, value in times.items()}
    )
    assert run.rc == 0
    short = controller.run(
        UPGRADE, everywhere={"kexec_upgrade_timeout": "10m", "kexec_upgrade_shutdown_timeout": "10m"}
    )
    assert short.rc == 2
    assert "the time for everything (600 s) must exceed the time for stopping services (600 s)" in short.said()
    cold = {"kexec_prepare_cold_boot_timeout": "30m", "kexec_prepare_panic": "10s"}
    assert controller.run(PREPARE, "--limit=db", everywhere=cold).rc == 0


@pytest.mark.parametrize("check", CHECK)
def test_hooks_are_looked_for_before_the_first_wave(controller: Controller, check: tuple[str, ...]) -> None:
    run = controller.run(UPGRADE, *check, groups={"db": {"kexec_upgrade_verify_tasks": "verify.yml"}})
    assert (run.rc, run.waves("Upgrade kernels")) == (2, 0)
    assert "hook_missing" in run.output
    assert f"{controller.folder}/verify.yml" in run.output
    play = {"hosts": "web1", "gather_facts": False, "roles": ["kho.kexec.kexec_upgrade"]}
    (controller.folder / "site.yml").write_text(json.dumps([{**play, "vars": {"kexec_upgrade_verify_tasks": "v.yml"}}]))
    role = controller.run("site.yml", *check)
    assert (role.rc, "hook_missing" in role.output) == (2, True)


def test_hooks_are_found_and_said_and_run_on_new_kernels_only(controller: Controller) -> None:
    (controller.folder / "beside").mkdir()
    task = {"name": "HOOK", "ansible.builtin.debug": {"msg": "It is {{ playbook_dir }}"}}
    (controller.folder / "after.yml").write_text(json.dumps([task]))
    (controller.folder / "beside/gate.yml").write_text(json.dumps([task]))
    play = {"ansible.builtin.import_playbook": UPGRADE, "vars": {"kexec_upgrade_gate_tasks": "gate.yml"}}
    (controller.folder / "beside/site.yml").write_text(json.dumps([play]))
    run = controller.run(
        "beside/site.yml", everywhere={"kexec_upgrade_wave_after_tasks": "after.yml", "kexec_upgrade_waves": [9]}
    )
    assert run.rc == 0
    assert f"The task file gate.yml is {controller.folder}/beside/gate.yml." in run.output
    assert f"The task file after.yml is {controller.folder}/after.yml." in run.output
    assert run.output.count("TASK [HOOK]") == 2


def test_error_of_a_hook_is_in_the_result(controller: Controller) -> None:
    fails = [{"name": "Ask", "ansible.builtin.fail": {"msg": "The shop answers 503."}}]
    (controller.folder / "before.yml").write_text(json.dumps(fails))
    told = [
        {"name": "Tell", "ansible.builtin.debug": {"msg": "MESSAGE {{ hostvars['db1'].kexec_upgrade_result.message }}"}}
    ]
    (controller.folder / "tell.yml").write_text(json.dumps(told))
    options = {
        "kexec_upgrade_hosts": "db",
        "kexec_upgrade_target": "staged",
        "kexec_upgrade_before_tasks": "before.yml",
    }
    run = controller.run(UPGRADE, everywhere={**options, "kexec_upgrade_wave_after_tasks": "tell.yml"})
    assert run.rc == 2
    assert "MESSAGE The shop answers 503. The target is unloaded" in run.output
    del options["kexec_upgrade_before_tasks"]
    look = controller.run(UPGRADE, "--check", everywhere={**options, "kexec_upgrade_verify_tasks": "before.yml"})
    assert "The shop answers" not in look.output


def test_defaults_of_the_group_of_modules_count(controller: Controller) -> None:
    play = {
        "hosts": "db",
        "gather_facts": False,
        "module_defaults": {"group/kho.kexec.kexec": {"handover": "perhaps"}},
        "tasks": [{"name": "Plan", "kho.kexec.kexec_plan_info": {}}],
    }
    (controller.folder / "site.yml").write_text(json.dumps([play]))
    run = controller.run("site.yml")
    assert run.rc == 2
    assert "value of handover must be one of: require, prefer, ignore, got: perhaps" in run.output
