# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that stand-ins of modules answer for on this machine, as if ssh led to them."""

from __future__ import annotations

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: this_machine
short_description: This machine in place of a host
description: For tests. Calls itself ssh, since others are refused.
options:
  host: {description: Its address., default: 127.0.0.1}
  port: {description: A port that is closed., type: int, default: 1}
  remote_user: {description: Not used., vars: [{name: ansible_user}]}
  timeout: {description: Not used., type: int, default: 10}
  reconnection_retries: {description: Not used., type: int, default: 0}
  ssh_args: {description: Given to ssh -G., default: "-F none"}
  ssh_common_args: {description: Given to ssh -G., default: ""}
  ssh_extra_args: {description: Given to ssh -G., default: ""}
  ssh_executable: {description: Not there; only this plugin reaches the host., default: /nonexistent/ssh}
"""


class Connection(Local):  # type: ignore[misc]  # ansible-core has no types
    """This machine, which must stay where it is."""

    transport = "ssh"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        if "systemctl" in cmd:
            return 1, b"", b"a stand-in is not started anew"
        done: tuple[int, bytes, bytes] = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return done

    def reset(self) -> None:
        """There is nothing to close."""
