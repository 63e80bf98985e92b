# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._host.access import STATUS
from ansible_collections.kho.kexec.plugins.modules import kexec_prepare_info
from ansible_collections.kho.kexec.tests.unit.support.boot_loader_host import GrubHost
from ansible_collections.kho.kexec.tests.unit.support.kernels import x86_host
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module


@pytest.fixture
def host(tmp_path):
    return x86_host(GrubHost(tmp_path))


def test_all_that_is_returned_is_documented(host):
    rc, result = run_module("kexec_prepare_info", host.root)
    documented = yaml.safe_load(kexec_prepare_info.RETURN)
    assert (rc, result["changed"], result["ready"]) == (0, False, False)
    assert set(result) - {"changed", "invocation"} == set(documented) - {"code"}
    for name in ("missing", "arguments"):
        assert set(result[name][0]) == set(documented[name]["contains"])


def test_options_are_wishes(host):
    _rc, result = run_module(
        "kexec_prepare_info", host.root, panic=7, journal=False, replace_arguments=True, scratch="64M,64M,64M"
    )
    assert [one["argument"] for one in result["arguments"]] == ["kho=on", "kho_scratch=64M,64M,64M", "panic=7"]
    assert "journal_not_kept" not in [one["code"] for one in result["missing"]]


def test_without_root(host):
    host.add(STATUS, "Uid:\t1000\t1000\t1000\t1000\n")
    rc, result = run_module("kexec_prepare_info", host.root)
    assert (rc, result["code"]) == (1, "not_root")
