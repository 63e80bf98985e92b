# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout that runs share, in sentences and tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import counted, listed, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import FAILED, GOING, LOST

NAMED = 10
NOTHING = "-"


def at(seconds: int | None) -> str:
    """Return a time of the database for people."""
    return NOTHING if seconds is None else f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def headline(found: Mapping[str, Any]) -> str:
    """Return what is the matter with the rollout, in one sentence or two."""
    hosts, runs = sum(found["counts"].values()), counted(len(found["runs"]), "run")
    why = f": {found['why'].rstrip('.')}" if found["why"] else ""
    by = f" by {found['who']} at {at(found['changed'])}{why}" if found["state"] != "running" else ""
    of_all = ", ".join(f"{number} {state}" for state, number in found["counts"].items() if number)
    return f"{found['name']} is {found['state']}{by}. {counted(hosts, 'host')} in {runs}: {of_all or 'none yet'}."


def summary(found: Mapping[str, Any]) -> list[str]:
    """Return all that an operator asks for first, a line each."""
    canaries = found["canaries_proven"]
    lines = [
        headline(found),
        f"Canaries: {'proven at ' + at(canaries) if canaries else 'not proven yet'} ({_names(found['canaries'])}).",
    ]
    for state in (FAILED, LOST, GOING):
        names = [_named(one) for one in found["hosts"] if one["state"] == state]
        lines += [f"{state.capitalize()}: {_names(names)}."] if names else []
    return [*lines, *(" | ".join(row) for row in runs(found))]


def runs(found: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for each run: who, its wave, how many hosts are in each state, when it was heard of, and its end."""
    return [
        [
            printable(one["owner"]),
            f"wave {one['wave'] or 0} of {one['waves'] or NOTHING}",
            ", ".join(f"{number} {state}" for state, number in one["counts"].items() if number) or "no hosts",
            f"heard of at {at(one['seen'])}",
            f"ended at {at(one['ended'])}" if one["ended"] else "not ended",
        ]
        for one in found["runs"]
    ]


def _named(one: Mapping[str, Any]) -> str:
    return printable(one["host"]) + (f" ({printable(one['code'])})" if one["code"] else "")


def _names(names: list[str]) -> str:
    return listed(names, NAMED) or "none"
