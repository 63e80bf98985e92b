# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH to a host that is about to vanish: no question may hang, whatever the host does meanwhile.

A host that kexecs closes no connection. Its TCP peers keep theirs for hours, and so does ssh, unless it is told to
ask whether the server is alive (ServerAliveInterval, ssh_config(5)); ssh applies that also before the login is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.wait_one import NoAnswer

BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id"
"""random(4): constant for one boot, another one after each start of a kernel."""
MODULE = "kho.kexec.kexec_reboot"

_ALIVE = "-o ServerAliveInterval=2 -o ServerAliveCountMax=5"
"""A session whose host says nothing for 10 s is dead; a busy host may well be silent for less."""
_ALONE = "-o ControlMaster=no -o ControlPath=none"
_FIRST_TIMEOUT = 3
_REASON_LIMIT = 300
_BOOT_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def boot_id_command() -> str:
    """What a shell on the host is told to do to say the boot id."""
    return f"cat {BOOT_ID_PATH}"


class Action(Protocol):
    """What a session needs of the action plugin: Ansible's own ways to run something on the host."""

    def run_command(self, command: str) -> Mapping[str, Any]:
        """Run a shell command without a terminal and without becoming another user; ``{rc, stdout, stderr}``."""

    def run_module(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Run a module and return its result."""

    def set_remote_files_aside(self) -> None:
        """Copy the next module to a new directory: after a jump, this one may not be there any more."""

    def remove_remote_files(self) -> None:
        """Remove the directories that were set aside."""


class Session:
    """Questions to one host over Ansible's ssh connection plugin, and the options under which they cannot hang."""

    def __init__(self, connection: Any, action: Action, arguments: Mapping[str, Any]) -> None:
        """``arguments`` are those of the task, which the host's half needs too."""
        self._connection = connection
        self._action = action
        self._arguments = arguments
        self._usual_timeout = int(connection.get_option("timeout"))
        self._shared = connection.get_option("ssh_args") or ""

    @contextmanager
    def watchful(self) -> Iterator[None]:
        """Notice a vanished host within seconds. Ends connections that were opened without that."""
        self._shared = f"{_ALIVE} {self._connection.get_option('ssh_args') or ''}"
        with self._options(ssh_args=self._shared, reconnection_retries=0):
            self.reset()
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Give each question a connection of its own, so none survives the jump; start with short time-outs."""
        self.reset()
        with self._options(ssh_args=f"{_ALONE} {self._shared}", timeout=min(_FIRST_TIMEOUT, self._usual_timeout)):
            yield

    @contextmanager
    def _options(self, **changes: Any) -> Iterator[None]:
        """Set options of the connection and put the old values back. ssh takes the first value that it is given."""
        before = {name: self._connection.get_option(name) for name in changes}
        for name, value in changes.items():
            self._connection.set_option(name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                self._connection.set_option(name, value)

    def reset(self) -> None:
        """Close the shared connection, if there is one."""
        # Found by its control path, which those that are alone do not have.
        with self._options(ssh_args=self._shared):
            self._connection.reset()

    def read_boot_id(self, keep: bool = False) -> str:
        """Return the id of the boot that answers. Raises NoAnswer.

        With ``keep`` it is asked over the shared connection, also while questions are put alone. The id is found by
        its pattern: banners and messages to all users may stand around it.
        """
        over = {"ssh_args": self._shared} if keep else {}
        try:
            with self._options(**over):
                result = self._action.run_command(boot_id_command())
        except AnsibleConnectionFailure as failure:
            self._grant_more_time()
            raise NoAnswer(reason_of(failure)) from failure
        found = _BOOT_ID.search(str(result.get("stdout", "")))
        if found is None:
            raise NoAnswer(f"no boot id in the answer: {printable(str(result.get('stdout', '')), _REASON_LIMIT)}")
        return found.group()

    def _grant_more_time(self) -> None:
        """A host that is slow to let anybody in would never be seen with short time-outs only."""
        timeout = int(self._connection.get_option("timeout"))
        self._connection.set_option("timeout", min(timeout + 1, self._usual_timeout))

    def leave(self, again: bool = False) -> dict[str, Any]:
        """Have the host leave its kernel soon; returns the module's result. Raises NoAnswer when that got lost."""
        return self._run_phase("leave_again" if again else "leave")

    def verify(self) -> dict[str, Any]:
        """Have the new kernel judged; returns the module's result. Raises NoAnswer."""
        return self._run_phase("verify")

    def tidy_up(self) -> None:
        """Remove temporary files from a host that answers; not worth a failure when it stopped to do so."""
        with suppress(AnsibleConnectionFailure):
            self._action.remove_remote_files()

    def _run_phase(self, phase: str) -> dict[str, Any]:
        try:
            return self._action.run_module(MODULE, {**self._arguments, "phase": phase})
        except AnsibleConnectionFailure as failure:
            raise NoAnswer(reason_of(failure)) from failure
        finally:
            self._action.set_remote_files_aside()


def reason_of(failure: Exception) -> str:
    """Return what went wrong as one bounded line; ssh repeats there what the host says."""
    return printable(" ".join(str(failure).split()).rstrip("."), _REASON_LIMIT)
