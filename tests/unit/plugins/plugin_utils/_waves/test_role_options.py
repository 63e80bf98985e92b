# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An option that is misspelt is an error, and names the right one."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import (
    ALL_OPTIONS,
    OPTIONS,
    OWN_ALIKE,
    PREFIXES,
    ROLES,
    could_be_option,
    prefix_of,
    require_known,
)
from tools.layout import ROOT


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("kexec_upgrade_targte", "kexec_upgrade_target"),
        ("kexec_upgrade_windw", "kexec_upgrade_window"),
        ("kexec_upgrade_max_failedd", "kexec_upgrade_max_failed"),
        ("kexec_upgarde_target", "kexec_upgrade_target"),
        ("kexec_upgrade_allow_cold_boot", "kexec_prepare_allow_cold_boot"),
        ("KEXEC_UPGRADE_TARGET", "kexec_upgrade_target"),
        ("Kexec-Upgrade-hots", "kexec_upgrade_hosts"),
        ("kexce_upgrade_target", "kexec_upgrade_target"),
        ("exec_upgrade_hosts", "kexec_upgrade_hosts"),
        ("kexec_update_target", "kexec_upgrade_target"),
        ("kexec_upgrade__target", "kexec_upgrade_target"),
    ],
)
def test_the_nearest_option_is_named(typed, meant):
    with pytest.raises(KhoError, match=f"^{typed} is not an option. Is {meant} meant") as caught:
        require_known("kexec_upgrade", ["kexec_upgrade_hosts", typed], where=" (it is set for web1)")
    assert caught.value.code == "option_unknown"
    assert "(it is set for web1). Correct" in caught.value.message
    assert "kexec_upgrade_own_variables" in caught.value.message


def test_name_of_a_role_alone_is_no_option():
    with pytest.raises(KhoError, match=r"^kexec_upgrade is not an option\. It would"):
        require_known("kexec_upgrade", ["kexec_upgrade"])


def test_nothing_is_guessed_where_nothing_is_near():
    with pytest.raises(KhoError, match=r"^kexec_facts_zzzzzzzzzz is not an option\. It would") as caught:
        require_known("kexec_facts", ["kexec_facts_zzzzzzzzzz"])
    assert "meant" not in caught.value.message


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_exists_is_known(prefix):
    require_known(prefix, OPTIONS[prefix])
    require_known(
        prefix, [f"{prefix}__private", f"{prefix}_result", "ansible_host", "kexec_tools", "kexec", "kho", "x"]
    )


@pytest.mark.parametrize(
    "name",
    [
        *("kernel_upgrade_target", "my_kexec_upgrade_target", "upgrade_target", "target", "kernel_upgrade_timeout"),
        *(
            "default_kexec_upgrade_hosts",
            "kexec_rollout_name",
            "kexec_rollout_ledger_url",
            "kho_release",
            "exec_timeout",
        ),
    ],
)
def test_own_names_that_are_only_alike_are_none_of_ours(name):
    for prefix in PREFIXES:
        require_known(prefix, [name], is_typed=True)


def test_what_is_typed_is_never_the_collection_s_own():
    private = ["kexec_upgrade__waves", "kexec_upgrade__options", "kexec_upgrade_result", "kexec_upgrade__commit"]
    require_known("kexec_upgrade", private)
    for name in private:
        with pytest.raises(KhoError, match=f"^{name} is not an option"):
            require_known("kexec_upgrade", [name], is_typed=True)


@pytest.mark.parametrize(
    ("name", "looks_like_one"),
    [
        ("kexec_upgrade_x", True),
        ("KEXEC_UPGRADE_X", True),
        ("kexce_x", True),
        ("kexec_upgrade__stage", False),
        ("kexec_upgrade__hosts", True),
        ("ansible_host", False),
        ("", False),
    ],
)
def test_which_variables_are_looked_at(name, looks_like_one):
    assert could_be_option(name) is looks_like_one


def test_own_variables_that_are_named_like_options_are_known_as_own():
    files = [path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml")]
    private = {name for path in files for name in re.findall(r"\bk\w+__\w+", path.read_text(encoding="utf-8"))}
    assert {name for name in private if name.replace("__", "_") in ALL_OPTIONS} == OWN_ALIKE


def test_options_of_other_roles_are_theirs():
    require_known("kexec_upgrade", ["kexec_prepare_nonsense", "kexec_prepare_allow_cold_boot"])


@pytest.mark.parametrize("own", [["kexec_upgrade_team"], ["kexec_upgrade_te*"], ["other", "*_team"]])
def test_own_variables_are_declared(own):
    require_known("kexec_upgrade", ["kexec_upgrade_team"], own)
    with pytest.raises(KhoError):
        require_known("kexec_upgrade", ["kexec_upgrade_wave"], own)


def test_many_mistakes_are_few_lines_and_cannot_forge_any():
    with pytest.raises(KhoError, match="and 95 more") as caught:
        require_known("kexec_upgrade", [f"kexec_upgrade_\n{{{{{number}" for number in range(100)])
    assert "\n" not in caught.value.message
    assert "{{" not in caught.value.message


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("kexec_upgrade_x", "kexec_upgrade"), ("kexec_facts_x", "kexec_facts"), ("kexec_upgradex", None), ("x", None)],
)
def test_prefix_of(name, prefix):
    assert prefix_of(name) == prefix


@pytest.mark.parametrize("role", ROLES)
def test_results_of_roles_are_no_options(role):
    """What tasks set without two underscores is known, for it is there when the role runs again."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "roles" / role / "tasks").rglob("*.yml")]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").rglob("*.yml")]
    found = re.findall(rf"(?:register: |^ +){role}_\w+(?=:|$)", "\n".join(texts), re.MULTILINE)
    require_known(role, [name.split()[-1] for name in found])


def test_all_variables_of_examples_are_known():
    for name in ("molecule", "playbooks/inventory"):
        for path in (ROOT / name).rglob("*.yml"):
            for prefix in PREFIXES:
                require_known(prefix, _keys(list(yaml.safe_load_all(path.read_text(encoding="utf-8")))))


def _keys(found):
    if isinstance(found, dict):
        return {*map(str, found), *(key for value in found.values() for key in _keys(value))}
    return {key for one in found for key in _keys(one)} if isinstance(found, list) else set()
