# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a story of several hosts plays on: their stages, and one playbook for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .show import Call, Show, Told, playing
from .stage import PATIENT, UPGRADE, Stage

PROVEN = "handover_verified"


@dataclass
class Fleet:
    """Guests that all run the older kernel, in the order of their waves."""

    stages: Sequence[Stage]
    inventory: Path
    folder: Path
    variables: dict[str, Any] = field(default_factory=dict)
    plays: int = 0
    forks: int = 5

    @property
    def names(self) -> list[str]:
        """The hosts' names."""
        return [stage.guest.name for stage in self.stages]

    @property
    def old(self) -> str:
        """The release that a story begins with."""
        return self.stages[0].old

    @property
    def releases(self) -> Mapping[str, str]:
        """The releases of the lab's kernels by their names."""
        return self.stages[0].releases

    @property
    def new(self) -> str:
        """The release that it goes to."""
        return self.stages[0].new

    def tasks(self, name: str, tasks: Sequence[Mapping[str, Any]]) -> str:
        """Write a task file; its path."""
        path = self.folder / f"{name}.yml"
        path.write_text(json.dumps(list(tasks)))
        return str(path)

    def boots(self) -> list[int]:
        """How often each guest has booted, seen from outside."""
        return [len(stage.boots()) for stage in self.stages]

    def running(self) -> list[str]:
        """The release that each guest runs."""
        return [stage.running() for stage in self.stages]

    def play(self, hosts: Iterable[str] | None = None, playbook: str = UPGRADE, **variables: Any) -> Told:
        """Run a playbook to its end, on all guests or on these."""
        with self.playing(hosts, playbook, **variables) as show:
            return show.end()

    def playing(
        self, hosts: Iterable[str] | None = None, playbook: str = UPGRADE, **variables: Any
    ) -> AbstractContextManager[Show]:
        """A run of a playbook that can be watched and interrupted."""
        self.plays += 1
        given = {"kexec_upgrade_target": self.new, **PATIENT, **self.variables, **variables}
        limit = list(self.names if hosts is None else hosts)
        return playing(Call(playbook, self.inventory, limit, given, self.folder, self.plays, self.forks))
