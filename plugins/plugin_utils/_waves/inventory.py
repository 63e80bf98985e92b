# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's inventory holds: the hosts that patterns match, and what it says of each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager, split_host_pattern

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import DEFAULTS, could_be_option
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.typed import nearest
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.vault import decrypted

IMPLICIT = ("localhost", "127.0.0.1", "::1")
"""Hosts that Ansible knows without an inventory."""
_LATER = re.compile(r"ansible_|facts|vars|kexec_\w*__|_result")
"""What templates speak of that cannot be known before hosts are asked."""
_SUBSCRIPT = re.compile(r"\[-?\d*(?:[:-]-?\d*)?\]$", re.ASCII)


def matching(loader: Any, patterns: Any, groups: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the hosts that a play with these patterns would have; ``--limit`` holds."""
    inventory = InventoryManager(loader, parse=False)
    for group, hosts in groups.items():
        inventory.add_group(group)
        for host in hosts:
            inventory.add_host(host, group=group)
    inventory.subset(context.CLIARGS.get("subset"))
    return [str(host.name) for host in inventory.get_hosts(pattern=patterns)]


def require_hosts(patterns: Any, groups: Mapping[str, Iterable[str]], where: str) -> None:
    """Raise KhoError ``hosts_unknown`` unless each name and glob of the patterns, and of --limit, is in the inventory.

    Ansible ignores others: with `all:!wbe1`, the host that was to be left out goes. ``where`` is the option's name.
    """
    known = {*groups, *(host for hosts in groups.values() for host in hosts), *IMPLICIT}
    for given, option in ((patterns, where), (context.CLIARGS.get("subset") or [], "--limit")):
        unknown = [name for name in _names(given) if not any(fnmatchcase(one, name) for one in known)]
        if unknown:
            told = listed([f"{printable(name, 100)}{nearest(name, known)}" for name in unknown], 5)
            raise KhoError(
                "hosts_unknown",
                f"{option} names what the inventory does not have: {told}. Ansible would ignore it, and take other "
                "hosts than were meant. Nothing was done. Correct it, or set the playbook's option that ends with "
                "_allow_empty to true where that is all right.",
            )


def _names(patterns: Any) -> list[str]:
    """Return the names and globs of patterns, without what joins them; regular expressions and files are left out."""
    parts = [part.strip().lstrip("!&") for part in split_host_pattern(patterns)]
    plain = [part for part in parts if part and not part.startswith(("~", "@"))]
    return [part if part in IMPLICIT else _SUBSCRIPT.sub("", part) for part in plain]


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
        own = {
            name: decrypted(value) for name, value in variables.items() if could_be_option(name) and name not in facts
        }
        said[host] = {
            name: _templated(hostvars, templar, host, name, name in names) if templar.is_template(value) else value
            for name, value in own.items()
        }
    return said


class Known:
    """What is known of hosts before they are asked: the inventory, and what was given for the play."""

    def __init__(self, hostvars: Any, given: Mapping[str, Any]) -> None:
        self._hostvars = hostvars
        self._given = given

    def without_value(self, templar: Any, host: str, templates: Mapping[str, Any]) -> list[str]:
        """Return a sentence for each template that can have no value, because nothing defines what it needs.

        Those that speak of facts, of results or of other hosts may have one later.
        """
        sought = {name: value for name, value in templates.items() if not _LATER.search(str(value))}
        if not sought:
            return []
        # A template may speak of other options, which have the defaults of the roles.
        available = {**DEFAULTS, **self._hostvars.raw_get(host), **self._given}
        known = templar.copy_with_new_env(available_variables=available)
        found = []
        for name, value in sought.items():
            try:
                known.template(value)
            except AnsibleError as error:
                found.append(f"{name}: it is a template that has no value: {printable(str(error), 300)}")
        return found


def _templated(hostvars: Any, templar: Any, host: str, name: str, is_needed: bool) -> Any:
    why = "something that it needs is not defined"
    try:
        value = decrypted(hostvars[host][name])
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
