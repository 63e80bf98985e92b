# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.lockdown import LOCKDOWN, lockdown_mode
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot


@pytest.mark.parametrize(
    ("shown", "mode"),
    [
        ("none [integrity] confidentiality\n", "integrity"),
        ("none integrity [confidentiality]\n", "confidentiality"),
        ("[none] integrity confidentiality\n", None),
        ("none integrity\n", None),
        ("[\x1b]\n", None),
    ],
)
def test_mode(tmp_path, shown, mode):
    assert lockdown_mode(FakeRoot(tmp_path).add(LOCKDOWN, shown)) == mode


def test_kernel_without_lockdown(tmp_path):
    assert lockdown_mode(FakeRoot(tmp_path)) is None
