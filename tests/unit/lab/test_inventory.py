# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory as Ansible reads it, and the ssh command line that it stands for."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from lab.inventory import Access, Host, inventory, known_hosts

ACCESS = Access(Path("/state/my run/id_ed25519"), Path("/state/my run/known_hosts"))
HOSTS = {"web1": Host("plain", 40001), "yes": Host("initramfs", 40002)}


@pytest.fixture
def group() -> dict[str, dict[str, object]]:
    found = yaml.safe_load(inventory("default", HOSTS, ACCESS))
    assert list(found) == ["lab"]
    return dict(found["lab"])


def test_every_guest_is_a_host_with_its_port(group: dict[str, object]) -> None:
    assert group["hosts"] == {
        "web1": {"ansible_port": 40001, "lab_kind": "plain"},
        "yes": {"ansible_port": 40002, "lab_kind": "initramfs"},
    }


def test_all_guests_share_how_they_are_reached(group: dict[str, dict[str, object]]) -> None:
    shared = dict(group["vars"])
    arguments = shlex.split(str(shared.pop("ansible_ssh_common_args")))
    assert arguments == ACCESS.options
    assert shared == {
        "ansible_host": "127.0.0.1",
        "ansible_user": "operator",
        "ansible_become": True,
        "ansible_ssh_private_key_file": "/state/my run/id_ed25519",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_facts_parallel": False,
        "ansible_pipelining": True,
        "ansible_timeout": 60,
        "lab_run": "default",
    }


def test_only_the_recorded_host_keys_are_accepted() -> None:
    argv = ACCESS.ssh(40001, ["true"], options=["-o", "BatchMode=yes"])
    assert "StrictHostKeyChecking=yes" in argv
    assert 'UserKnownHostsFile="/state/my run/known_hosts"' in argv
    assert argv[-6:] == ["-i", "/state/my run/id_ed25519", "-p", "40001", "operator@127.0.0.1", "true"]


def test_host_keys_are_known_by_address_and_port() -> None:
    assert known_hosts({40002: "ssh-ed25519 BBBB", 40001: "ssh-ed25519 AAAA"}) == (
        "[127.0.0.1]:40001 ssh-ed25519 AAAA\n[127.0.0.1]:40002 ssh-ed25519 BBBB\n"
    )
