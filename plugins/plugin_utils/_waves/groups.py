# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that two groups of one host set differently: Ansible takes one, and ignores the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import ALL_OPTIONS
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.typed import shown
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.vault import decrypted

STAGE = "task"
"""When plugins for variables are asked unless they are configured otherwise."""


class Groups:
    """What the groups of an inventory say of options, each asked once."""

    def __init__(self, inventory: Any, loader: Any) -> None:
        self._inventory = inventory
        self._loader = loader
        self._said: dict[str, dict[str, Any]] = {}

    def require_agreement(self, hosts: Sequence[str], given: Mapping[str, Any], hidden: frozenset[str]) -> None:
        """Raise KhoError ``groups_differ`` when groups of equal rank set an option of a host differently.

        What is ``given`` for the play counts before all groups. Values of ``hidden`` options are not shown.
        """
        differing: dict[str, list[str]] = {}
        for host in hosts:
            for text in self._differences(host, given, hidden):
                differing.setdefault(text, []).append(printable(host))
        if differing:
            told = [f"{text} for {listed(names, 5, ' ')}" for text, names in differing.items()]
            raise KhoError(
                "groups_differ",
                f"Groups do not agree on an option of the same host: {listed(told, 3, '; ')}. Ansible takes one "
                "of them, and ignores the other. Nothing was done. Set it in one of them, or "
                "for the host itself, or give the group that counts a higher ansible_group_priority.",
            )

    def _differences(self, name: str, given: Mapping[str, Any], hidden: frozenset[str]) -> list[str]:
        host = self._inventory.get_host(name)
        groups = host.get_groups() if host is not None else []
        options = {option for group in groups for option in self._of(group) if option not in given}
        found = []
        for option in sorted(options):
            sides = [group for group in groups if option in self._of(group)]
            rank = max((group.depth, group.priority) for group in sides)
            top = [
                group for group in sorted(sides, key=lambda side: side.name) if (group.depth, group.priority) == rank
            ]
            if len({repr(decrypted(self._of(group)[option])) for group in top}) > 1 and option not in self._read(host):
                values = [self._told(group, option, hidden) for group in top]
                found.append(f"{option} is {listed(values, 3, ', ')}")
        return found

    def _told(self, group: Any, option: str, hidden: frozenset[str]) -> str:
        value = self._of(group)[option]
        is_secret = option in hidden or decrypted(value) is not value
        return f"{'something that is not shown here' if is_secret else shown(value)} in {printable(group.name)}"

    def _of(self, group: Any) -> dict[str, Any]:
        if group.name not in self._said:
            self._said[group.name] = {key: value for key, value in self._read(group).items() if key in ALL_OPTIONS}
        return self._said[group.name]

    def _read(self, entity: Any) -> dict[str, Any]:
        """Return what the inventory itself, and files beside it and beside the playbook, set for a group or a host."""
        beside = get_vars_from_inventory_sources(self._loader, self._inventory._sources, [entity], STAGE)
        playbook = get_vars_from_path(self._loader, self._loader.get_basedir(), [entity], STAGE)
        return {**entity.vars, **beside, **playbook}
