# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task files are found before they are due, or are an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.hooks import (
    OF_A_PLAY,
    OF_HOSTS,
    named,
    require_all,
    require_tasks,
    resolved,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import OPTIONS

VERIFY = "kexec_upgrade_verify_tasks"


def test_all_hooks_are_known() -> None:
    assert {*OF_A_PLAY, *OF_HOSTS} == {
        name for role in ("kexec_upgrade", "kexec_soak") for name in OPTIONS[role] if name.endswith("_tasks")
    }


def test_first_folder_counts(tmp_path: Path) -> None:
    beside, inventory = tmp_path / "playbooks", tmp_path / "inventory"
    for folder in (beside, inventory):
        folder.mkdir()
    (inventory / "verify.yml").touch()
    where = [str(beside), str(inventory)]
    assert resolved([(VERIFY, "verify.yml")], where) == {"verify.yml": str(inventory / "verify.yml")}
    (beside / "verify.yml").touch()
    assert resolved([(VERIFY, "verify.yml")], where) == {"verify.yml": str(beside / "verify.yml")}
    whole = str(inventory / "verify.yml")
    assert resolved([(VERIFY, whole)], where) == {whole: whole}


def test_what_is_nowhere_is_told_with_its_places(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(KhoError) as caught:
        resolved([(VERIFY, "folder"), (VERIFY, "/no/such")], [str(tmp_path), "/srv"])
    assert caught.value.code == "hook_missing"
    assert f"{VERIFY} (folder: there is no file {tmp_path}/folder, /srv/folder)" in caught.value.message
    assert f"{VERIFY} (/no/such: there is no file /no/such)" in caught.value.message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "Ansible cannot read it: "),
        ("a: 1", "it is no list of tasks"),
        ("- debug", "it is no list of tasks"),
        ("- hosts: all\n  tasks: []", "it is a playbook"),
        ("- ansible.builtin.import_playbook: x.yml", "it is a playbook"),
        (None, "Ansible cannot read it: "),
    ],
)
def test_file_that_is_no_list_of_tasks(tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "verify.yml"
    if text is None:
        file.mkdir()
    else:
        file.write_text(text)
    with pytest.raises(KhoError) as caught:
        require_tasks([(VERIFY, str(file))], DataLoader().load_from_file)
    assert caught.value.code == "hook_invalid"
    assert f"{VERIFY} ({file}: {why}" in caught.value.message


@pytest.mark.parametrize(
    "text", ["", "[]", "- debug: {msg: hosts}\n- name: x\n  include_tasks: y.yml", "- acme.net.hosts: {}"]
)
def test_file_that_is_a_list_of_tasks(tmp_path: Path, text: str) -> None:
    (tmp_path / "verify.yml").write_text(text)
    require_tasks([(VERIFY, f"{tmp_path}/verify.yml")], DataLoader().load_from_file)


def test_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.yml").touch()
    assert resolved([(VERIFY, "~/x.yml")], ["/srv"]) == {"~/x.yml": f"{tmp_path}/x.yml"}


def test_only_what_is_set_is_named() -> None:
    assert named(OF_HOSTS, {VERIFY: "x", "kexec_upgrade_after_tasks": "", "kexec_upgrade_x": "y"}) == {VERIFY: "x"}
    require_all([])
