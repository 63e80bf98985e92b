# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kexec_history_info: the boots that the host's file tells of, an hour each."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

FIRST = datetime(2026, 11, 1, tzinfo=timezone.utc)


def main() -> None:
    module = AnsibleModule({"after_cursor": {"type": "str"}, "console_logs": {"type": "raw"}}, supports_check_mode=True)
    state = json.loads(Path(os.environ["SIMULATED_HOST"]).read_text())
    boots = []
    for number, boot in enumerate(state.get("boots", [])):
        begin, end = (FIRST + timedelta(hours=number, minutes=minutes) for minutes in (0, 59))
        boots.append({**boot, "begin": begin.isoformat(), "end": end.isoformat(), "ending": "kexec"})
    module.exit_json(changed=False, host_boots=boots, crashes=[], cursor="s=1", notes=[])


if __name__ == "__main__":
    main()
