# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a policy, which kexec_image and kexec_plan_info share. Specs: module_utils/_options/policy.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  release:
    description:
      - The release of the target as C(uname -r) will show it, such as V(7.3.4-kho), or a glob such as V(7.3.*), which
        means the newest release that matches.
      - With V(latest), the newest release that is installed as a whole. C(6.12.9) comes before C(6.12.10), and a
        release candidate (C(7.3.0-rc7), C(7.3~rc7)) before its release.
      - V(latest) and globs stay with the running kernel's flavour, such as C(generic) or C(rt-amd64). Another one is
        taken only when its release is named, or when the glob has all words of it (V(*-generic-64k)).
      - With V(running), the release that runs, which is started anew, whenever the task runs. With any other value, a
        host that runs its target already is left as it is, unless its package was installed anew (C(rebuilt)).
      - With V(previous), the release that ran before the host's last transition, which is read from its record. For the
        way back.
      - Kernels are looked for in C(/boot), in C(/usr/lib/modules), and in the boot loader's entries.
    type: str
    default: latest
  panic:
    description:
      - Seconds after which a target that panics starts the firmware, as C(panic=) on its command line, so the
        boot loader brings back its default kernel.
      - Not used when the target's command line has C(panic=) already.
      - At least V(1).
    type: int
    default: 10
  allow_downgrade:
    description:
      - Whether the target may be older than the running kernel.
    type: bool
    default: false
  handover:
    description:
      - With V(require), only a handover will do.
      - With V(prefer), a kexec without handover will do where a handover is certain not to happen. It is promised, and
        judged by that promise.
      - With V(ignore), a kexec is all that is promised. A handover that comes through nevertheless must be right.
    type: str
    choices: [require, prefer, ignore]
    default: require
  fallback:
    description:
      - What to do when no kexec that O(handover) allows is possible.
      - With V(cold_boot), the host is cold-booted. The boot loader decides then which kernel starts, and the target
        must be its default.
    type: str
    choices: [refuse, cold_boot]
    default: refuse
  on_unknown:
    description:
      - What to do when something about the handover cannot be known, as the codes that end in C(_unknown) say.
      - With V(warn), the handover is promised nevertheless.
    type: str
    choices: [warn, refuse]
    default: warn
  max_kexec_count:
    description:
      - The longest chain of handovers. A handover that would make C(kexec_count) larger is refused, and so is a kexec.
      - With V(0), there is no limit.
    type: int
    default: 0
  denied_transitions:
    description:
      - Transitions that must not be done.
    type: list
    elements: dict
    default: []
    suboptions:
      from:
        description: A glob for the release that runs.
        type: str
        default: '*'
      to:
        description: A glob for the target's release.
        type: str
        default: '*'
      action:
        description:
          - In which way it must not be done. V(handover) means a kexec too, because two kernels that can hand over do
            so at every kexec.
        type: str
        choices: [any, handover, kexec, cold_boot]
        default: any
      reason:
        description: Why, as a sentence for the person who meets it.
        type: str
        required: true
  crash_risks:
    description:
      - What the ledger found to crash more often than cold boots of the same release, which is
        RV(kho.kexec.kexec_ledger#module:risks) unchanged. A transition in this list is V(transition_crashes).
      - Where only long chains crash, a handover that would make the chain longer than O(crash_risks[].longest_chain) is
        V(chain_too_long), and others are not objected to.
    type: list
    elements: dict
    default: []
    suboptions:
      boot:
        description: How the release was reached, V(handover) or V(kexec) (without one).
        type: str
        choices: [handover, kexec]
        required: true
      previous_release:
        description: The release that was left. Nobody knows that of a kexec without handover.
        type: str
      release:
        description: The release that crashes then.
        type: str
        required: true
      longest_chain:
        description: Up to so many handovers in a row no difference was seen. Without it, the risk is that of any chain.
        type: int
      boots:
        description: How many boots there were.
        type: int
      crashes:
        description: How many of them crashed.
        type: int
      relative_risk:
        description: How many times as often they crash as cold boots.
        type: float
      relative_risk_low:
        description: The lower end of its interval of 95 %.
        type: float
        required: true
      relative_risk_high:
        description: The upper end of that interval.
        type: float
      q:
        description: Which share of such findings is false.
        type: float
      bug:
        description: The bug that was seen in most boots.
        type: str
      sentence:
        description: All of it in words.
        type: str
        required: true
      cautions:
        description:
          - What to keep in mind. With V(crashes_on_one_host), the transition is never refused, and there is a warning.
        type: list
        elements: dict
        default: []
        suboptions:
          code:
            description: Stable name of the caution.
            type: str
            required: true
          sentence:
            description: What was found, and what it means.
            type: str
            required: true
  on_crash_risk:
    description:
      - What to do about a transition that is in O(crash_risks).
      - With V(refuse), it is refused if it crashes at least O(crash_risk_threshold) times as often as a cold boot.
        Otherwise it is a warning.
    type: str
    choices: [warn, refuse]
    default: refuse
  crash_risk_threshold:
    description:
      - How many times as often as a cold boot a transition must crash to be refused. What counts is the lower end of
        the interval, O(crash_risks[].relative_risk_low), so this much is certain.
    type: float
    default: 1.0
  accept:
    description:
      - Codes of refusals that are no reason to refuse. Each becomes a warning, and the promise changes with it. With
        V(kho_abi_mismatch), for example, a kexec without handover is promised.
      - Can be V(chain_too_long), V(downgrade), V(image_release_unknown), V(initrd_left_by_firmware),
        V(initrd_missing), V(kexec_count_unknown), V(kho_abi_mismatch), V(kho_abi_unknown), V(last_kexec_cold_booted),
        V(last_verdict_not_accepted), V(lockdown), V(metadata_not_offered), V(metadata_unknown),
        V(metadata_unsupported), V(modules_missing), V(passphrase_needed), V(root_device_missing), V(running_kho_off),
        V(running_kho_unknown),
        V(running_without_kho), V(scratch_fit_unknown), V(target_failed_before), V(target_kho_off),
        V(target_kho_unknown), V(target_without_kho), V(transition_crashes) and V(transition_denied).
      - Everything else can never be accepted. It could not work, would start something else than was judged, or, as
        V(luo_abi_mismatch), would crash the target.
    type: list
    elements: str
    default: []
  boot_default:
    description:
      - Whether the target is to become the boot loader's default later, as M(kho.kexec.kexec_commit) does. It is tried
        without changing anything whether that is possible.
      - With V(require), a host on which it is not is refused. With V(prefer), that is a warning.
    type: str
    choices: [require, prefer, never]
    default: never
  on_pending_firmware:
    description:
      - What is done where updates of firmware wait for the next start of the firmware, which a kexec passes by. With
        V(warn), it is a warning. With V(cold_boot), the host is cold-booted in place of a kexec, whatever O(fallback)
        says. With V(refuse), a kexec is refused.
    type: str
    choices: [warn, cold_boot, refuse]
    default: warn
  command_line_append:
    description:
      - Arguments to add to the target's command line, each with its quotes, such as V(quiet) or V(console=ttyS1).
    type: list
    elements: str
    default: []
  command_line_replace:
    description:
      - Values by the names of parameters. A parameter keeps its place; one that is not there is added. V(null) is for
        a parameter without value.
    type: dict
    default: {}
  command_line_remove:
    description:
      - Parameters to leave out, by name, or as C(name=value) for those with this value only.
    type: list
    elements: str
    default: []
"""
