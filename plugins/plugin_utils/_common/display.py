# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown while a task still runs."""

from __future__ import annotations

from ansible import constants
from ansible.utils.display import Display

# ansible.posix.json and ansible.posix.jsonl, also under short names: standard output is theirs alone.
FOR_PROGRAMS = ("json", "jsonl")


def say(text: str) -> None:
    """Show lines now: what a task returns is shown when it has ended."""
    Display().display(text, stderr=is_for_programs(constants.DEFAULT_STDOUT_CALLBACK))


def is_for_programs(stdout_callback: str) -> bool:
    """Tell whether something reads standard output that lines would disturb."""
    return stdout_callback.rsplit(".", 1)[-1] in FOR_PROGRAMS
