# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is typed after --extra-vars has an effect, or is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from ansible import context
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.utils import vars as ansible_vars

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.extra_vars import (
    given_variables,
    require_names,
    require_taken,
)

UPGRADE = "kho.kexec.kexec_upgrade"
TAKEN = {"kexec_upgrade_hosts", "kexec_upgrade_target", "kexec_upgrade_own_variables"}
Command = Callable[..., DataLoader]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Has Ansible know a command line, and returns its loader of files."""

    def typed(*extra_vars: str, playbooks: Iterable[str] = (UPGRADE,)) -> DataLoader:
        known = ImmutableDict(extra_vars=extra_vars, args=tuple(playbooks))
        monkeypatch.setattr(context, "CLIARGS", known)
        monkeypatch.setattr(ansible_vars.load_extra_vars, "extra_vars", None, raising=False)
        return DataLoader()

    return typed


def test_variables_that_are_given(command: Command) -> None:
    loader = command("kexec_upgrade_target=a kexec_upgrade_hosts='b c'", '{"kexec_upgrade_waves": [1]}')
    given = given_variables(loader)
    assert dict(given) == {"kexec_upgrade_target": "a", "kexec_upgrade_hosts": "b c", "kexec_upgrade_waves": [1]}
    assert not given_variables(command())


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("kexec_upgrade_target", "'kexec_upgrade_target'"),
        ("kexec_upgrade_target: 7.3.4-kho", "'kexec_upgrade_target: 7.3.4-kho'"),
        ("kexec_upgrade_target = 7.3.4-kho", "'kexec_upgrade_target = 7.3.4-kho'"),
        ("kexec_upgrade_hosts=web1 web2", "'web2'"),
        ("=web1", "'=web1'"),
        ("x{{ y }} \n", "'x"),
    ],
)
def test_what_ansible_reads_as_no_variable_is_not_ignored(command: Command, typed: str, shown: str) -> None:
    loader = command("kexec_upgrade_panic=0", typed)
    with pytest.raises(KhoError, match="^--extra-vars has ") as caught:
        given_variables(loader)
    assert caught.value.code == "option_unknown"
    assert shown in caught.value.message
    assert "\n" not in caught.value.message
    assert "{{" not in caught.value.message


def test_names_of_all_prefixes_are_looked_at() -> None:
    require_names(["kexec_report_mine", "kexec_prepare_waves"], {"kexec_report": ["kexec_report_m*"]})
    for name in ("kexec_report_hots", "kexec_upgrade__waves", "kexec_soak_result"):
        with pytest.raises(KhoError, match=f"^{name} is not an option"):
            require_names([name], {})


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("kexec_prepare_hosts=web1", "kexec_prepare_hosts (is kexec_upgrade_hosts meant?)"),
        ('{"kexec_prepare_hosts": "web1"}', "kexec_prepare_hosts (is kexec_upgrade_hosts meant?)"),
        ("kexec_upgrade_gate_soak=10m", "kexec_upgrade_gate_soak."),
    ],
)
def test_option_of_another_playbook_is_not_ignored(command: Command, typed: str, meant: str) -> None:
    with pytest.raises(KhoError, match="^kexec_upgrade does not take ") as caught:
        require_taken("kexec_upgrade", TAKEN, {}, command("kexec_upgrade_target=x", typed))
    assert caught.value.code == "option_unknown"
    assert meant in caught.value.message


def test_options_for_several_playbooks_are_all_right(command: Command) -> None:
    typed = "kexec_prepare_hosts=web1"
    require_taken("kexec_upgrade", TAKEN, {}, command(typed, playbooks=["site.yml"]))
    require_taken("kexec_upgrade", TAKEN, {}, command(typed, playbooks=["kho.kexec.kexec_prepare", UPGRADE]))
    require_taken("kexec_upgrade", TAKEN, {"kexec_prepare": "kexec_prepare_*"}, command(typed))
    require_taken("kexec_upgrade", TAKEN, {}, command("@kexec_prepare_hosts.yml", "mine=1"))
