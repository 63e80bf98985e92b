# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that was told to leave, asked once: proven when it is back, and handed on when it is not."""

from __future__ import annotations

import json

import pytest
from unit.plugins.plugin_utils.scripted import NEW, OLD, PROMISE, ScriptedClock, ScriptedHost

from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import Departure, Port, departure_from
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.jump import Jump, View

LEFT = Departure(OLD, 1000.0, False, PROMISE, None, Port("192.0.2.10", 22, 0.5), None)
OVER = "read_boot_id and keep the connection"


def asked_once(host: ScriptedHost) -> dict[str, object]:
    host.clock.time += 30
    deadline = Deadline(host.clock, 60, started=LEFT.at)
    return Jump(host, deadline, View(host.banner, port=LEFT.port), host.calls.append).follow(LEFT, (), waits=False)


def test_host_that_is_back_is_proven_over_one_connection() -> None:
    host = ScriptedHost(ScriptedClock(), [(0, "old"), (3, "gone"), (20, "new")])
    result = asked_once(host)
    assert (result["failed"], result["boot_id_after"]) == (False, NEW)
    assert "left" not in result
    assert host.calls == ["watchful", "alone", OVER, "together", "verify", "tidy_up", "as before"]


@pytest.mark.parametrize("timetable", [[(0, "old")], [(0, "old"), (3, "gone")]])
def test_host_that_is_not_back_is_handed_on_as_it_was(timetable: list[tuple[float, str]]) -> None:
    host = ScriptedHost(ScriptedClock(), timetable)
    result = asked_once(host)
    assert departure_from(json.loads(json.dumps(result["left"]))) == LEFT
    assert (result["verdict"], result["rebooted"]) == (None, None)
    assert "failed" not in result
    assert host.clock.now() - host.began < 30 + 5
    assert "verify" not in host.calls
