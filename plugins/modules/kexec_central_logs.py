#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_central_logs
short_description: Put into the ledger what hosts have sent to the controller
version_added: 0.1.0
description:
  - Reads the logs of collectors on the controller, for crashes that no host can tell of, and imports what they tell of
    hosts of the inventory into the ledger of M(kho.kexec.kexec_ledger).
  - Joins a crash to a boot that the ledger knows when it fits one and no other.
  - Runs on the controller and asks no host. Once is enough for all hosts.
options:
  logs:
    description:
      - The logs. Files and directories may be named after hosts as the inventory calls them, with their domain or
        without, or after their C(ansible_host), with a date behind it or not.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description:
          - V(netconsole), files of a collector of netconsole or of serial consoles, one for each host, or one for all
            in which the collector puts the host before each line.
          - V(kdump), a directory in which kdump saves its dumps, of which the kernel's log is read.
          - V(journal), a directory of C(systemd-journal-remote), with journals of each host (C(remote-HOST.journal)).
          - V(boots), JSON lines, for fleets that keep their boots elsewhere.
        type: str
        required: true
        choices: [netconsole, kdump, journal, boots]
      path:
        description: A file or a directory of the controller. Files packed by C(gzip) are read, too.
        type: path
        required: true
  url:
    description: Where the ledger is, as O(kho.kexec.kexec_ledger#module:url).
    type: str
  time_limit:
    description: How many seconds the reading may take. What was read by then is imported.
    type: int
    default: 600
  on_error:
    description: What to do when logs cannot be read, or the ledger not written, as
      O(kho.kexec.kexec_ledger#module:on_error).
    type: str
    choices: [fail, warn]
    default: fail
requirements:
  - SQLAlchemy >= 2.0.28 on the controller
  - psycopg >= 3.1 on the controller, for PostgreSQL
  - journalctl on the controller, for journals
notes:
  - The same logs can be read again. A crash that has its boot is never doubled.
seealso:
  - module: kho.kexec.kexec_ledger
  - module: kho.kexec.kexec_history_info
extends_documentation_fragment:
  - kho.kexec.attributes.controller
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  check_mode:
    details: Everything is done in transactions that are undone.
  diff_mode:
    support: none
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Import what hosts have sent to the controller
  kho.kexec.kexec_central_logs:
    logs:
      - {kind: netconsole, path: /var/log/netconsole}
      - {kind: kdump, path: /srv/kdump}
  run_once: true
"""

RETURN = r"""
boots:
  description: How many boots were new, or were completed.
  returned: success
  type: int
  sample: 0
crashes:
  description: How many crashes were new, or were completed.
  returned: success
  type: int
  sample: 1
hosts:
  description: The hosts of which logs told anything.
  returned: success
  type: list
  elements: str
  sample: [web3]
unmatched:
  description: Files, and names in files, that tell of crashes or boots and are of no host of the inventory.
  returned: success
  type: list
  elements: str
  sample: ["/var/log/netconsole/all.log: db9"]
notes:
  description: What was not read, or not taken.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: >-
        V(central_log_unread), V(central_log_unmatched), V(history_invalid), V(history_implausible) or
        V(history_too_large).
      type: str
      sample: central_log_unmatched
    message:
      description: What was found, and what to do.
      type: str
      sample: Some of the central logs tell of crashes or boots of hosts that are none of the inventory (...).
  sample: []
msg:
  description: What went wrong.
  returned: failure, and with O(on_error=warn)
  type: str
  sample: The central logs (kdump) at /srv/kdump cannot be read on the controller (...).
code:
  description: Stable name of what went wrong, for programs.
  returned: failure, and with O(on_error=warn)
  type: str
  sample: central_logs_missing
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import CENTRAL_LOGS, without_controller
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=CENTRAL_LOGS, supports_check_mode=True)
    fail(module, without_controller("kexec_central_logs", "has the logs"))


if __name__ == "__main__":
    main()
