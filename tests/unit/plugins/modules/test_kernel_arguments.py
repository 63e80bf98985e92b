# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import yaml

from ansible_collections.kho.kexec.plugins.modules import kernel_arguments
from ansible_collections.kho.kexec.tests.unit.support.boot_loader_host import GrubHost
from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module


def test_all_that_is_returned_is_documented(tmp_path):
    rc, result = run_module("kernel_arguments", GrubHost(tmp_path).root, arguments=["quiet"])
    assert (rc, result["changed"], result["loader"]) == (0, False, "grub")
    assert set(result) - {"changed", "invocation"} == set(yaml.safe_load(kernel_arguments.RETURN)) - {"code"}


def test_check_mode(tmp_path):
    _rc, result = run_module("kernel_arguments", GrubHost(tmp_path).root, arguments=["a=b"], _ansible_check_mode=True)
    assert result["changed"]
    assert result["command_line"] == "root=/dev/vda2 ro quiet a=b"


def test_a_refusal_has_its_code(tmp_path):
    rc, result = run_module("kernel_arguments", GrubHost(tmp_path).root, arguments=["a b"])
    assert (rc, result["code"]) == (1, "kernel_argument_invalid")
