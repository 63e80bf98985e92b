# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as ansible-core would run it: a process that reads its arguments from standard input."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.modules import kho_facts

MODULE = "ansible_collections.kho.kexec.plugins.modules.kho_facts"


def run(**arguments):
    """Run the module on this very machine, whatever its kernel is."""
    done = subprocess.run(
        [sys.executable, "-m", MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("check_mode", [False, True])
def test_facts_of_this_machine(check_mode):
    rc, result = run(_ansible_check_mode=check_mode)
    assert rc == 0
    assert result["changed"] is False
    assert set(result["ansible_facts"]) == {"kho"}
    with open("/proc/sys/kernel/osrelease", encoding="ascii") as stream:
        assert result["ansible_facts"]["kho"]["release"] == stream.read().strip()


def test_all_that_is_returned_is_documented_and_the_other_way_round():
    _rc, result = run()
    documented = yaml.safe_load(kho_facts.RETURN)["ansible_facts"]["contains"]["kho"]["contains"]
    assert set(result["ansible_facts"]["kho"]) == set(documented)


def test_there_are_no_options():
    rc, result = run(filter="*")
    assert rc == 1
    assert "filter" in result["msg"]
