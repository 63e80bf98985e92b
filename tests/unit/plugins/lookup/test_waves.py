# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import constants, context
from ansible.errors import AnsibleError
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader

from ansible_collections.kho.kexec.plugins.lookup.waves import DOCUMENTATION, LookupModule

NAME = "kho.kexec.waves"
HOSTS = ["web1", "web2", "web3", "web4"]
GROUPS = {"all": [*HOSTS, "db1"], "ungrouped": [], "web": HOSTS, "zone_a": ["web1", "web2"], "zone_b": ["web3", "web4"]}


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_limit(pattern: str | None) -> None:
        monkeypatch.setattr(context, "CLIARGS", ImmutableDict(subset=pattern))

    set_limit(None)
    return set_limit


def ask(*patterns: str, groups: dict[str, list[str]] | None = None, **options: Any) -> list[list[str]]:
    # As Ansible's loader of plugins does, which finds no collection here.
    constants.config.initialize_plugin_configuration_definitions(
        "lookup", NAME, yaml.safe_load(DOCUMENTATION)["options"]
    )
    lookup = LookupModule(loader=DataLoader())
    lookup._load_name = NAME
    variables = {"groups": GROUPS if groups is None else groups}
    found: list[list[str]] = lookup.run(list(patterns), variables=variables, **options)
    return found


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["all"], [*HOSTS, "db1"]),
        (["web"], HOSTS),
        (["web:!web2"], ["web1", "web3", "web4"]),
        (["web:&zone_b"], ["web3", "web4"]),
        (["zone_*"], HOSTS),
        (["web[1:2]"], ["web2", "web3"]),
        (["~web[12]"], ["web1", "web2"]),
        (["db1", "web4"], ["db1", "web4"]),
        (["db1,web4"], ["db1", "web4"]),
        (["nobody"], []),
        (["localhost"], ["localhost"]),
    ],
)
def test_patterns_are_those_of_plays(patterns: list[str], expected: list[str]) -> None:
    assert ask(*patterns, sizes=1) == [[host] for host in expected]


def test_limit_of_the_command_line_holds(limit: Any, tmp_path: Path) -> None:
    limit("zone_b:!web3")
    assert ask("all") == [["web4"]]
    (tmp_path / "play.retry").write_text("web2\nweb4\n")
    limit(f"@{tmp_path}/play.retry")
    assert ask("all", sizes=5) == [["web2", "web4"]]
    limit(f"@{tmp_path}/absent")
    with pytest.raises(AnsibleError, match="Unable to find limit file"):
        ask("all")


@pytest.mark.usefixtures("limit")
def test_inventory_may_be_empty() -> None:
    empty: dict[str, list[str]] = {"all": [], "ungrouped": []}
    assert ask("all", groups=empty) == []
    assert ask("localhost", groups=empty) == [["localhost"]]


@pytest.mark.usefixtures("limit")
def test_patterns_may_be_a_list_in_a_variable() -> None:
    patterns: Any = ["web", "!web2"]
    assert ask(patterns, sizes=5) == [["web1", "web3", "web4"]]


@pytest.mark.usefixtures("limit")
def test_sizes_and_limits() -> None:
    assert ask("web") == [["web1"], ["web2"], ["web3"], ["web4"]]
    assert ask("web", sizes=["100%"], limits={"zone_*": 1}) == [["web1", "web3"], ["web2", "web4"]]


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize("options", [{"sizes": "often"}, {"limits": {"zon_*": 1}}, {"limits": {"web": 0}}])
def test_mistakes_name_their_code(options: dict[str, Any]) -> None:
    with pytest.raises(AnsibleError, match=r"(waves_invalid|group_limit_unmatched|group_limits_invalid): The "):
        ask("web", **options)
