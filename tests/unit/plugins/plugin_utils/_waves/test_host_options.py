# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of one host: what is wrong with them is found before the host is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.host_options import HostOptions


class Templar:
    """Makes `soon` of one template, and leaves everything else as it is."""

    def template(self, value: Any) -> Any:
        return "soon" if value == "{{ when }}" else value


class Loader:
    """Finds task files in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_dwim_relative(self, begin: str, kind: str, path: str) -> str:
        assert os.path.basename(begin) == kind
        return str(self._folder / path)

    def load_from_file(self, path: str) -> Any:
        return [] if Path(path).stat().st_size == 0 else {}


@pytest.fixture
def role(tmp_path: Path) -> dict[str, Any]:
    """Variables of a host while the role runs there."""
    return {"role_path": str(tmp_path), "kexec_upgrade_target": "newest"}


def check(
    tmp_path: Path, variables: dict[str, Any], transport: str = "ssh", role: str = "kexec_upgrade"
) -> dict[str, Any]:
    return HostOptions(variables, transport, Templar(), Loader(tmp_path)).require_valid(role, "main")


def test_options_that_can_be(tmp_path: Path, role: dict[str, Any]) -> None:
    (tmp_path / "before.yml").touch()
    check(tmp_path, {**role, "kexec_upgrade_before_tasks": "before.yml", "kexec_upgrade_timeout": "10m"})


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"kexec_upgrade_panic": "{{ when }}"}, "options_invalid"),
        ({"kexec_upgrade_targte": "7.3.4-kho"}, "option_unknown"),
        ({"ansible_facts": {"kexec_upgrade__load": {}}}, "options_from_host"),
        ({"kexec_upgrade_verify_tasks": "nowhere.yml"}, "hook_missing"),
        ({"kexec_upgrade_verify_tasks": "mapping.yml"}, "hook_invalid"),
    ],
)
def test_what_is_wrong_has_a_code(tmp_path: Path, role: dict[str, Any], wrong: dict[str, Any], code: str) -> None:
    (tmp_path / "mapping.yml").write_text("a: 1", encoding="utf-8")
    with pytest.raises(KhoError) as refused:
        check(tmp_path, {**role, **wrong})
    assert refused.value.code == code


def test_each_option_that_is_wrong_has_a_sentence(tmp_path: Path, role: dict[str, Any]) -> None:
    with pytest.raises(KhoError) as refused:
        check(tmp_path, {**role, "kexec_upgrade_panic": "{{ when }}", "kexec_upgrade_guard": "of"})
    guard, panic = refused.value.findings["errors"]
    assert "require, prefer, off" in guard
    assert panic.startswith("kexec_upgrade_panic: 'soon'")


def test_hook_that_the_playbook_found_is_not_looked_for_again(tmp_path: Path, role: dict[str, Any]) -> None:
    settled = {"kexec_upgrade__settled": {"hooks": {"after.yml": "/srv/after.yml"}}}
    check(tmp_path, {**role, **settled, "kexec_upgrade_after_tasks": "after.yml"})


@pytest.mark.parametrize(
    ("transport", "code"),
    [("local", "connection_local"), ("docker", "connection_without_kernel"), ("winrm", "connection_unsupported")],
)
def test_connection_must_lead_to_a_host_that_can_be_left(
    tmp_path: Path, role: dict[str, Any], transport: str, code: str
) -> None:
    with pytest.raises(KhoError) as refused:
        check(tmp_path, role, transport)
    assert refused.value.code == code


def test_other_roles_go_where_they_can(tmp_path: Path, role: dict[str, Any]) -> None:
    check(tmp_path, {"role_path": role["role_path"]}, "local", "kexec_prepare")
    with pytest.raises(KhoError) as refused:
        check(tmp_path, {"kexec_prepare_allow_cold_boot": True}, "local", "kexec_prepare")
    assert refused.value.code == "connection_local"


def test_what_a_vault_has_encrypted_is_the_text_that_it_holds(tmp_path: Path, role: dict[str, Any]) -> None:
    class AnsibleVaultEncryptedUnicode:
        """As ansible-core has them before 2.19, where templates leave them as they are."""

        def __str__(self) -> str:
            return "7.3.4-kho"

    found = check(tmp_path, {**role, "kexec_upgrade_target": AnsibleVaultEncryptedUnicode()})
    assert found == {"kexec_upgrade_target": "7.3.4-kho"}
