# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import context
from ansible.errors import AnsibleError
from ansible.module_utils.common.collections import ImmutableDict

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.inventory import folders, said_of

NAMES = ("kexec_waves", "kexec_window")


class Templar:
    @staticmethod
    def is_template(value: Any) -> bool:
        return "{{" in str(value)


class HostVars(dict[str, dict[str, Any]]):
    """What ``raw_get`` returns; what a template becomes is in ``made``, an error to be raised with it."""

    made: Any = None

    def raw_get(self, host: str) -> dict[str, Any]:
        return super().__getitem__(host)

    def __getitem__(self, host: str) -> Any:
        if isinstance(self.made, Exception):
            raise self.made
        return {"kexec_waves": self.made, "kexec_x": "{{ y }}"}


def said(made: Any = None, **hosts: Any) -> dict[str, dict[str, Any]]:
    hostvars = HostVars(hosts)
    hostvars.made = made
    return said_of(hostvars, Templar, list(hosts), NAMES)


def test_only_what_is_asked_for_has_a_value() -> None:
    assert said(web1={"kexec_waves": [4], "other": 1, "kexec_x": "{{ y }}"}, web2={}) == {
        "web1": {"kexec_waves": [4], "kexec_x": "{{ y }}"},
        "web2": {},
    }


def test_templates_get_their_values() -> None:
    assert said([1, 2], web1={"kexec_waves": "{{ sizes }}"}) == {"web1": {"kexec_waves": [1, 2]}}


def test_facts_are_not_the_inventory_s() -> None:
    hostile = {"kexec_waves": [1000], "kexec_window": [], "ansible_facts": {"kexec_waves": [1000]}}
    assert said(web1=hostile) == {"web1": {"kexec_window": []}}


@pytest.mark.parametrize("made", ["{{ sizes }}", AnsibleError("'sizes' is undefined")])
def test_template_without_a_value_is_refused(made: Any) -> None:
    with pytest.raises(KhoError, match=r"kexec_waves of web1 is a template that has no value") as caught:
        said(made, web1={"kexec_waves": "{{ sizes }}"})
    assert caught.value.code == "options_invalid"


def test_where_relative_paths_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("playbooks", "inventory", "here"):
        (tmp_path / name).mkdir()
    (tmp_path / "hosts.yml").touch()
    (tmp_path / "playbooks/site.yml").touch()
    sources = [str(tmp_path / "inventory"), str(tmp_path / "hosts.yml"), "web1,web2", str(tmp_path / "absent")]
    monkeypatch.setattr(
        context,
        "CLIARGS",
        ImmutableDict(inventory=sources, args=["kho.kexec.kexec_upgrade", str(tmp_path / "playbooks/site.yml")]),
    )
    monkeypatch.chdir(tmp_path / "here")
    expected = [tmp_path / "playbooks", tmp_path / "inventory", tmp_path, tmp_path / "here"]
    assert folders() == [str(folder) for folder in expected]
