# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.kexec_state import KexecState, read_kexec_state
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"kexec/loaded": "1\n", "kexec/crash_loaded": "0\n"}, KexecState(True, False)),
        ({"kexec_loaded": "0\n", "kexec_crash_loaded": "1\n"}, KexecState(False, True)),
        ({"kexec/loaded": "1\n", "kexec_loaded": "0\n"}, KexecState(True, None)),  # the new name is asked first
        ({"kexec/loaded": "yes\n", "kexec_crash_loaded": ""}, KexecState(None, None)),
        ({}, KexecState(None, None)),
    ],
)
def test_state(tmp_path, files, state):
    host = FakeRoot(tmp_path)
    for name, content in files.items():
        host.add("/sys/kernel/" + name, content)
    assert read_kexec_state(host) == state
