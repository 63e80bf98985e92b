# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns and limits as people write them take the hosts that Ansible takes, and none is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.inventory import matching, require_hosts

# A group has the name of a host, names have hyphens, dots and colons, and one group has nobody.
INVENTORY = """\
all:
  children:
    web-servers: {hosts: {"web[01:12].example.com": }}
    web: {hosts: {web: , web-a: }}
    db:
      children:
        db_eu: {hosts: {db1: , "2001:db8::1": , "10.0.0.1": }}
        db_us: {hosts: {db2: }}
    empty: {}
    old.group: {hosts: {h: }}
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that gives the hosts that we take, and those that Ansible takes."""
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    (tmp_path / "site.retry").write_text("web01.example.com\ndb1\n")
    monkeypatch.chdir(tmp_path)
    loader = DataLoader()

    def hosts(patterns: Any, limit: str | None) -> tuple[list[str], list[str]]:
        monkeypatch.setattr(context, "CLIARGS", ImmutableDict(subset=limit))
        inventory = InventoryManager(loader, sources=["hosts.yml"])
        groups = inventory.get_groups_dict()
        require_hosts(patterns, groups, "kexec_upgrade_hosts")
        inventory.subset(limit)
        return matching(loader, patterns, groups), [str(host.name) for host in inventory.get_hosts(patterns)]

    return hosts


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        (None, 19),
        ("@site.retry", 2),
        ("web-servers", 12),
        ("db:!db2", 3),
        ("all,!db2", 18),
        ("!db2", 18),
        ("~web\\d+.*", 12),
        ("~(web|db)[0-9]+", 14),
        ("db[0]", 1),
        ("web-servers[0:3]", 4),
        ("web-servers[-1]", 1),
        ("2001:db8::1", 1),
        ("10.0.0.*", 1),
        ("web0[1-3]*", 3),
        ("web*:&web-servers", 12),
        ("~^db:&db_eu", 3),
        (" web , db ", 5),
        ("old.group", 1),
        ("empty", 0),
        ("localhost", 0),
    ],
)
def test_limits(world: Any, limit: str | None, count: int) -> None:
    ours, ansibles = world("all", limit)
    assert (ours, len(ours)) == (ansibles, count)


@pytest.mark.parametrize(
    "patterns",
    [
        ["web", "db"],
        ["db1", "2001:db8::1", "10.0.0.1"],
        "2001:db8::1,db2",
        "db_*",
        "~db_(eu|us)",
        "web:web-servers:!~.*0[1-5].*",
        "web-servers[0:2],db",
        "all:!empty",
        "all:!ungrouped",
        "web-servers:&~web0[1-3].*",
        "localhost",
    ],
)
def test_patterns(world: Any, patterns: Any) -> None:
    ours, ansibles = world(patterns, None)
    assert ours == ansibles
    assert ours


@pytest.mark.parametrize("limit", ["wbe", "all:!db3", "web;db", "10.0.1.*"])
def test_names_that_nobody_has(world: Any, limit: str) -> None:
    with pytest.raises(KhoError, match="--limit names what the inventory does not have"):
        world("all", limit)
