#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kexec_rollout
short_description: One rollout that runs on several controllers share
version_added: 0.1.0
description:
  - Runs of Ansible on several controllers, slices of a job for example, that name the same rollout in the same ledger
    have one target and policy, one set of canaries, one budget of failures, one gate of statistics and one stop. A host
    belongs to one of them at a time.
  - O(state=info) tells of the whole rollout, whichever run did which part. O(state=paused), O(state=resumed) and
    O(state=stopped) hold for all of its runs, from their next wave on. What is on its way goes its way to the end.
  - The playbook C(kho.kexec.kexec_upgrade) does O(state=claimed), O(state=settled), O(state=no_worse),
    O(state=passed) and O(state=released) around each wave when C(kexec_upgrade_rollout) is set.
  - Times are those of the database. Clocks of controllers decide nothing.
  - Runs on the controller, once for all hosts of a batch, and asks no host.
options:
  state:
    description:
      - V(started), the rollout is there. Needed only to pause it, say, before the first run, which starts it, too.
      - V(claimed), the hosts of this wave belong to this run. Waits while the rollout is paused, while canaries of
        another run are not proven yet, while any of the hosts belongs to another run, and while O(pause_file) is
        there. Fails when the rollout was stopped, and when O(terms) differ from those of the run that joined first. The
        first wave that asks are the canaries. Stops the rollout when, with hosts that are lost and none of this run's,
        more have failed in all runs than may. Asked again for the same wave, it keeps its hosts, and hears of a pause
        and a stop.
      - V(settled), what became of the hosts of this wave is known to all runs, and the hosts are given back. Stops the
        rollout when a canary was not proven, and when more hosts failed in all runs than may.
      - V(no_worse), hosts of the rollout that jumped, with whichever run, are no worse off than its hosts that have not
        yet, in the same hours, as in O(kho.kexec.kexec_ledger#module:state=no_worse). Otherwise it stops the rollout,
        and the task fails. Of harmless rollouts, at most 5 % are stopped, however many runs ask, and however often.
        After V(resumed), hosts that jump from then on are looked at. Needs SciPy.
      - V(passed), what has to hold after the canaries of this run holds, and all other waves may begin. Needed when
        RV(canaries) says so.
      - V(released), the hosts of this wave are given back, and nothing was done to them. One that a run has proven
        before stays proven, by that run.
      - V(run_ended), the claims of O(run), which has died, end now, and nobody waits for them, nor for its canaries.
        Its hosts are lost until another run takes them, as they would be at the end of the claim. Of several runs that
        are called alike and have hosts, none is ended.
      - V(paused), no wave begins until it is resumed.
      - V(resumed), waves begin again. After a stop, hosts that failed or were lost before do not count any more.
      - V(stopped), no wave begins, and each run ends when its next one would.
      - V(info), tells of the rollout, and changes nothing.
      - Any other word is refused.
    type: str
    default: info
  name:
    description:
      - The name of the rollout, of printable ASCII characters.
    type: str
    required: true
  url:
    description:
      - The ledger that all runs share, as in O(kho.kexec.kexec_ledger#module:url). A PostgreSQL database, or an SQLite
        file for several runs on one machine.
    type: str
    required: true
  who:
    description:
      - Who does this, for people. Without it, the user that AWX names, or the user of the controller.
    type: str
  why:
    description:
      - Why this is done, for people. Needed for O(state=paused), O(state=stopped) and O(state=run_ended).
        Refused with O(state=info), because a stop must not become a look.
    type: str
  run:
    description:
      - With O(state=run_ended), the C(owner) of the run in RV(rollout), such as V(ann@controller1 (AWX job 42\)).
        Refused with all other states, which are about all runs.
    type: str
  page:
    description:
      - With O(state=info), a file that is written with what is told, as one page of HTML.
    type: path
  sizes:
    description:
      - As in O(kho.kexec.kexec_gate#module:sizes), to know the wave.
    type: raw
    default: canary
  limits:
    description:
      - As in O(kho.kexec.kexec_gate#module:limits), to know the wave.
    type: dict
    default: {}
  terms:
    description:
      - What all runs must have in common, RV(kho.kexec.kexec_play_options#module:terms). Needed for O(state=claimed).
    type: dict
    default: {}
  result:
    description:
      - With O(state=settled), the variable with each host's result, as in O(kho.kexec.kexec_gate#module:result).
    type: str
    default: kexec_upgrade_result
  max_failed:
    description:
      - With O(state=settled), how many hosts may have failed in all runs together. It is 0 when
        O(max_failed_percentage) is not given either.
    type: int
  max_failed_percentage:
    description:
      - With O(state=settled), how many percent of the hosts of this wave may have failed.
    type: int
  pause_file:
    description:
      - With O(state=claimed), as in O(kho.kexec.kexec_gate#module:pause_file), because the rollout may be waited for.
    type: path
  claim:
    description:
      - With O(state=claimed), after how many seconds the hosts can be taken by another run, when this one has not told
        what became of them. It must be longer than a wave takes. A dead run of the same machine is not waited for.
    type: int
    default: 7200
  patience:
    description:
      - With O(state=claimed), O(state=settled), O(state=no_worse), O(state=passed), O(state=released) and
        O(state=stopped), how many seconds to wait for a ledger that is away. The task fails then, and no wave begins.
        Failures of hosts are told however long that takes, and whatever the ledger's trouble.
    type: int
    default: 300
notes:
  - In check mode, tells what it would, and writes nothing.
extends_documentation_fragment:
  - kho.kexec.attributes.controller
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  bypass_host_loop:
    support: full
  diff_mode:
    details: What changes is the rollout's state, which has no content.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Stop all runs of the rollout before their next wave
  kho.kexec.kexec_rollout:
    name: spring
    url: postgresql://kho@db.example/kho
    state: stopped
    why: The storage team sees timeouts.

- name: Go on
  kho.kexec.kexec_rollout:
    name: spring
    url: postgresql://kho@db.example/kho
    state: resumed
    why: A switch was replaced.

- name: Have nobody wait for a run whose controller is gone
  kho.kexec.kexec_rollout:
    name: spring
    url: postgresql://kho@db.example/kho
    state: run_ended
    run: ann@controller1 (AWX job 42)
    why: Its node was switched off.

- name: Look at all of it
  kho.kexec.kexec_rollout:
    name: spring
    url: postgresql://kho@db.example/kho
    page: /srv/www/spring.html
  register: spring
"""

RETURN = r"""
rollout:
  description: The whole rollout. Times are seconds since 1970 by the database's clock.
  returned: O(state=info)
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: spring
    state:
      description: V(running), V(paused) or V(stopped).
      type: str
      sample: running
    who:
      description: Who gave it that state, or started it.
      type: str
      sample: ann@controller1
    why:
      description: The reason that was given for it.
      type: str
      sample: the spring update
    changed:
      description: When it got that state.
      type: int
      sample: 1795392000
    began:
      description: When it was started.
      type: int
      sample: 1795392000
    now:
      description: When this was asked.
      type: int
      sample: 1795392600
    terms:
      description: What all runs have in common; V(null) before the first has joined.
      type: dict
      sample: {kexec_upgrade_target: 7.3.4-kho}
    canaries:
      description: The hosts that went first, at most 1000.
      type: list
      elements: str
      sample: [web1]
    canaries_proven:
      description: When they were proven; V(null) while they are not.
      type: int
      sample: 1795392300
    counts:
      description:
        - How many hosts are C(waiting), C(going) (on their way), C(proven), C(failed), C(untouched) (not started), and
          C(lost) (their run did not report what became of them before its claim ended).
      type: dict
      sample: {waiting: 40, going: 8, proven: 51, failed: 1, untouched: 0, lost: 0}
    runs:
      description: Each run, with C(owner), C(began), C(seen), C(ended), C(wave), C(waves) and its own C(counts).
      type: list
      elements: dict
      sample:
        - owner: ann@controller1 (AWX job 42)
          began: 1795392000
          seen: 1795392500
          ended: null
          wave: 2
          waves: 4
          counts: {waiting: 20, going: 8, proven: 21, failed: 1, untouched: 0, lost: 0}
    hosts:
      description: Hosts that are on their way, have failed or are lost, with C(state), C(code), C(wave), at most 1000.
      type: list
      elements: dict
      sample: [{host: web7, state: failed, code: unreachable, wave: 2}]
    events:
      description: Who did what and why, with C(at), C(who), C(what) and C(why), the newest 200.
      type: list
      elements: dict
      sample: [{at: 1795392000, who: ann@controller1, what: started, why: the spring update}]
summary:
  description: The same in lines for people.
  returned: O(state=info)
  type: list
  elements: str
  sample: ["spring is running. 100 hosts in 3 runs: 40 waiting, 8 going, 51 proven, 1 failed."]
began:
  description: When the rollout was started, in seconds since 1970 by the database's clock.
  returned: O(state=claimed)
  type: int
  sample: 1795392000
canaries:
  description: Whether all others wait until O(state=passed) is told, because canaries of this run are proven.
  returned: O(state=settled)
  type: bool
  sample: false
stop:
  description: Why the rollout stops with this wave; empty when it goes on.
  returned: O(state=settled)
  type: str
  sample: "Not proven: web7. Failed in all runs: 4; allowed: 3 (max_failed)."
hosts:
  description: The hosts that the run had.
  returned: O(state=run_ended)
  type: list
  elements: str
  sample: [web7, web8]
since:
  description: From when on hosts that jumped are looked at, in seconds since 1970 by the database's clock.
  returned: O(state=no_worse)
  type: int
  sample: 1795392000
jumped:
  description: How many hosts of the rollout jumped since then, how long they were seen to run, and how many crashed.
  returned: O(state=no_worse)
  type: dict
  sample: {hosts: 156, hours: 157.2, crashed: 3}
waiting:
  description: The same before the jump. C(hosts) are those that have not jumped; C(hours) and C(crashed) are of all.
  returned: O(state=no_worse)
  type: dict
  sample: {hosts: 3844, hours: 15562.0, crashed: 0}
crashed_hosts:
  description: The hosts that jumped and crashed since.
  returned: O(state=no_worse)
  type: list
  elements: str
  sample: [web3, web8]
ratio:
  description: How many times as often, by the hour, hosts crashed after their jump as before it, if any did before.
  returned: O(state=no_worse)
  type: float
  sample: 12.3
ratio_interval:
  description: Its interval of 95 %, for all looks of all runs together. An end that is V(null) is not bounded.
  returned: O(state=no_worse)
  type: list
  elements: float
  sample: [2.1, 260.0]
symptoms:
  description: As RV(kho.kexec.kexec_ledger#module:symptoms), where the terms of all runs say that symptoms count.
  returned: O(state=no_worse), with symptoms
  type: list
  elements: dict
  sample: [{trouble: acpi_error, words: "ACPI Error: AE_AML", own: false, with_itself: {after: 14, other: 0}, part: 0.5,
            symptom: 3f1c9a0b7d5e2c48, with_others: {after: 14, other: 0}, hosts: [web3, web8], evidence: 2300.0}]
evidence:
  description: The e-value, what a stake of 1 on jumps doing harm has become. At RV(evidence_limit), the task fails.
  returned: O(state=no_worse)
  type: float
  sample: 23.4
evidence_limit: {description: How much evidence is enough., returned: O(state=no_worse), type: float, sample: 20.0}
msg:
  description: What was found or done, in a line.
  returned: >-
    O(state=claimed), O(state=settled), O(state=no_worse), O(state=released), O(state=run_ended), O(state=info), or
    failure
  type: str
  sample: Wave 1 of 4 of this run begins, before all others.
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: rollout_was_stopped
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import ROLLOUT, without_controller
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(argument_spec=ROLLOUT, supports_check_mode=True)
    fail(module, without_controller("kexec_rollout", "knows the ledger and the wave"))


if __name__ == "__main__":
    main()
