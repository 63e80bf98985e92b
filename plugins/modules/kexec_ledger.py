#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_ledger
short_description: Record boots, transitions and crashes of a fleet, and tell which transitions crash
version_added: 0.1.0
description:
  - Keeps the ledger, the record of the boots, transitions and crashes of the whole fleet, in a file of the controller
    or in a PostgreSQL database that controllers share.
  - Compares how often kernels crash after each transition with cold boots of the same release, and says so when there
    are too few boots to tell.
  - Runs on the controller and asks no host.
options:
  state:
    description:
      - V(known), tells by RV(cursor) how much of this host's history is in the ledger.
      - V(imported), what M(kho.kexec.kexec_history_info) found on this host is in the ledger. The same can be imported
        again, and nothing is doubled. What cannot be true, and what is more than one host may have, is left out with
        a warning, and is in RV(notes).
      - V(recorded), the transition of this host that ended with a verdict is in the ledger. The same can be recorded
        again, and a later verdict on it takes the place of an earlier one. When no kernel was left, nothing is written.
        What was measured of a boot is kept beside it for as long as the ledger is; the first values stay.
      - V(queried), tells how often the handover from O(previous_release) to O(release) was followed by a crash.
      - V(assessed), tells which transitions crash more often than cold boots of their release, for C(crash_risks) of
        M(kho.kexec.kexec_image) and M(kho.kexec.kexec_plan_info), and what kernels complain about after cold boots.
      - V(within_budget), boots of O(release) that a kexec began since O(since) have crashed on at most O(max_crashes)
        hosts. Otherwise the task fails. For a gate, when there are too few boots for statistics.
      - V(no_worse), hosts that jumped since O(since) are no worse off than those that have not yet, in the same hours.
        Otherwise the task fails. Of harmless rollouts, at most 5 % fail, however often this is asked. For a gate.
      - V(reported), the report of the whole fleet is in O(directory), as C(report.json), C(report.md) and
        C(report.html).
    type: str
    required: true
    choices: [known, imported, recorded, queried, assessed, within_budget, no_worse, reported]
  url:
    description:
      - Where the ledger is, C(sqlite:////absolute/path/ledger.db) or C(postgresql://user@host/database).
      - Without it, C(kho-kexec/ledger.db) in the user's folder for data, which is E(XDG_DATA_HOME) or
        C(~/.local/share). The file is made when it is missing, for its owner only.
      - Leave the password out where you can. libpq reads it from C(~/.pgpass) or E(PGPASSWORD).
      - A PostgreSQL database should be the ledger's own. Its tables are made when they are missing.
    type: str
  history:
    description:
      - The result of M(kho.kexec.kexec_history_info), unchanged. For O(state=imported).
    type: dict
  transition:
    description:
      - C(kexec_upgrade_result) of the role P(kho.kexec.kexec_upgrade#role), or the result of
        M(kho.kexec.kexec_reboot), unchanged. For O(state=recorded).
    type: dict
  transitions:
    description:
      - What O(transition) is, of several hosts, each with its C(host). For O(state=recorded).
    type: list
    elements: dict
  measures:
    description:
      - What was measured of a boot of this host, as RV(kho.kexec.kexec_soak#module:measures), unchanged. Values that
        cannot be true are left out with a warning. The report says what drifts with the count. For O(state=recorded).
    type: dict
  previous_release:
    description:
      - The release that hands over, as C(uname -r) prints it. For O(state=queried).
      - For O(state=within_budget), only handovers from this release count. Without it, every kexec does.
    type: str
  clock:
    description: Which clock times O(state=imported) and O(state=recorded). V(database) is for several controllers.
    type: str
    choices: [controller, database]
    default: controller
  release:
    description:
      - The release that it hands over to. For O(state=queried) and O(state=within_budget).
      - For O(state=no_worse), only jumps to this release count as such. Without it, every kexec does.
    type: str
  since:
    description:
      - From when on boots count, in seconds since 1970, by the hosts' clocks, for O(state=within_budget).
      - When the rollout began, for O(state=no_worse). It must be the same each time in one rollout.
    type: int
  max_crashes:
    description:
      - On how many hosts boots may have crashed, for O(state=within_budget). A host counts once.
    type: int
    default: 0
  symptoms:
    description:
      - Whether it counts for O(state=no_worse), too, that kernels complain of something after the jump that they did
        not complain of before it, more often than the other way round, and than others that waited in the same hours.
      - At most 5 % of harmless rollouts fail then for crashes and complaints together. What the release is known to
        complain of after cold boots of several hosts does not count.
    type: bool
    default: false
  directory:
    description:
      - A directory of the controller for O(state=reported). It is made when it is missing.
    type: path
  on_error:
    description:
      - What to do when the ledger cannot be read or written. V(fail), the task fails.
      - V(warn), the task succeeds with a warning and RV(code), so a host that was upgraded is not failed.
    type: str
    choices: [fail, warn]
    default: fail
requirements:
  - SQLAlchemy >= 2.0.28 on the controller
  - scipy >= 1.11 on the controller, for O(state=queried), O(state=assessed), O(state=no_worse) and O(state=reported)
  - psycopg >= 3.1 on the controller, for PostgreSQL
notes:
  - An SQLite ledger takes one writer at a time, others wait for up to a minute. Keep it off network file systems.
seealso:
  - module: kho.kexec.kexec_history_info
  - module: kho.kexec.kexec_reboot
extends_documentation_fragment:
  - kho.kexec.attributes.controller
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  check_mode:
    details: Everything is done in a transaction that is undone in the end. A file that is missing is not made.
  diff_mode:
    support: none
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Look up what the ledger knows of each host
  kho.kexec.kexec_ledger:
    state: known
  register: known

- name: Look at the boots since then
  kho.kexec.kexec_history_info:
    after_cursor: "{{ known.cursor | default(omit, true) }}"
  become: true
  register: history

- name: Put them into the ledger
  kho.kexec.kexec_ledger:
    state: imported
    history: "{{ history }}"

- name: Ask which transitions crash
  kho.kexec.kexec_ledger:
    state: assessed
  register: assessed
  run_once: true

- name: Do not repeat them
  kho.kexec.kexec_image:
    crash_risks: "{{ assessed.risks }}"

- name: Stop when more than one host has crashed in the last day
  kho.kexec.kexec_ledger:
    state: within_budget
    release: 7.3.4-kho
    since: "{{ now().timestamp() | int - 86400 }}"
    max_crashes: 1
  run_once: true

- name: Stop when hosts that jumped are worse off than the others
  kho.kexec.kexec_ledger:
    state: no_worse
    since: "{{ rollout_began }}"
    symptoms: true
  run_once: true

- name: Write the report
  kho.kexec.kexec_ledger:
    state: reported
    directory: "{{ playbook_dir }}/report"
  run_once: true
"""

RETURN = r"""
boots: {description: "How many boots were new, or were completed.", returned: O(state=imported), type: int, sample: 3}
crashes: {description: "How many crashes were new, or completed.", returned: O(state=imported), type: int, sample: 1}
measures:
  {description: How many measured values were new., returned: O(state=recorded) with O(measures), type: int, sample: 5}
notes:
  description: What of the history, or of what was measured, was not taken, because it cannot be true or is too much.
  returned: O(state=imported), and O(state=recorded) with O(measures)
  type: list
  elements: dict
  contains:
    code:
      description: V(history_implausible), V(history_too_large) or V(measure_implausible).
      type: str
      sample: history_implausible
    message:
      description: What was found, and what to do.
      type: str
      sample: "Boots and crashes of this host were left out of the ledger, because they cannot all be true: (...)."
  sample: []
cursor:
  description:
    - Up to where the host's journal was imported, V(null) when that is not known. It is for
      O(kho.kexec.kexec_history_info#module:after_cursor).
  returned: O(state=known) and O(state=imported)
  type: str
  sample: s=0639f3;i=4a
finding:
  description:
    - V(crashes_more), the host crashes more often after this handover than after a cold boot of the same release.
    - V(crashes_less), less often.
    - V(one_host), there is a difference, but it rests on one host. It is a suspicion about that host, not a finding.
    - V(no_difference), there are enough boots, and no difference is seen.
    - V(too_few), there are too few boots or crashes to tell.
  returned: O(state=queried)
  type: str
  sample: crashes_more
risk:
  description: All numbers, V(null) when the ledger knows no such handover.
  returned: O(state=queried)
  type: dict
  contains:
    sentence: {description: The numbers in words., type: str, sample: 7.2.13-kho -> 7.3.4-kho crashes 6.1 times (...).}
    boots: {description: How many boots there were., type: int, sample: 512}
    crashes: {description: How many of them crashed., type: int, sample: 41}
    hours: {description: "How long they ran, together.", type: float, sample: 18112.4}
    again:
      description:
        - Those right after a crash of the same host after the same transition, which are not compared; C(recovered),
          after another kind of boot. C(again_crashes) and C(recovered_crashes) of these crashed.
      type: int
      sample: 6
    hosts:
      description:
        - On how many C(hosts) these boots were, and on how many of them any C(crashed), and the same of cold boots.
          V(null) for a single C(kexec_count).
      type: dict
      sample: {hosts: 120, crashed: 37, cold_hosts: 131, cold_crashed: 7}
    worth:
      description: How many independent boots tell as much as these do. All that follows is computed from these.
      type: dict
      sample: {boots: 506, crashes: 41, cold_boots: 522, cold_crashes: 7}
    rate: {description: The share that crashes. C(rate_interval) is its interval of 95 %., type: float, sample: 0.08}
    cold:
      description: Boots, crashes and hours of cold boots of the same release, and those right after a crash.
      type: dict
      sample: {boots: 530, crashes: 7, hours: 20311.0, again: 8, again_crashes: 0, recovered: 31, recovered_crashes: 1}
    relative_risk:
      description:
        - How many times as often they crash as cold boots; V(null) when no cold boot crashed, or hardly any.
        - C(relative_risk_interval) is its interval of 95 %, an end that is V(null) is not bounded.
        - C(relative_risk_by_hour) and its interval are the same by the hour.
      type: float
      sample: 6.06
    p:
      description: The p-value of Fisher's exact test. C(smallest_p) is the smallest that was possible.
      type: float
      sample: 1.45e-07
    q:
      description: Corrected for all transitions that were tested; V(null) when it was not.
      type: float
      sample: 1.7e-06
    power: {description: The probability of finding three times the odds., type: float, sample: 0.94}
    by_count:
      {description: The same for each C(kexec_count)., type: list, elements: dict, sample: []}
    trend:
      description: Whether the risk C(grows) or C(falls) with C(kexec_count), V(null) without counts to compare.
      type: dict
      sample: {finding: grows, p: 0.001, q: 0.004, smallest_p: 1.0e-9}
    bugs:
      description: >-
        The leading bugs, with the leading C(signatures) of each. With C(old), an earlier version of the collection
        wrote these crashes; what it called a signature is compared with no newer one.
      type: list
      elements: dict
      sample:
        - bug: 5e6f7a8b9c0d1e2f
          kind: panic
          frames: [nvme_reset_work]
          boots: 31
          old: false
          signatures: [{signature: 9f86d081884c7d65, frames: [nvme_reset_work], boots: 31}]
    cautions:
      {description: 'What to keep in mind, as C(code) and C(message).', type: list, elements: dict, sample: []}
risks:
  description: >-
    The transitions that crash more often than cold boots of the same release, the worst first, and those of which only
    long chains do. O(kho.kexec.kexec_image#module:crash_risks) describes the keys; the numbers are those of the boots
    that crash.
  returned: O(state=assessed)
  type: list
  elements: dict
  sample:
    - boot: handover
      previous_release: 7.2.13-kho
      release: 7.3.4-kho
      longest_chain: null
      boots: 512
      crashes: 41
      relative_risk: 6.06
      relative_risk_low: 2.81
      relative_risk_high: 13.16
      q: 1.5e-7
      bug: 5e6f7a8b9c0d1e2f
      sentence: 7.2.13-kho -> 7.3.4-kho crashes 6.1 times as often as a cold boot of 7.3.4-kho (...).
own_troubles:
  description: >-
    What kernels complain about after cold boots of several hosts, those of the most hosts first and at most 500, for
    O(kho.kexec.kexec_reboot#module:health_own_troubles). What comes from a kexec more often is not among it.
  returned: O(state=assessed)
  type: list
  elements: dict
  sample: [{release: 7.3.4-kho, code: acpi_error, signature: "ACPI Error: AE_AML", boots: 31, hosts: 7}]
hosts_begun:
  {description: On how many hosts one began O(release)., returned: O(state=within_budget), type: int, sample: 20}
boots_begun: {description: How many boots that were., returned: O(state=within_budget), type: int, sample: 20}
boots_crashed: {description: How many of them crashed., returned: O(state=within_budget), type: int, sample: 2}
crashed_hosts:
  description: The hosts on which they did, or that jumped and crashed since.
  returned: O(state=within_budget) and O(state=no_worse)
  type: list
  elements: str
  sample: [web3, web8]
jumped:
  description: How many hosts jumped since O(since), how long they were seen to run, and how many crashed.
  returned: O(state=no_worse)
  type: dict
  sample: {hosts: 156, hours: 157.2, crashed: 3}
waiting:
  description: The same before the jump. C(hosts) are those that have not jumped; C(hours) and C(crashed) are of all.
  returned: O(state=no_worse)
  type: dict
  sample: {hosts: 3844, hours: 15562.0, crashed: 0}
ratio:
  description: How many times as often, by the hour, hosts crashed after their jump as before it, if any did before.
  returned: O(state=no_worse)
  type: float
  sample: 12.3
ratio_interval:
  description: Its interval of 95 %, for all looks at one rollout together. An end that is V(null) is not bounded.
  returned: O(state=no_worse)
  type: list
  elements: float
  sample: [2.1, 260.0]
evidence:
  description: The e-value, what a stake of 1 on jumps doing harm has become. At RV(evidence_limit), the task fails.
  returned: O(state=no_worse)
  type: float
  sample: 23.4
evidence_limit: {description: How much evidence is enough., returned: O(state=no_worse), type: float, sample: 20.0}
symptoms:
  description:
    - What kernels complained of on two hosts or more after the jump and not before it, at most 20. Those that speak
      most against the jump are first. C(own) ones the release has after cold boots, too, and they do not count;
      that is looked up where the evidence is enough otherwise, of those that add to it, and V(null) of others.
    - On so many hosts it was only C(after) the jump, and only in the boot before it (C(other)). C(with_others) is the
      same beside hosts that waited in the same hours. C(ratio_interval) is how many times as often it comes after the
      jump (95 %). C(evidence) is what a stake of 1 on it has become, C(part) which part of the stake on all it had.
  returned: O(state=no_worse) with O(symptoms)
  type: list
  elements: dict
  sample: [{trouble: acpi_error, words: "ACPI Error: AE_AML", own: false, with_itself: {after: 14, other: 0}, part: 0.5,
            symptom: 3f1c9a0b7d5e2c48, with_others: {after: 14, other: 0}, hosts: [web3, web8], evidence: 2300.0}]
summary:
  {description: What was found in sentences., returned: O(state=reported), type: list, elements: str, sample: [9 boots]}
paths:
  {description: The files of the report., returned: O(state=reported), type: list, elements: str, sample: [/srv/a.md]}
msg:
  description: What was found, or what went wrong.
  returned: >-
    O(state=queried), O(state=assessed), O(state=within_budget), O(state=no_worse), O(state=reported), or when something
    went wrong
  type: str
  sample: 7.2.13-kho -> 7.3.4-kho crashes 6.1 times as often as a cold boot of 7.3.4-kho (...).
code:
  description: Stable name of what went wrong, for programs.
  returned: failure, and with O(on_error=warn)
  type: str
  sample: ledger_away
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import (
    LEDGER,
    LEDGER_REQUIRED_IF,
    without_controller,
)
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=LEDGER, required_if=LEDGER_REQUIRED_IF, supports_check_mode=True)
    fail(module, without_controller("kexec_ledger", "has the ledger"))


if __name__ == "__main__":
    main()
