# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two groups of equal rank that set one option of a host differently are no groups of one host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.groups import Groups

TARGET, URL = "kexec_upgrade_target", "kexec_upgrade_ledger_url"


def check(tmp_path: Path, web: dict[str, Any], east: dict[str, Any], host: dict[str, Any], **given: Any) -> None:
    children = {
        "web": {"hosts": {"web1": host, "web2": host}, "vars": web},
        "east": {"hosts": {"web1": {}, "web2": {}}, "vars": east},
    }
    path = tmp_path / "inventory.yml"
    path.write_text(json.dumps({"all": {"vars": {TARGET: "of all"}, "children": children}}))
    loader = DataLoader()
    loader.set_basedir(str(tmp_path))
    inventory = InventoryManager(loader, sources=[str(path)])
    Groups(inventory, loader).require_agreement(["web1", "web2"], given, frozenset({URL}))


@pytest.mark.parametrize(
    ("web", "east", "host", "given"),
    [
        ({TARGET: "7.2"}, {}, {}, {}),
        ({TARGET: "7.2"}, {TARGET: "7.2"}, {}, {}),
        ({"other": 1}, {"other": 2}, {}, {}),
        ({TARGET: "7.2"}, {TARGET: "7.3"}, {TARGET: "7.4"}, {}),
        ({TARGET: "7.2"}, {TARGET: "7.3"}, {}, {TARGET: "7.4"}),
        ({TARGET: "7.2", "ansible_group_priority": 10}, {TARGET: "7.3"}, {}, {}),
    ],
)
def test_one_value_counts(tmp_path: Path, web: Any, east: Any, host: Any, given: Any) -> None:
    check(tmp_path, web, east, host, **given)


def test_two_values(tmp_path: Path) -> None:
    with pytest.raises(KhoError) as caught:
        check(tmp_path, {TARGET: "7.2", URL: "secret"}, {TARGET: "7.3", URL: "hidden"}, {})
    assert caught.value.code == "groups_differ"
    assert f"{TARGET} is '7.3' in east, '7.2' in web for web1 web2" in caught.value.message
    assert URL in caught.value.message
    assert "secret" not in caught.value.message
