# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for a whole play is settled in one place, and hosts that do not agree are no play."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import (
    ADDRESSES,
    PLAYBOOKS,
    is_true,
    settled,
    watched,
)
from tools.layout import ROOT

FLEET = {"web1": {}, "web2": {}, "db1": {}}
GROUPS = {"all": ["web1", "web2", "db1"], "web": ["web1", "web2"], "db": ["db1"], "localhost": ["localhost"]}
WAVES, HOSTS = "kexec_upgrade_waves", "kexec_upgrade_hosts"


def settle(playbook="kexec_upgrade", given=None, **said):
    return settled(playbook, given or {}, {**FLEET, **said}, lambda pattern: GROUPS.get(pattern, []))


def refused(*arguments, **said):
    with pytest.raises(KhoError) as caught:
        settle(*arguments, **said)
    return caught.value


def test_nobody_says_anything():
    assert settle() == PLAYBOOKS["kexec_upgrade"]


def test_all_hosts_say_the_same():
    said = dict.fromkeys(FLEET, {WAVES: [4], "kexec_upgrade_max_failed": 0})
    assert settle(**said) == {**PLAYBOOKS["kexec_upgrade"], WAVES: [4], "kexec_upgrade_max_failed": 0}


def test_what_is_given_counts_first():
    assert settle(given={WAVES: 2}, web1={WAVES: [4]})[WAVES] == 2


def test_null_is_not_set():
    assert settle(given={WAVES: None}, web1={WAVES: None})[WAVES] == "canary"


@pytest.mark.parametrize(("one", "other"), [([4], [5]), (1, True), ([4], None)])
def test_hosts_that_do_not_agree_are_named_with_their_values(one, other):
    error = refused(web1={WAVES: one}, web2={WAVES: one}, db1={WAVES: other})
    assert error.code == "play_options_differ"
    assert f"{WAVES} is {one!r} for web1 web2; " in error.message
    assert ("not set, which means 'canary', for db1." if other is None else f"{other!r} for db1.") in error.message


def test_only_hosts_of_the_play_must_agree():
    options = settle(web1={WAVES: [4], HOSTS: "web"}, web2={WAVES: [4], HOSTS: "web"}, db1={WAVES: 1, HOSTS: "web"})
    assert (options[HOSTS], options[WAVES]) == ("web", [4])


def test_all_that_differs_is_named_and_few_hosts():
    many = {f"host{number}": {WAVES: [number % 5], "kexec_upgrade_ledger": True} for number in range(100)}
    with pytest.raises(KhoError, match=r"and 15 more") as caught:
        settled("kexec_upgrade", {}, {**many, "web1": {}}, lambda _pattern: [*many, "web1"])
    assert "kexec_upgrade_ledger is True for host0 host1 host2 host3 host4 and 95 more; not set" in caught.value.message
    assert len(caught.value.message) < 1200


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_addresses_are_not_shown(name):
    error = refused(web1={name: "https://me:secret@one"}, web2={name: "https://me:secret@two"})
    assert name in error.message
    assert "secret" not in error.message


def test_values_cannot_forge_lines():
    assert "\n" not in refused(web1={WAVES: "x\n\x1b[2J{{ y }}"}).message
    assert "{{" not in refused(web1={WAVES: "{{ y }}"}).message


@pytest.mark.parametrize("playbook", ["kexec_upgrade", "kexec_rollback", "kexec_prepare"])
def test_no_host_is_an_error_of_its_own(playbook):
    role = "kexec_prepare" if playbook == "kexec_prepare" else "kexec_upgrade"
    pattern = {f"{role}_hosts": "nobody"}
    error = refused(playbook, pattern)
    assert (error.code, f"'nobody' ({role}_hosts)" in error.message) == ("no_hosts_matched", True)
    assert settle(playbook, {**pattern, f"{role}_allow_empty": "yes"})[f"{role}_hosts"] == "nobody"
    allowed = dict.fromkeys(FLEET, {f"{role}_allow_empty": True})
    assert settle(playbook, pattern, **allowed)[f"{role}_hosts"] == "nobody"


def test_playbooks_that_change_nothing_may_have_no_host():
    assert settle("kexec_report", {"kexec_report_hosts": "nobody"}) == {"kexec_report_hosts": "nobody"}


@pytest.mark.parametrize(
    ("given", "said", "sizes"),
    [
        ({}, {}, "100%"),
        ({}, {"kexec_prepare_allow_cold_boot": False}, "100%"),
        ({}, {"kexec_prepare_allow_cold_boot": True}, "canary"),
        ({"kexec_prepare_allow_cold_boot": "true"}, {}, "canary"),
        ({"kexec_prepare_allow_cold_boot": "false"}, {"kexec_prepare_allow_cold_boot": True}, "100%"),
        ({}, {"kexec_prepare_allow_cold_boot": True, "kexec_prepare_waves": [2]}, [2]),
        ({"kexec_prepare_hosts": "web"}, {"kexec_prepare_allow_cold_boot": True}, "100%"),
    ],
)
def test_hosts_that_may_be_cold_booted_go_in_waves(given, said, sizes):
    """Also when only one host of the play may; the fleet would go together otherwise."""
    others = dict.fromkeys(FLEET, {key: value for key, value in said.items() if key == "kexec_prepare_waves"})
    assert settle("kexec_prepare", given, **{**others, "db1": said})["kexec_prepare_waves"] == sizes


def test_facts_are_of_this_machine_without_an_inventory():
    look = settled("kexec_facts", {}, {}, lambda pattern: GROUPS[pattern])
    assert look == {**PLAYBOOKS["kexec_facts"], "kexec_facts_hosts": "localhost"}
    assert settle("kexec_facts")["kexec_facts_hosts"] == "all"


@pytest.mark.parametrize("value", [True, "yes", "True", "1", 1, "on"])
def test_words_for_true(value):
    assert is_true(value)
    assert not is_true("no")


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_all_options_are_used_and_all_that_are_used_are_options(playbook):
    tasks = (ROOT / "playbooks" / "tasks").glob("*.yml") if playbook == "kexec_upgrade" else ()
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "playbooks" / f"{playbook}.yml", *tasks)]
    used = set(re.findall(r"__(?:options|addresses\.options)\.(\w+)", "".join(texts)))
    assert used == {name for name in PLAYBOOKS[playbook] if not name.endswith("_allow_empty")}
    head = texts[0].partition("- name:")[0]
    assert {name for name in PLAYBOOKS[playbook] if name not in head} == set()
    assert set(watched(playbook)) >= set(PLAYBOOKS[playbook])


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_variables_of_plays_are_no_defaults(playbook):
    """They would count before the inventory."""
    for play in yaml.safe_load((ROOT / "playbooks" / f"{playbook}.yml").read_text(encoding="utf-8")):
        own = {name: value for name, value in play.get("vars", {}).items() if "__" not in name}
        assert [name for name, value in own.items() if f"options.{name} }}}}" not in value] == []
