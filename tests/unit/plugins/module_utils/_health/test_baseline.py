# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of before, as it is kept on the host."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._health.baseline import (
    BASELINE_PATH,
    read_baseline,
    save_baseline,
)
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import (
    MOST,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.health import WARNING, health
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID


@pytest.fixture
def host(tmp_path):
    return FakeRoot(tmp_path)


def test_the_health_is_the_same_after_it_was_stored(host):
    stored = health(complaints=(WARNING,), failed_units=None, cpus=None, crash_image_loaded=None)
    save_baseline(host, stored, BOOT_ID)
    assert read_baseline(host) == (BOOT_ID, stored)
    assert host.owner_and_mode(BASELINE_PATH).mode == 0o600


def test_no_baseline(host):
    assert read_baseline(host) is None


GOOD = {"schema": 1, "boot_id": BOOT_ID, "health": health(complaints=(WARNING,)).as_dict()}


def broken(*path, value):
    """A baseline with another value at the path."""
    baseline = json.loads(json.dumps(GOOD))
    place = baseline
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return baseline


@pytest.mark.parametrize(
    "baseline",
    [
        [],
        None,
        "text",
        broken("schema", value=2),
        broken("boot_id", value=None),
        broken("boot_id", value="x" * 65),
        broken("health", value=[]),
        broken("health", value={}),
        broken("health", "log", value="whole"),
        broken("health", "taint", value=-1),
        broken("health", "taint", value=True),
        broken("health", "cpus", value="4"),
        broken("health", "cpus", value=1 << 64),
        broken("health", "complaints", value=["text"]),
        broken("health", "complaints", 0, "line", value="x" * 2000),
        broken("health", "failed_units", value=[1]),
        broken("health", "failed_units", value=["x"] * (MOST + 1)),
        broken("health", "links", 0, "up", value=1),
        broken("health", "disks", 0, "partitions", value=None),
        broken("health", "devices", 0, value={"identity": "x"}),
    ],
)
def test_a_baseline_that_is_none(host, baseline):
    host.add(BASELINE_PATH, json.dumps(baseline))
    with pytest.raises(Refusal) as caught:
        read_baseline(host)
    assert caught.value.code == "baseline_unreadable"
    assert BASELINE_PATH in caught.value.message


@pytest.mark.parametrize("content", ["", "{", "[" * 100000, "\xff"])
def test_a_baseline_that_is_no_json(host, content):
    host.add(BASELINE_PATH, content)
    with pytest.raises(Refusal):
        read_baseline(host)


def test_a_baseline_that_may_not_be_read(host):
    with pytest.raises(Refusal):
        read_baseline(host.deny(BASELINE_PATH))
