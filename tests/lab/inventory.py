# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ansible inventory of a run, and the ssh command line that it stands for."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.credentials import USER

ADDRESS = "127.0.0.1"
PATIENCE = 60
"""Seconds to connect and to become root: more than Ansible's own, because emulated guests share processors."""


@dataclass(frozen=True)
class Access:
    """How the guests of a run are reached: the private key and the file of their host keys."""

    key: Path
    known_hosts: Path

    @property
    def options(self) -> list[str]:
        """Options of ssh(1) that keep this user's own keys, hosts and settings out of it."""
        return [
            "-F", "none",
            "-o", f'UserKnownHostsFile="{self.known_hosts}"',
            "-o", "GlobalKnownHostsFile=none",
            "-o", "StrictHostKeyChecking=yes",
            "-o", "IdentitiesOnly=yes",
        ]  # fmt: skip

    def ssh(self, port: int, command: Sequence[str] = (), options: Sequence[str] = ()) -> list[str]:
        """The argv that runs `command`, or a login shell, in the guest behind `port`."""
        target = ["-i", os.fspath(self.key), "-p", str(port), f"{USER}@{ADDRESS}"]
        return ["ssh", *self.options, *options, *target, *command]


@dataclass(frozen=True)
class Host:
    """A guest for Ansible."""

    kind: str
    port: int


def known_hosts(host_keys: Mapping[int, str]) -> str:
    """The known_hosts(5) of guests: from port to public host key."""
    return "".join(f"[{ADDRESS}]:{port} {key}\n" for port, key in sorted(host_keys.items()))


def inventory(run: str, hosts: Mapping[str, Host], access: Access) -> str:
    """The inventory in YAML: one group `lab`, which has what all guests share."""
    shared = {
        "ansible_host": ADDRESS,
        "ansible_user": USER,
        "ansible_become": True,
        "ansible_ssh_private_key_file": os.fspath(access.key),
        "ansible_ssh_common_args": shlex.join(access.options),
        "ansible_pipelining": True,
        "ansible_timeout": PATIENCE,
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_facts_parallel": False,
        "lab_run": run,
    }
    lines = ["---", "lab:", "  hosts:"]
    for name, host in hosts.items():
        lines += [f"    {json.dumps(name)}:", *_variables({"ansible_port": host.port, "lab_kind": host.kind}, indent=6)]
    lines += ["  vars:", *_variables(shared, indent=4)]
    return "\n".join(lines) + "\n"


def _variables(values: Mapping[str, object], indent: int) -> list[str]:
    # JSON's scalars are YAML's too, quoted where they must be.
    return [f"{' ' * indent}{name}: {json.dumps(value)}" for name, value in values.items()]
