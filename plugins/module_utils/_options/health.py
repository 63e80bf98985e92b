# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the options of kexec_reboot say in what health a new kernel is to be."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.kho.kexec.plugins.module_utils._health.troubles import TROUBLE_CODES
from ansible_collections.kho.kexec.plugins.module_utils._health.watch import Checks, require_sensible
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

# Seconds that devices and links of a host that has just booted get to appear.
SETTLE = 60.0


def checks_of(options: Mapping[str, Any]) -> Checks | None:
    """How the new kernel's health is to be judged, None when it is not. Raises Refusal for what cannot be meant."""
    if not options["health"]:
        return None
    checks = Checks(
        ignored=tuple(options["health_ignore"]),
        commands=tuple(tuple(str(word) for word in command) for command in options["health_commands"]),
        command_timeout=options["health_command_timeout"],
        settle=SETTLE,
        soak=options["health_soak"],
    )
    unknown = sorted(set(checks.ignored) - set(TROUBLE_CODES))
    if unknown:
        raise Refusal(
            "trouble_unknown",
            f"No trouble has the code {printable(', '.join(unknown), 500)}, so ignoring it says nothing. There are: "
            f"{', '.join(TROUBLE_CODES)}.",
        )
    require_sensible(checks)
    return checks
