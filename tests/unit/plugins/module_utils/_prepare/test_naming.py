# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._fact_script.archive import fact_script
from ansible_collections.kho.kexec.plugins.module_utils._prepare.naming import (
    COMMAND,
    ENABLED,
    SCRIPT,
    UNIT,
    naming_lacks,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot


@pytest.fixture
def host(tmp_path):
    made = FakeRoot(tmp_path).add(UNIT, f"[Service]\n{COMMAND}\n").add(SCRIPT, fact_script("/usr/bin/python3"))
    return made.link(ENABLED, UNIT)


def test_nothing_lacks(host):
    assert naming_lacks(host) is None


@pytest.mark.parametrize("path", [UNIT, ENABLED, SCRIPT])
def test_a_part_that_is_not_there(host, path):
    host.remove(path)
    assert path in naming_lacks(host) or "not enabled" in naming_lacks(host)


@pytest.mark.parametrize(("path", "text"), [(UNIT, "[Service]\n"), (SCRIPT, "#!/usr/bin/python3 -IBS\n"), (SCRIPT, "")])
def test_a_part_of_another_version(host, path, text):
    host.add(path, text)
    assert path in naming_lacks(host)
