# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build import VERSION, running_build
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot


def test_the_build_of_this_machine():
    assert running_build(LocalHost()) == os.uname().version


def test_a_host_that_does_not_say(tmp_path):
    assert running_build(FakeRoot(tmp_path)) is None
    assert running_build(FakeRoot(tmp_path).add(VERSION, "Linux version 7.3.4\n")) is None
