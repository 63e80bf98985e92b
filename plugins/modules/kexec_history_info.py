#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell of all boots and crashes of a host: kexec_history_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_history_info
short_description: Tell of all boots of a host, how each ended, and of its crashes
version_added: 0.1.0
description:
  - Reads all boots that the journal knows, with the release, what the kernel said of the one before it, the kind of
    boot, and how it ended.
  - Reads the evidence of crashes from the journal, from what systemd-pstore archived (C(/var/lib/systemd/pstore)), from
    what kdump saved (C(/var/crash)), and from logs of serial consoles or netconsole, and gives each crash a signature
    that is the same for the same crash on other hosts and in other builds.
  - A crash belongs to a boot only when release, incoming record and times agree, and for one boot only. Nothing is
    guessed.
  - Changes nothing.
options:
  after_cursor:
    description:
      - The RV(cursor) of an earlier run on this host. Only what is new since then is read and returned; the boot that
        was running then is returned again, since it may have ended.
      - Without it, all boots are read.
    type: str
  journal_directory:
    description:
      - A directory with the journal of a host that does not run, to be read instead of this host's own journal.
    type: path
  console_logs:
    description:
      - Files on this host, with absolute paths, that hold what its kernels wrote to a serial console or to netconsole.
        The last 64 MiB of each are read.
    type: list
    elements: path
    default: []
  time_limit:
    description:
      - How long the reading may take, in seconds. When it is over, the boots that were read are returned, with the
        cursor to go on from and the note V(history_incomplete).
    type: float
    default: 120
notes:
  - Needs root to see all of it; without root, a note says so.
  - The journal must be persistent, otherwise only the running boot is known.
seealso:
  - module: kho.kexec.kho_facts
extends_documentation_fragment:
  - kho.kexec.attributes
  - action_common_attributes
  - action_common_attributes.flow
attributes:
  check_mode:
    details: Changes nothing in any mode.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Read the history of a host
  kho.kexec.kexec_history_info:
  register: history

- name: Show boots that ended in a crash
  ansible.builtin.debug:
    msg: "{{ history.host_boots | selectattr('ending', 'eq', 'crash') }}"

- name: Later, read only what is new
  kho.kexec.kexec_history_info:
    after_cursor: "{{ history.cursor }}"
"""

RETURN = r"""
host_boots:
  description: The boots, oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    boot_id:
      description: The boot id.
      type: str
      sample: 9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11
    release:
      description: The release; V(null) when the journal does not hold it any more.
      type: str
      sample: 7.3.4-kho
    previous_release:
      description: The release that it was executed from, by its own word; V(null) without a handover.
      type: str
      sample: 7.2.13-kho
    kexec_count:
      description: Handovers in a row since the last cold boot; V(null) when that is not known.
      type: int
      sample: 1
    boot:
      description: How it was started, one of V(cold), V(kexec), V(handover), V(kdump) and V(unknown).
      type: str
      sample: handover
    begin:
      description: Its first entry in the journal, ISO 8601 in UTC.
      type: str
      sample: "2026-11-22T15:30:00Z"
    end:
      description: Its last entry in the journal; V(null) while it runs.
      type: str
      sample: "2026-11-23T03:12:45Z"
    ending:
      description:
        - V(clean), systemd went down for a reboot, to power off or to halt.
        - V(kexec), systemd went down for a kexec, or the next kernel was executed from this one.
        - V(crash), the kernel crashed.
        - V(power_loss), the hardware says that it was switched off.
        - V(unknown), its journal ends without a shutdown and without evidence; it may have lost its power, may have
          been reset, or may have crashed unseen.
        - V(running), it has not ended.
      type: str
      sample: kexec
    evidence:
      description: What shows how it was started and how it ended, or why that is not known.
      type: list
      elements: str
      sample:
        - "start: the kernel said: KHO: exec from: 7.2.13-kho (count 1)"
        - "end: systemd reached kexec.target and the journal was stopped"
    troubles:
      description:
        - What the kernel complained about in this boot, the first 20 different ones; V(null) when the journal has lost
          the beginning of the kernel's log.
        - C(code) is that of M(kho.kexec.kernel_health_info), C(signature) what stays the same when it is said again.
      type: list
      elements: dict
      sample: [{code: iommu_fault, signature: 'DMAR: DRHD: handling fault status reg #'}]
crashes:
  description:
    - The crashes; first those in the journal, oldest first, then those of which only files tell.
    - A report that the kernel survived counts too, see RV(crashes[].fatal).
  returned: success
  type: list
  elements: dict
  contains:
    boot_id:
      description: The boot that crashed; V(null) when that is not certain.
      type: str
      sample: 9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11
    release:
      description: The release that crashed; V(null) when nothing names it.
      type: str
      sample: 7.3.4-kho
    previous_release:
      description: The release that it was executed from; V(null) when that is not known, or without a handover.
      type: str
      sample: 7.2.13-kho
    kexec_count:
      description: Handovers in a row since the last cold boot; V(null) when that is not known.
      type: int
      sample: 1
    at:
      description: When it crashed, ISO 8601 in UTC; V(null) when that is not known.
      type: str
      sample: "2026-11-23T03:12:45Z"
    uptime:
      description: Seconds from the start of the kernel to the crash; V(null) when the log has no times.
      type: float
      sample: 42165.25
    kind:
      description: >-
        One of V(panic), V(oops), V(bug), V(memory), V(lockup), V(rcu_stall), V(hung_task), V(machine_check), V(warning)
        (one that the kernel was told to panic on), V(fault) (a rule of its own that the kernel found broken, and went
        on) and V(unknown). When one led to the next, it is the first.
      type: str
      sample: oops
    fatal:
      description: Whether the kernel died of it.
      type: bool
      sample: true
    frames:
      description: >-
        The functions of the stack trace, innermost first, without offsets, modules, suffixes that compilers add, and
        the functions that all crashes go through.
      type: list
      elements: str
      sample: [lkdtm_EXCEPTION, lkdtm_do_action, direct_entry, full_proxy_write]
    bug:
      description: >-
        16 hexadecimal digits made of the class of the crash and of the function that is to blame, the same whichever
        functions called it. Made of the message when there is no frame.
      type: str
      sample: 5e6f7a8b9c0d1e2f
    signature:
      description: >-
        16 hexadecimal digits made of the bug and three frames from the function to blame outward. Crashes with
        one signature have one bug, too.
      type: str
      sample: 0c1d2e3f4a5b6c7d
    source:
      description: What tells most of it, one of V(journal), V(kdump), V(pstore) and V(console).
      type: str
      sample: kdump
    sources:
      description: All that tell of it.
      type: list
      elements: str
      sample: [kdump, journal]
    message:
      description: The first line of the kernel's report.
      type: str
      sample: "BUG: kernel NULL pointer dereference, address: 0000000000000000"
cursor:
  description: >-
    Where the next run goes on, for O(after_cursor); V(null) when there is too little to skip.
  returned: success
  type: str
  sample: s=60286985e3bc49b6;i=1;b=2362f50b3f09537cb0d64e572cce021d;m=3e8;t=65bfeda25e3e8;x=8f96b6fe8b2c9693
notes:
  description: What stood in the way; empty when all was read.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: >-
        V(not_root), V(journal_volatile), V(journal_unreadable), V(history_incomplete), V(crash_file_unreadable),
        V(crash_file_foreign) or V(crash_files_left_out).
      type: str
      sample: journal_volatile
    message:
      description: What was found, why it matters, and what to do.
      type: str
      sample: /var/log/journal does not exist, so the journal of each boot is lost with it.
  sample: []
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: cursor_invalid
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._history.read import Request, read_history
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "after_cursor": {"type": "str"},
            "journal_directory": {"type": "path"},
            "console_logs": {"type": "list", "elements": "path", "default": []},
            "time_limit": {"type": "float", "default": 120},
        },
        supports_check_mode=True,
    )
    given = module.params
    request = Request(
        cursor=given["after_cursor"],
        directory=given["journal_directory"],
        console_logs=tuple(given["console_logs"]),
        time_limit=given["time_limit"],
    )
    try:
        result = read_history(LocalHost(), request)
    except KhoError as error:
        fail(module, error)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
