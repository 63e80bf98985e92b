#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what a transition made worse on a host: kernel_health_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_health_info
short_description: Tell whether a host is as healthy as before its kernel was replaced
version_added: 0.1.0
description:
  - Observes the kernel's taint and log, failed units, PCI devices and their drivers, network links, disks, processors,
    memory and the crash kernel, and compares them with what was observed before the transition.
  - What is new since then is a trouble that counts. What was there before is reported and does not count. A thing that
    only has another name is no loss.
  - Where a kernel complains, its earlier cold boots are looked at, in the journal and in O(own_troubles), to tell
    whether that comes from the kexec or is the kernel's own.
  - Troubles do not make the task fail. RV(healthy) says whether there are any.
  - Changes nothing.
notes:
  - Needs root to read the kernel's log on most distributions. Without the log, RV(healthy) is never V(true).
seealso:
  - module: kho.kexec.kexec_image
  - module: kho.kexec.kexec_verdict_info
options:
  baseline:
    description:
      - What to compare with.
      - V(staged), the health that was stored on the host when the transition was staged. When there is none, the note
        C(baseline_absent) says so, and the health is judged as with V(none).
      - V(none), nothing. Every trouble of this boot counts.
    type: str
    choices:
      - staged
      - none
    default: staged
  ignore:
    description: Codes that are no trouble on this host. They are left out of RV(troubles).
    type: list
    elements: str
    choices:
      - acpi_error
      - bad_page
      - command_failed
      - cpus_lost
      - crash_image_lost
      - crashkernel_lost
      - device_lost
      - disk_lost
      - disk_path_lost
      - driver_lost
      - filesystem_error
      - firmware_bug
      - firmware_missing
      - hard_lockup
      - hung_task
      - interrupt_error
      - io_error
      - iommu_fault
      - kernel_bug
      - kernel_fault
      - kernel_oops
      - kernel_warning
      - link_down
      - link_lost
      - list_corruption
      - machine_check
      - memory_access_invalid
      - memory_error
      - memory_lost
      - out_of_specification
      - page_poison
      - partition_lost
      - pcie_error
      - probe_failed
      - rcu_stall
      - refcount_error
      - slab_corruption
      - soft_lockup
      - transmit_timeout
      - unit_failed
    default: []
  own_troubles:
    description:
      - What kernels complain about after cold boots, as RV(kho.kexec.kexec_ledger#module:own_troubles) tells of the
        whole fleet. Those of other releases are passed over.
    type: list
    elements: dict
    suboptions:
      release:
        description: The release.
        type: str
        required: true
      code:
        description: The code of the trouble.
        type: str
        required: true
      signature:
        description: What stays the same when it is said again.
        type: str
        required: true
      boots:
        description: After how many cold boots it was said.
        type: int
      hosts:
        description: On how many hosts these were.
        type: int
    default: []
  commands:
    description:
      - Health checks of your own, run one after the other at the end. An exit code of 0 is healthy.
      - Each is a list of a program and its arguments. There is no shell.
    type: list
    elements: list
    default: []
  command_timeout:
    description: Seconds that each of O(commands) may take.
    type: int
    default: 30
  settle:
    description:
      - Seconds that devices, drivers, links, disks and the crash kernel which are missing get to appear. Only a host
        on which something is missing waits.
    type: int
    default: 30
  soak:
    description:
      - Seconds to watch a host that looks healthy. The first trouble that counts ends it.
      - When this is longer than the timeout of the connection, run the task with C(async).
    type: int
    default: 0
extends_documentation_fragment:
  - kho.kexec.attributes
  - action_common_attributes
  - action_common_attributes.flow
attributes:
  check_mode:
    details: Changes nothing in any mode; O(commands) run in check mode too.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Watch the new kernel for a minute, then ask the service itself
  kho.kexec.kernel_health_info:
    soak: 60
    ignore: [kernel_warning]
    commands:
      - [curl, --fail, --silent, http://localhost/health]
  register: health

- name: Stop when something got worse
  ansible.builtin.assert:
    that: health.healthy
    fail_msg: "{{ health.troubles | selectattr('new', 'true') | map(attribute='message') | join(' ') }}"

- name: Look for anything that went wrong in this boot
  kho.kexec.kernel_health_info:
    baseline: none
"""

RETURN = r"""
healthy:
  description: >-
    V(false) when a trouble is new. V(null) when none was seen and nothing could be read of the kernel's log, so
    it is not known.
  returned: success
  type: bool
  sample: true
troubles:
  description: Everything that is wrong, also what was wrong before the transition.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: Stable name of the trouble, for programs and for O(ignore).
      type: str
      sample: link_down
    message:
      description: What is wrong, what was found, and what to do.
      type: str
      sample: The link of eth0 (0000:00:03.0/virtio) is down, and was up before the transition.
    kind:
      description: >-
        V(memory_corruption), V(hardware_state) or V(firmware), the three kinds of bugs that a kexec brings and a cold
        boot does not; V(kernel) or V(services).
      type: str
      sample: hardware_state
    evidence:
      description: What shows it, such as a line of the kernel's log.
      type: str
      sample: eth0 (0000:00:03.0/virtio)
    new:
      description: Whether it was not there before the transition; V(null), when that is not known.
      type: bool
      sample: true
    own:
      description: >-
        Whether this kernel complains about it after cold boots too; V(null) when no cold boot of it is known, or when
        it is nothing that kernels complain about, or nothing new. Such a trouble counts unless it is one of
        V(acpi_error), V(firmware_bug), V(firmware_missing) and V(probe_failed).
      type: bool
      sample: false
    own_boots:
      description: >-
        After how many cold boots it was said, by O(own_troubles), or else by this host's journal; V(null) when it is
        not the kernel's own, or when the option does not say.
      type: int
      sample: 31
    own_hosts:
      description: On how many hosts these were.
      type: int
      sample: 7
  sample: []
baseline:
  description: >-
    The boot id of the boot whose health was compared with; V(null) when there was nothing to compare with.
  returned: success
  type: str
  sample: 14279335-2684-452e-8909-1f3ab862a53b
boot_id:
  description: The boot id of the boot that was observed; V(null) when it cannot be read.
  returned: success
  type: str
  sample: 9f3c1f52-7c5e-4d53-9a9e-0b6f2c1d7a11
health:
  description: What was observed last. What could not be observed is V(null).
  returned: success
  type: dict
  contains:
    taint:
      description: The kernel's taint, as in C(/proc/sys/kernel/tainted).
      type: int
      sample: 512
    taint_names:
      description: Its bits in words.
      type: list
      elements: str
      sample: [warning]
    log:
      description: >-
        Whether the kernel's log of this boot could be read; V(complete), V(incomplete) or V(unreadable).
      type: str
      sample: complete
    complaints:
      description: >-
        What the kernel complained about in this boot, once each; C(what), C(signature) (what stays the same when it is
        said again) and C(line).
      type: list
      elements: dict
      sample: []
    failed_units:
      description: Units that systemd calls failed.
      type: list
      elements: str
      sample: [worker.service]
    devices:
      description: PCI devices, with C(identity) (address), C(name) (vendor and device) and C(driver).
      type: list
      elements: dict
      sample: [{identity: '0000:00:03.0', name: '1af4:1041', driver: virtio-pci}]
    links:
      description: Network interfaces of hardware and bonds, with C(identity), C(name) and C(up).
      type: list
      elements: dict
      sample: [{identity: 0000:00:03.0/virtio, name: eth0, up: true}]
    disks:
      description: Disks that are not removable, with C(identity), C(name) and number of C(partitions).
      type: list
      elements: dict
      sample: [{identity: 0000:00:04.0/virtio, name: vda, partitions: 3}]
    cpus:
      description: Processors online.
      type: int
      sample: 2
    memory_bytes:
      description: Memory in bytes, without what is set aside for a crash kernel.
      type: int
      sample: 1024000000
    crash_bytes:
      description: Memory in bytes that is set aside for a crash kernel.
      type: int
      sample: 0
    crash_image_loaded:
      description: Whether a crash kernel is loaded.
      type: bool
      sample: false
soaked_seconds:
  description: How long the host was watched, without the time of O(commands).
  returned: success
  type: float
  sample: 60.2
notes:
  description: What could not be observed or compared, and what is different without being a trouble.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: Stable name of the note, for programs.
      type: str
      sample: renamed
    message:
      description: What was found.
      type: str
      sample: eth0 is called ens3 now.
  sample: []
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: baseline_unreadable
timings:
  description: Where the time went, in the shape of RV(kho.kexec.kexec_image#module:timings).
  returned: success
  type: dict
  sample: {observing: 0.21, deciding: 0.001, health: 0.08, loading: 0.35, writing: 0.02, total: 0.9}
"""

from typing import Any, Mapping, Sequence

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._health.compare import OwnComplaints
from ansible_collections.kho.kexec.plugins.module_utils._health.watch import (
    Baseline,
    Checks,
    boot_id_of,
    check_health,
    staged_baseline,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timings
from ansible_collections.kho.kexec.plugins.module_utils._host.words import TROUBLE_CODES
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail
from ansible_collections.kho.kexec.plugins.module_utils._options.health import own_troubles_spec, require_sensible


def own_complaints(host: Host, fleet: Sequence[Mapping[str, Any]]) -> OwnComplaints | None:
    """Return what this kernel complains about after cold boots of this host, and of the ``fleet``."""
    # Here, because it is asked only when something is new, and the host would compile the history's code each time.
    from ansible_collections.kho.kexec.plugins.module_utils._history import cold

    return cold.own_complaints(host, fleet)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "baseline": {"type": "str", "choices": ["staged", "none"], "default": "staged"},
            "ignore": {"type": "list", "elements": "str", "choices": list(TROUBLE_CODES), "default": []},
            "own_troubles": own_troubles_spec(),
            "commands": {"type": "list", "elements": "list", "default": []},
            "command_timeout": {"type": "int", "default": 30},
            "settle": {"type": "int", "default": 30},
            "soak": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    options = module.params
    checks = Checks(
        ignored=tuple(options["ignore"]),
        commands=tuple(tuple(str(word) for word in command) for command in options["commands"]),
        command_timeout=options["command_timeout"],
        settle=options["settle"],
        soak=options["soak"],
        own_troubles=options["own_troubles"],
    )
    host = LocalHost()
    try:
        require_sensible(checks.commands, checks.command_timeout, checks.soak, checks.settle)
        baseline = staged_baseline(host) if options["baseline"] == "staged" else Baseline(None, None)
    except KhoError as error:
        fail(module, error)
    outcome = check_health(host, baseline.health, checks, own=lambda: own_complaints(host, checks.own_troubles))
    result = outcome.comparison.as_dict()
    result["notes"] = [note.as_dict() for note in baseline.notes] + result["notes"]
    module.exit_json(
        changed=False,
        **result,
        baseline=baseline.boot_id,
        boot_id=boot_id_of(host),
        health=outcome.health.as_dict(),
        soaked_seconds=round(outcome.watched, 1),
        timings=timings(),
    )


if __name__ == "__main__":
    main()
