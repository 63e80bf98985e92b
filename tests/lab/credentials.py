# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guest learns at its start: its name, its SSH keys and where its packages are.

All of it comes as systemd credentials over QEMU's fw_cfg (systemd's CREDENTIALS.md), so the image holds no key and no
address, and serves any number of runs. The guest's systemd-tmpfiles writes the files in every boot.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

USER = "operator"
HOSTNAME, FILES = "system.hostname", "tmpfiles.extra"
NAMES = (HOSTNAME, FILES)
# The address of the machine that runs QEMU, as seen from QEMU's user network.
GATEWAY = "10.0.2.2"


@dataclass(frozen=True)
class KeyPair:
    """An SSH key: the path of the private part, the public part as one line `ssh-ed25519 AAAA...`."""

    private: Path
    public: str


def make_key(path: Path) -> KeyPair:
    """Make a new ed25519 key at `path`, without a passphrase.

    Raises:
        LabError: ssh-keygen is missing or fails.
    """
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", os.fspath(path)]
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise LabError(f"cannot start ssh-keygen: {error}; install openssh-client") from error
    except subprocess.CalledProcessError as error:
        raise LabError(f"ssh-keygen failed with status {error.returncode}: {error.stderr.strip()}") from error
    return KeyPair(path, path.with_name(path.name + ".pub").read_text().strip())


def apt_source(port: int) -> str:
    """The apt source (deb822, sources.list(5)) of the run's repository; it is flat and has no signature."""
    return f"Types: deb\nURIs: http://{GATEWAY}:{port}/\nSuites: ./\nTrusted: yes\n"


def guest_credentials(hostname: str, client_key: str, host_key: KeyPair, source: str) -> dict[str, str]:
    """The credentials of one guest: their names and contents."""
    private = host_key.private.read_text()
    files = [
        f"d /home/{USER}/.ssh 0700 {USER} {USER} -",
        _file(f"/home/{USER}/.ssh/authorized_keys", "0600", USER, client_key + "\n"),
        # sudo looks its own host's name up.
        _file("/etc/hosts", "0644", "root", f"127.0.0.1 localhost\n127.0.1.1 {hostname}\n::1 localhost\n"),
        _file("/etc/ssh/ssh_host_ed25519_key", "0600", "root", private),
        _file("/etc/ssh/ssh_host_ed25519_key.pub", "0644", "root", host_key.public + "\n"),
        _file("/etc/apt/sources.list.d/lab.sources", "0644", "root", source),
    ]
    return {HOSTNAME: hostname, FILES: "".join(f"{line}\n" for line in files)}


def _file(path: str, mode: str, owner: str, content: str) -> str:
    """The line of tmpfiles.d(5) that writes this file: f+ replaces what is there, ~ decodes base64."""
    return f"f+~ {path} {mode} {owner} {owner} - {base64.b64encode(content.encode()).decode()}"


def write(folder: Path, contents: Mapping[str, str]) -> None:
    """Write each credential into a file of its own, called like it, that only this user can read."""
    folder.mkdir(mode=0o700)
    for name, content in contents.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(content)
