# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a careless operator types, one mistake at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from integration.play_options.test_play_options import PREPARE, UPGRADE, Controller
from integration.play_options.test_told_at_once import controller, refuse

__all__ = ["controller"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"hosts": ""}, "kexec_upgrade_hosts: '' is no pattern of hosts; to take all of them, write all"),
        ({"hosts": None}, "Options have no value (null): kexec_upgrade_hosts"),
        ({"hosts": "all:!wbe1"}, "kexec_upgrade_hosts names what the inventory does not have: wbe1 (is web1 meant?)"),
        ({"hosts": "web1,web9"}, "web9 (is web"),
        ({"target": "7.3.4\u2013kho"}, "which no release has"),
        ({"target": "{{ targt }}"}, "kexec_upgrade_target: it is a template that has no value"),
        ({"waves": "{{ waves_of_mine }}"}, "kexec_upgrade_waves is a template that has no value"),
        ({"waves": "1,5,25"}, "waves_invalid"),
        ({"waves": "canry"}, "'canry' (is canary meant?)"),
        ({"group_limits": {"wbe": 1}}, "matches no group of the inventory (is web meant?)"),
        ({"window": ""}, "kexec_upgrade_window"),
        ({"pause_file": "/srv/pause "}, "kexec_upgrade_pause_file: '/srv/pause ' is a text with a blank at an end"),
        ({"fleet_lock_url": "fleetlock.example.com"}, "kexec_upgrade_fleet_lock_url: what was given is no address"),
    ],
)
def test_one_option_on_the_command_line(controller: Controller, given: dict[str, Any], why: str) -> None:
    said = refuse(controller, UPGRADE, "-e", json.dumps({f"kexec_upgrade_{name}": given[name] for name in given}))
    assert why in said


def test_limit_that_names_nobody_is_not_ignored(controller: Controller) -> None:
    assert "--limit names what the inventory does not have: wbe1 (is web1 meant?)" in refuse(
        controller, UPGRADE, "--limit", "all:!wbe1"
    )
    run = controller.run(UPGRADE, "--limit", "all:!wbe1", "-e", "kexec_upgrade_allow_empty=yes")
    assert run.rc == 0
    run = controller.run(UPGRADE, "--limit", "web[0:1]:&web*:!~db.*")
    assert run.rc == 0


def test_words_of_the_command_line_are_no_conditions(controller: Controller) -> None:
    """`-e option=no` gives a text, which is true to a condition."""
    for word in ("no", "false", "off", "0"):
        run = controller.run(PREPARE, "-e", f"kexec_prepare_allow_cold_boot={word}")
        assert (run.rc, "Cold-boot the host" in run.output) == (0, False)
    run = controller.run(PREPARE, "-e", "kexec_prepare_allow_cold_boot=y")
    assert (run.rc, "Cold-boot the host" in run.output) == (2, True), "a stand-in is not started anew"


def test_option_that_only_a_host_can_tell_is_left_to_the_role(controller: Controller) -> None:
    run = controller.run(UPGRADE, everywhere={"kexec_upgrade_panic": "{{ ansible_facts.panic }}"})
    assert (run.rc, "options_invalid" in run.output, run.waves("Upgrade kernels")) == (2, True, 1)
    assert "Undo what was staged" not in run.output


def test_what_is_not_set_for_hosts_that_stay_away_stops_nobody(controller: Controller) -> None:
    unfinished = {"kexec_upgrade_commit": None}
    assert "kexec_upgrade_commit of db1" in refuse(controller, groups={"db": unfinished})
    assert controller.run(UPGRADE, "-e", "kexec_upgrade_hosts=web", groups={"db": unfinished}).rc == 0


def test_template_may_speak_of_another_option_s_default(controller: Controller) -> None:
    run = controller.run(UPGRADE, everywhere={"kexec_upgrade_rollback_timeout": "{{ kexec_upgrade_timeout }}"})
    assert run.rc == 0


def test_options_may_be_in_a_vault(controller: Controller) -> None:
    """Each by itself, among the variables of a group and those of the command line."""
    (controller.folder / "password").write_text("x")
    options = {"ledger_url": "sqlite:////nonexistent/ledger.db", "handover": "prefer"}
    for name, text in options.items():
        secret = controller.encrypted(text, "password")
        (controller.folder / f"{name}.yml").write_text(f"kexec_upgrade_{name}: !vault |\n{secret}")
    (controller.folder / "group_vars").mkdir()
    (controller.folder / "group_vars/web.yml").write_text((controller.folder / "handover.yml").read_text())
    given = ("--vault-password-file", "password", "-e", "@ledger_url.yml", "--limit", "web")
    assert controller.run(UPGRADE, *given).rc == 0


def test_list_of_own_variables_may_be_a_text(controller: Controller) -> None:
    own = {"kexec_upgrade_mine": 1, "kexec_upgrade_targte": 1, "kexec_upgrade_own_variables": "kexec_upgrade_min*"}
    assert "kexec_upgrade_targte is not an option." in refuse(controller, everywhere=own)


def test_groups_that_do_not_agree_on_a_host(controller: Controller) -> None:
    (controller.folder / "more.yml").write_text(json.dumps({"east": {"hosts": {"web1": {}, "web2": {}}}}))
    (controller.folder / "group_vars").mkdir()
    (controller.folder / "group_vars/east.yml").write_text("kexec_upgrade_handover: prefer")
    web = {"web": {"kexec_upgrade_handover": "ignore"}}
    said = refuse(controller, UPGRADE, "-i", "more.yml", groups=web)
    assert "groups_differ" in said
    assert "kexec_upgrade_handover is 'prefer' in east, 'ignore' in web for web1 web2." in said
    run = controller.run(UPGRADE, "-i", "more.yml", "-e", "kexec_upgrade_handover=require", groups=web)
    assert run.rc == 0
    (controller.folder / "host_vars").mkdir()
    for host in ("web1", "web2"):
        (controller.folder / f"host_vars/{host}.yml").write_text("kexec_upgrade_handover: require")
    assert controller.run(UPGRADE, "-i", "more.yml", groups=web).rc == 0
    assert controller.run(UPGRADE, groups=web, everywhere={"kexec_upgrade_handover": "prefer"}).rc == 0
