# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the whole play, which one host cannot have for itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError

# Those that kexec_upgrade.yml and kexec_rollback.yml have among their variables.
PLAY_OPTIONS = tuple(
    f"kexec_upgrade_{name}"
    for name in (
        "hosts",
        "waves",
        "group_limits",
        "max_failed",
        "max_failed_percentage",
        "gate_soak",
        "gate_tasks",
        "pause_file",
        "window",
        "wave_before_tasks",
        "wave_after_tasks",
        "wave_failed_tasks",
        "fleet_lock_url",
        "fleet_lock_group",
        "fleet_lock_timeout",
        "ledger",
        "ledger_url",
    )
)


def require_no_other_play_options(play: Mapping[str, Any], host: Mapping[str, Any]) -> None:
    """Raise KhoError ``play_option_ignored`` when the inventory gives a host another value than the play has.

    ``play`` has the variables that count in the play, ``host`` those of the host without the play's.
    """
    ignored = [name for name in PLAY_OPTIONS if name in play and name in host and host[name] != play[name]]
    if ignored:
        raise KhoError(
            "play_option_ignored",
            f"The inventory sets options of the play for this host ({', '.join(ignored)}), and the play goes by other "
            "values: it takes them from --extra-vars, or from the variables of `import_playbook`, alone. Nothing was "
            "done here. Give them there, and take them out of the inventory.",
        )
