# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout came to, in words, from its results: the one sentence, why it stopped, what was planned. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import CODES_PAGE
from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.host_outcome import (
    DONE,
    FAILED,
    HALF_DONE,
    IN_FLIGHT,
    NOT_KNOWN,
    ROLLED_BACK,
    UNTOUCHED,
)

NAMES = 3
"""How many hosts are named where all are meant."""
Hosts = Sequence[Mapping[str, Any]]
Pairs = Sequence[tuple[str, Mapping[str, Any]]]
"""Hosts, each with a word about it."""

# The most urgent first: one host, several.
_PARTS = (
    (NOT_KNOWN, "nobody knows what 1 runs", "nobody knows what {number} run"),
    (FAILED, "1 failed", "{number} failed"),
    (HALF_DONE, "1 has the target loaded and did not jump", "{number} have the target loaded and did not jump"),
    (ROLLED_BACK, "1 is back on its old kernel", "{number} are back on their old kernel"),
    (IN_FLIGHT, "1 is on its way", "{number} are on their way"),
)
_ACTIONS = {
    "handover": "would be handed over",
    "kexec": "would be executed without a handover",
    "cold_boot": "would be cold-booted",
    "none": "would stay, being there already",
    "verify": "would be verified, having jumped in an earlier run",
    "refuse": "would be refused",
}


def opening(results: Mapping[str, Any]) -> str:
    """Return the one sentence that an operator wants first."""
    run, hosts = results["run"], results["hosts"]
    if run["planned_only"]:
        return _opening_of_plan(hosts)
    done = [host for host in hosts if host["outcome"] == DONE]
    if hosts and len(done) == len(hosts):
        return f"{_all(len(hosts))} {_runs(done)}, and there is nothing left to do."
    said = [f"{len(done)} of {counted(len(hosts), 'host')} {_runs(done)}"]
    for outcome, one, several in _PARTS:
        meant = [host for host in hosts if host["outcome"] == outcome]
        if meant:
            words = one if len(meant) == 1 else several.format(number=len(meant))
            said.append(words if outcome == IN_FLIGHT else f"{words} ({names(meant)})")
    untouched = sum(host["outcome"] == UNTOUCHED for host in hosts)
    if untouched:
        said.append(f"{untouched} {'was' if untouched == 1 else 'were'} not touched")
    return f"{_where(results)}: {'; '.join(said)}."


def reason(results: Mapping[str, Any]) -> str:
    """Return what stopped a rollout; empty when nothing did."""
    run = results["run"]
    if run["state"] == "interrupted":
        return "Ansible was interrupted, or ended by an error of its own, before the rollout came to its end."
    if run["state"] != "stopped":
        return ""
    if run["message"]:
        return str(run["message"])
    if run["code"]:
        return f"What stopped it: {run['code']}{_see(run['code'])}."
    if any(host["code"] for host in results["hosts"] if host["wave"] == len(results["waves"])):
        return "Ansible ended after a wave in which hosts failed; what went wrong is below."
    return "A task that runs once for the whole wave failed. Its message is in the output of the run, not kept here."


def troubles(hosts: Hosts) -> list[str]:
    """Return a line for each thing that went wrong, the most frequent first: its code or verdict, and whom it met."""
    bad = [host for host in hosts if host["outcome"] in (NOT_KNOWN, FAILED, ROLLED_BACK)]
    return _grouped([(_why(host), host) for host in bad])


def planned(hosts: Hosts) -> list[str]:
    """Return a line for each action of the plan, then for each reason of a refusal, and for each warning."""
    actions = [
        f"{counted(len(meant), 'host')} {_ACTIONS.get(action, 'without a plan')}: {names(meant)}"
        for action, meant in _by([(str(host["action"]), host) for host in hosts if host["wave"] is not None])
    ]
    refused = [(str(host["code"]), host) for host in hosts if host["code"]]
    warned = [(warning, host) for host in hosts for warning in host["warnings"]]
    return [*actions, *_grouped(refused, "Refused: "), *_grouped(warned, "Warning: ")]


def names(hosts: Hosts) -> str:
    """Return the names of the first hosts, and how many more there are."""
    return listed([host["name"] for host in hosts], NAMES, " ")


def _opening_of_plan(hosts: Hosts) -> str:
    refused = [host for host in hosts if host["code"] or host["action"] in (None, "refuse")]
    there = [host for host in hosts if host not in refused and host["action"] == "none"]
    going = [host for host in hosts if host not in refused and host not in there]
    whose = "its" if len(going) == 1 else "their"
    said = [f"{len(going)} of {counted(len(hosts), 'host')} would change {whose} kernel{_to(going)}"]
    if there:
        said.append(f"{len(there)} {'is' if len(there) == 1 else 'are'} there already")
    if refused:
        said.append(f"{len(refused)} would not ({names(refused)})")
    return f"Nothing was changed: {'; '.join(said)}."


def _where(results: Mapping[str, Any]) -> str:
    run = results["run"]
    waves = "" if run["planned_waves"] is None else f" of {run['planned_waves']}"
    wave = f"in wave {len(results['waves'])}{waves}"
    return {
        "running": f"The rollout is {wave}",
        "finished": "The rollout came to its end",
        "stopped": f"The rollout was stopped {wave}",
        "interrupted": f"The rollout was interrupted {wave}",
    }[run["state"]]


def _runs(done: Hosts) -> str:
    targets = {host["to"] for host in done}
    is_one = len(targets) == 1 and None not in targets
    return f"run{'s' if len(done) == 1 else ''} {targets.pop() if is_one else 'what was wanted'}"


def _to(going: Hosts) -> str:
    targets = {host["to"] for host in going}
    return f" to {targets.pop()}" if len(targets) == 1 and None not in targets else ""


def _all(number: int) -> str:
    return "The one host" if number == 1 else f"All {number} hosts"


def _why(host: Mapping[str, Any]) -> str:
    is_bad = host["verdict"] and not host["accepted"]
    return str((host["verdict"] if is_bad else host["code"]) or "failed")


def _grouped(pairs: Pairs, head: str = "") -> list[str]:
    return [f"{head}{word} on {counted(len(meant), 'host')}: {names(meant)}{_see(word)}" for word, meant in _by(pairs)]


def _see(word: str) -> str:
    """Return where a code is explained; not every failure has one."""
    return "" if word == "failed" else f" ({CODES_PAGE}#{word})"


def _by(pairs: Pairs) -> list[tuple[str, list[Mapping[str, Any]]]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for word, host in pairs:
        groups.setdefault(word, []).append(host)
    return sorted(groups.items(), key=lambda group: -len(group[1]))
