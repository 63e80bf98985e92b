# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's own part: options, check mode, warnings, and results as documented."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default_record import RECORD_PATH
from ansible_collections.kho.kexec.plugins.modules import boot_default
from ansible_collections.kho.kexec.tests.unit.support.boot_host import GRUBENV, environment, grub_host, pinned
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
RETURNED = yaml.safe_load(boot_default.RETURN)
ADDED_BY_ANSIBLE = {"changed", "invocation", "failed", "exception", "msg", "warnings"}


@pytest.fixture
def host(tmp_path):
    return grub_host(tmp_path, NEW, OLD).add(GRUBENV, environment(saved_entry=pinned(OLD)))


def run(host, **options):
    return run_module("boot_default", host.root, **options)


def test_what_is_the_default_already(host):
    rc, result = run(host, release=OLD)
    assert (rc, result["changed"], result["loader"], result["after"]["release"]) == (0, False, "grub", OLD)
    assert "warnings" not in result


def test_check_mode(host):
    rc, result = run(host, release=NEW, _ansible_check_mode=True)
    assert (rc, result["changed"], result["after"]["release"]) == (0, True, NEW)
    assert not host.exists(RECORD_PATH)


def test_a_default_that_stays_as_it_is(host):
    """The programs of this host succeed and do nothing."""
    rc, result = run(host, release=NEW)
    assert (rc, result["code"], result["after"]["release"]) == (1, "boot_default_not_set", OLD)
    recorded = json.loads(host.read_text(RECORD_PATH))["recorded"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", recorded)
    rc, result = run(host, state="restored", _ansible_check_mode=True)
    assert (rc, result["changed"], result["recorded"]["recorded"]) == (0, False, recorded)


def test_notes_are_shown(host):
    rc, result = run(host, state="restored")
    assert (rc, [note["code"] for note in result["notes"]]) == (0, ["boot_default_not_recorded"])
    assert [warning for warning in result["warnings"] if "No default was recorded" in str(warning)]


@pytest.mark.parametrize("options", [{}, {"state": "selected"}, {"state": "absent"}, {"entry": "x"}])
def test_options_that_do_not_fit(host, options):
    assert run(host, **options)[0] == 1


def test_all_that_is_returned_is_documented_and_the_other_way_round(host):
    success, failure = run(host, release=OLD)[1], run(host, release="9")[1]
    assert set(success) - ADDED_BY_ANSIBLE == set(RETURNED) - {"code"}
    assert set(failure) - ADDED_BY_ANSIBLE == {"code"}
    assert set(success["before"]) == set(RETURNED["before"]["contains"])
    would = run(host, release=NEW)[1]
    assert set(would) - ADDED_BY_ANSIBLE == {"code", "loader", "after"}
    recorded = run(host, state="restored", _ansible_check_mode=True)[1]["recorded"]
    assert set(recorded) == set(RETURNED["recorded"]["sample"])
