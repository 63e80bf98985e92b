# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments that the role gives kexec_image: few templates are compiled for them, and all come to the same."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.kho.kexec.plugins.action import kexec_image

ROLE = Path(__file__).parents[4] / "roles/kexec_upgrade"
LOADED = """
import sys
from ansible_collections.kho.kexec.plugins.action import kexec_image
print(all("ansible_collections.kho.kexec.plugins.filter." + name in sys.modules for name in sys.argv[1:]))
"""


class Counting:
    """Templates as Ansible does, and keeps what was a template."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self._templar = Templar(loader=DataLoader(), variables=variables)
        self.compiled: list[str] = []

    def template(self, value: Any) -> Any:
        if isinstance(value, str) and "{{" in value:
            self.compiled.append(value)
        return self._templar.template(value)


def load(path: str) -> dict[str, Any]:
    """Read a file of a role as Ansible does: since ansible-core 2.19, who reads says that its templates are trusted."""
    read = DataLoader().load_from_file
    asked = {"trusted_as_template": True} if "trusted_as_template" in inspect.signature(read).parameters else {}
    return dict(read(path, **asked))


def variables_of_role() -> dict[str, Any]:
    found: dict[str, Any] = {"ansible_check_mode": False, "ansible_forks": 5, "ansible_play_batch": ["web1"]}
    for part in ("defaults", "vars"):
        found |= load(str(ROLE / part / "main.yml"))
    # Templates of these have the collection's filter, which only Ansible itself finds.
    made = {"kexec_upgrade__claim_timeout": 900, "kexec_upgrade_guard": "off", "kexec_upgrade__guard_options": {}}
    return {**found, **made, "kexec_upgrade_target": "7.3.4-kho", "kexec_upgrade_panic": "1m"}


def plugin(templar: Counting, of_role: dict[str, Any]) -> kexec_image.ActionModule:
    task = MagicMock(args={"entry_point": "main"}, check_mode=False, async_val=0)
    made: Any = kexec_image.ActionModule
    found: kexec_image.ActionModule = made(task, MagicMock(), MagicMock(), MagicMock(), templar, MagicMock())
    found._of_role = of_role
    return found


def test_only_what_is_more_than_a_name_is_compiled() -> None:
    variables = variables_of_role()
    templar = Counting(variables)
    given = plugin(templar, variables)._given(variables)
    assert len(templar.compiled) <= 4, templar.compiled
    ansible = Templar(loader=DataLoader(), variables=variables)
    for name, text in variables[kexec_image.LOAD].items():
        if "kho.kexec.seconds" not in text and (name in given or name not in kexec_image.EMPTY_IS_NONE):
            assert given[name] == ansible.template(text), name
    assert (given["panic"], given["release"], "guard" in given) == (60, "7.3.4-kho", False)


def test_filters_are_read_before_ansible_forks() -> None:
    names = [path.stem for path in (ROLE.parents[1] / "plugins/filter").glob("*.py")]
    done = subprocess.run([sys.executable, "-c", LOADED, *names], capture_output=True, text=True, check=True)
    assert names
    assert done.stdout == "True\n"


def test_what_the_role_loads_with_is_a_list_of_arguments() -> None:
    text = (ROLE / "vars/main.yml").read_text()
    plain = [value for value in yaml.safe_load(text)[kexec_image.LOAD].values() if kexec_image._PLAIN.fullmatch(value)]
    assert len(plain) >= 18
