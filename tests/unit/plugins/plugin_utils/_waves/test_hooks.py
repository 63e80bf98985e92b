# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task files are found before they are due, or are an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.hooks import (
    OF_A_PLAY,
    OF_HOSTS,
    named,
    require_all,
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
    assert f"{VERIFY} (folder: there is no {tmp_path}/folder, /srv/folder)" in caught.value.message
    assert f"{VERIFY} (/no/such: there is no /no/such)" in caught.value.message


def test_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.yml").touch()
    assert resolved([(VERIFY, "~/x.yml")], ["/srv"]) == {"~/x.yml": f"{tmp_path}/x.yml"}


def test_only_what_is_set_is_named() -> None:
    assert named(OF_HOSTS, {VERIFY: "x", "kexec_upgrade_after_tasks": "", "kexec_upgrade_x": "y"}) == {VERIFY: "x"}
    require_all([])
