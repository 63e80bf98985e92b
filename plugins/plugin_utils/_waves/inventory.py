# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's inventory holds: the hosts that patterns match, and what it says of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import FAMILIES


def matching(loader: Any, patterns: Any, groups: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the hosts that a play with these patterns would have; ``--limit`` holds."""
    inventory = InventoryManager(loader, parse=False)
    for group, hosts in groups.items():
        inventory.add_group(group)
        for host in hosts:
            inventory.add_host(host, group=group)
    inventory.subset(context.CLIARGS.get("subset"))
    return [str(host.name) for host in inventory.get_hosts(pattern=patterns)]


def folders() -> list[str]:
    """Return where relative paths begin: beside the playbook, beside the inventory, in the working directory.

    The playbook is the one that was named to Ansible; ``playbook_dir`` is that of the one that it imports.
    """
    playbooks = [
        os.path.dirname(os.path.abspath(path)) for path in context.CLIARGS.get("args") or () if os.path.exists(path)
    ]
    sources = [os.path.abspath(source) for source in context.CLIARGS.get("inventory") or () if os.path.exists(source)]
    beside = [source if os.path.isdir(source) else os.path.dirname(source) for source in sources]
    return list(dict.fromkeys([*playbooks, *beside, os.getcwd()]))


def said_of(hostvars: Any, templar: Any, hosts: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what the inventory says of each host, of the variables that could be options of this collection.

    Those with these ``names`` have their values. Others may still be templates, which need what only the host can tell.
    What a host reports as a fact is not the inventory's, and is left out. Raises KhoError ``options_invalid``.
    """
    said = {}
    for host in hosts:
        # Not hostvars[host][name] for all: of thousands of hosts, that takes long.
        variables = hostvars.raw_get(host)
        facts = variables.get("ansible_facts") or {}
        own = {name: value for name, value in variables.items() if _could_be_option(name) and name not in facts}
        said[host] = {
            name: _templated(hostvars, templar, host, name, name in names) if templar.is_template(value) else value
            for name, value in own.items()
        }
    return said


def _could_be_option(name: str) -> bool:
    """Results of tasks have two underscores, and may be large."""
    return name.startswith(FAMILIES) and "__" not in name


def _templated(hostvars: Any, templar: Any, host: str, name: str, is_needed: bool) -> Any:
    why = "something that it needs is not defined"
    try:
        value = hostvars[host][name]
        if not templar.is_template(value):
            return value
    except AnsibleError as error:
        why = printable(str(error), 300)
    if not is_needed:
        return hostvars.raw_get(host)[name]
    raise KhoError(
        "options_invalid",
        f"{name} of {printable(host)} is a template that has no value before hosts are asked: {why}. It is an option "
        "of the whole play, which is settled before that. Nothing was done. Set it without what only a host can tell.",
    )
