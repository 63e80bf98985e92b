# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of variables, made from the argument specs of the roles and from what the playbooks settle.

$ PYTHONPATH=tests:build/collections python3 -m contract.variables    # writes docs/reference/variables.md anew
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import PLAYBOOKS

from .tree import ROLES, ROOT, load

PAGE = ROOT / "docs" / "reference" / "variables.md"
HEAD = """\
# Variables

Made from the argument specs of the roles; `ansible-doc -t role kho.kexec.ROLE` shows the same. All may be set in the
inventory. The playbooks take them too, and have [variables of their own](#playbooks).

`NAME[].KEY` is a key of each mapping in the list `NAME`.
"""
PLAYS = """\
## playbooks

Made from the options that the playbooks settle for a whole play: all of its hosts have the same. They may be set in
the inventory, or with `--extra-vars`, which counts first.

| variable | default | playbooks | explained in |
|---|---|---|---|
"""
# Where the options of plays are explained, by the beginnings of their names: a page of docs/howto, and what it is on.
EXPLAINED = {
    "kexec_upgrade": ("fleet.md", "a fleet"),
    "kexec_prepare": ("prepare.md", "preparing hosts"),
    "kexec_report": ("ledger.md", "the ledger"),
    "kexec_soak": ("soak.md", "soaks"),
    "kexec_facts": ("facts.md", "facts"),
}
TABLE = "| variable | default | type | meaning |\n|---|---|---|---|\n"
# `[kho.kexec.module#module:option=value]`, in one of Ansible's marks for documentation.
MARK = re.compile(r"\b(RV|[CVOM])\((?:kho\.kexec\.(\w+)#module:)?([^)]*)\)")


def page() -> str:
    """Return the page as it has to be."""
    return "\n".join([HEAD, *(section for role in ROLES for section in _sections(role)), PLAYS + "".join(_plays())])


def _plays() -> Iterator[str]:
    """Yield a row for each option of a play, those that playbooks share once."""
    for name, default in options_of_plays().items():
        playbooks = ", ".join(f"`{playbook}`" for playbook, options in PLAYBOOKS.items() if name in options)
        file, topic = _explained(name)
        yield f"| `{name}` | `{_value(default)}` | {playbooks} | [{topic}](../howto/{file}) |\n"


def _explained(name: str) -> tuple[str, str]:
    """Return the page that explains an option, and what it is about."""
    return next(where for family, where in EXPLAINED.items() if name.startswith(f"{family}_"))


def options_of_plays() -> dict[str, Any]:
    """Return the options of all playbooks, with their defaults."""
    return {name: default for options in PLAYBOOKS.values() for name, default in options.items()}


def _sections(role: Path) -> Iterator[str]:
    """Yield the title of a role, and a table for each entry point of the variables that none before it had."""
    entry_points = load(role / "meta" / "argument_specs.yml")["argument_specs"]
    yield f"## {role.name}\n"
    seen: set[str] = set()
    for name, spec in entry_points.items():
        options = {option: said for option, said in spec.get("options", {}).items() if option not in seen}
        seen |= set(options)
        if not options:
            continue
        if len(entry_points) > 1:
            yield f"### {role.name}: {name}\n\n{spec['short_description']}.\n"
        yield TABLE + "".join(row for option, said in options.items() for row in _rows(option, said))


def _rows(name: str, said: dict[str, Any]) -> Iterator[str]:
    default = "required" if said.get("required") else f"`{_value(said.get('default'))}`"
    yield f"| `{name}` | {default} | {_type(said)} | {plain(said['description'])} |\n"
    for key, below in said.get("options", {}).items():
        yield from _rows(f"{name}[].{key}", below)


def _value(default: Any) -> str:
    return default if isinstance(default, str) and default else json.dumps(default)


def _type(said: dict[str, Any]) -> str:
    if "choices" in said:
        return ", ".join(f"`{choice}`" for choice in said["choices"])
    named: str = said["type"] if "elements" not in said else f"{said['type']} of {said['elements']}"
    if named == "raw":
        return "seconds, or `10m`, `2h`" if isinstance(said["default"], int) else "mapping or list"
    return named


def plain(description: str | list[str]) -> str:
    """Return a description with Markdown's marks in place of Ansible's."""
    text = " ".join([description] if isinstance(description, str) else description)
    return MARK.sub(_marked, text).replace("|", r"\|")


def _marked(mark: re.Match[str]) -> str:
    text = f"`{mark[3].removeprefix('kho.kexec.')}`"
    return f"{text} of `{mark[2]}`" if mark[2] else text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
