# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container that says that it was asked."""

from __future__ import annotations

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: incus
short_description: A container
description: For tests. Has the name of the plugin of community.general.
"""


class Connection(Local):  # type: ignore[misc]  # ansible-core has no types
    """Nobody may ask it."""

    transport = "community.general.incus"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        del cmd, in_data, sudoable
        raise AnsibleConnectionFailure("THE CONTAINER WAS ASKED")
