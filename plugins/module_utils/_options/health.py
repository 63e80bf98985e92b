# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What options may say of how the health of a host is judged."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import TROUBLE_CODES


def own_troubles_spec() -> Dict[str, Any]:
    """The option with what kernels complain about after cold boots, as AnsibleModule takes it."""
    texts = {name: {"type": "str", "required": True} for name in ("release", "code", "signature")}
    numbers = {name: {"type": "int"} for name in ("boots", "hosts")}
    return {"type": "list", "elements": "dict", "options": {**texts, **numbers}, "default": []}


def require_health_options(options: Mapping[str, Any]) -> None:
    """Raise Refusal ``trouble_unknown``, or what `require_sensible` raises, for options of kexec_reboot."""
    unknown = sorted(set(options["health_ignore"]) - set(TROUBLE_CODES))
    if unknown:
        raise Refusal(
            "trouble_unknown",
            f"No trouble has the code {printable(', '.join(unknown), 500)}, so ignoring it has no effect. Known codes: "
            f"{', '.join(TROUBLE_CODES)}.",
        )
    require_sensible(
        options["health_commands"], command_timeout=options["health_command_timeout"], soak=options["health_soak"]
    )


def require_sensible(commands: Sequence[Sequence[Any]], command_timeout: float, soak: float, settle: float = 0) -> None:
    """Raise Refusal ``time_invalid`` or ``command_invalid`` for what cannot be meant; times are in seconds."""
    if command_timeout <= 0 or settle < 0 or soak < 0:
        raise Refusal(
            "time_invalid",
            "A time is negative, or commands would have no time to run. Give command_timeout at least 1 second, and "
            "soak and settle at least 0.",
        )
    if not all(_can_be_run([str(word) for word in command]) for command in commands):
        raise Refusal(
            "command_invalid",
            "A command is empty, holds a NUL byte, or is one text with blanks, so it cannot be run. Each command is a "
            "list of a program and its arguments, such as [curl, --fail, http://localhost/]; there is no shell.",
        )


def _can_be_run(command: Sequence[str]) -> bool:
    """Whether it is a program and its arguments. A program whose name has blanks is a whole line in one text."""
    return bool(command) and bool(command[0]) and " " not in command[0] and "\0" not in "".join(command)
