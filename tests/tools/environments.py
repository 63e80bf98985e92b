# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python environments the tests use, and which of them this machine can have."""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import interpreters
from .interpreters import Version, spell
from .venvs import Environment

# The Python versions that a controller with this ansible-core may have, from the requirements that it declares.
CORES: dict[str, tuple[Version, ...]] = {
    "2.16": ((3, 10), (3, 11), (3, 12)),
    "2.19": ((3, 11), (3, 12), (3, 13)),
    "2.21": ((3, 12), (3, 13), (3, 14)),
}
# Names the ansible-cores that the integration tests run with; without it they run with all.
SOME_CORES = "KHO_TEST_CORES"
OLDEST_CONTROLLER: Version = (3, 11)


class NoController(Exception):
    """The python3 that runs the driver is too old for the tools."""


@dataclass(frozen=True)
class Wanted:
    """An environment that the tests want, and why this machine cannot have it (None when it can)."""

    name: str
    environment: Environment | None
    absent: str | None


def controller() -> Environment:
    """Return the environment with all tools, made with the python3 that runs the driver."""
    version, python = interpreters.controller()
    if version < OLDEST_CONTROLLER:
        raise NoController(f"python3 is {spell(version)}; the tools need {spell(OLDEST_CONTROLLER)} or newer")
    return Environment("dev", "dev.txt", python, version)


def debugger() -> Environment:
    """Return the environment with drgn, as somebody has it who reads dumps."""
    return replace(controller(), name="drgn", requirements="drgn.txt")


def for_modules(version: Version) -> Wanted:
    """Return the environment that tests the core of the modules on one Python of the managed hosts."""
    name = f"unit-{spell(version)}"
    python = interpreters.find(version)
    if python is None:
        return Wanted(name, None, f"no Python {spell(version)} here")
    return Wanted(name, Environment(name, "unit.txt", python, version), None)


def for_core(core: str) -> Wanted:
    """Return the environment with one ansible-core, on the newest Python that it takes."""
    name = f"core-{core}"
    for version in reversed(CORES[core]):
        python = interpreters.find(version)
        if python:
            return Wanted(name, Environment(name, f"core-{core}.txt", python, version), None)
    return Wanted(name, None, f"no Python {' or '.join(map(spell, CORES[core]))} here")
