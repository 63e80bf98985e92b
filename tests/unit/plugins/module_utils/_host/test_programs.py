# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.port import SYSTEM_PATHS
from ansible_collections.kho.kexec.plugins.module_utils._host.programs import has_program
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot


@pytest.mark.parametrize("directory", SYSTEM_PATHS)
def test_program_of_the_system(tmp_path, directory):
    assert has_program(FakeRoot(tmp_path).add(directory + "/kexec", ""), "kexec")


def test_programs_elsewhere_do_not_count(tmp_path):
    host = FakeRoot(tmp_path).add("/home/me/bin/kexec", "").add("/usr/sbin/kexec-load", "")
    assert not has_program(host, "kexec")
