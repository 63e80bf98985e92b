# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._host.access import STATUS
from ansible_collections.kho.kexec.plugins.modules import kho_fact_script
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module

PATH = "/etc/ansible/facts.d/kho.fact"


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    host = FakeRoot(tmp_path).add_directory("/etc")
    return host.add(STATUS, "Uid:\t0\t0\t0\t0\n")


def test_a_refusal_has_its_code(host):
    rc, result = run_module("kho_fact_script", host.root)
    assert rc == 1
    assert result["code"] == "interpreter_unusable"
    assert "/usr/bin/python3" in result["msg"]


def test_removing_what_is_not_there(host):
    rc, result = run_module("kho_fact_script", host.root, state="absent")
    assert rc == 0
    assert (result["changed"], result["path"], result["sha256"], result["size"]) == (False, PATH, None, None)


def test_the_directory_is_an_option(host):
    _rc, result = run_module("kho_fact_script", host.root, state="absent", directory="/srv/facts")
    assert result["path"] == "/srv/facts/kho.fact"


def test_all_that_is_returned_is_documented(host):
    _rc, result = run_module("kho_fact_script", host.root, state="absent")
    documented = yaml.safe_load(kho_fact_script.RETURN)
    assert set(result) - {"changed", "invocation"} == set(documented) - {"code"}
