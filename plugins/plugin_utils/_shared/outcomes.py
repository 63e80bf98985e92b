# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the hosts of a wave, in the words of a rollout that runs share. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.plugin_utils._shared.decide import FAILED, PROVEN, UNTOUCHED
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.gate import Budget, Wave, judge

ANY = Budget(None, None)


def outcomes_of(wave: Wave, results: Mapping[str, Any], there: Collection[str]) -> dict[str, tuple[str, str | None]]:
    """Return of each host of the wave PROVEN, FAILED or UNTOUCHED, and the code that its result has, if any.

    ``there`` are the hosts that Ansible has not given up. A result is what a host's tasks left, and may be anything.
    """
    judged = judge(wave, results, there, ANY)
    states = {**dict.fromkeys(judged.untouched, UNTOUCHED), **dict.fromkeys(judged.proven, PROVEN)}
    return {host: (states.get(host, FAILED), _code(results.get(host))) for host in wave.hosts}


def _code(result: Any) -> str | None:
    code = result.get("code") if isinstance(result, Mapping) else None
    return printable(code) if isinstance(code, str) and code else None
