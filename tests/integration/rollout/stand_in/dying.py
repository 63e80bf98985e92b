# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for kexec_history_info: a host that runs when it is read first, and then has jumped and crashed."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

from ansible.module_utils.basic import AnsibleModule

OLD, NEW = "7.2.13-kho", "7.3.4-kho"


def main() -> None:
    module = AnsibleModule({"after_cursor": {"type": "str"}}, supports_check_mode=True)
    now = datetime.now(timezone.utc)
    before = {
        **{"boot_id": str(uuid.UUID(int=1)), "release": OLD, "previous_release": None, "kexec_count": 0},
        **{"boot": "cold", "begin": (now - timedelta(hours=1)).isoformat(), "end": None, "ending": "running"},
        "evidence": ["it answers"],
    }
    after = {
        **{"boot_id": str(uuid.UUID(int=2)), "release": NEW, "previous_release": OLD, "kexec_count": 1},
        **{"boot": "handover", "begin": now.isoformat(), "end": now.isoformat(), "ending": "crash"},
        "evidence": ["it does not answer"],
    }
    boots = [before]
    if module.params["after_cursor"]:
        boots = [{**before, "end": (now - timedelta(seconds=1)).isoformat(), "ending": "clean"}, after]
    module.exit_json(changed=False, host_boots=boots, crashes=[], cursor="s=1", notes=[])


if __name__ == "__main__":
    main()
