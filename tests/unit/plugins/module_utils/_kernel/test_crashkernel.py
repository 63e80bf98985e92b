# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._kernel.crashkernel import crashkernel_bytes

RANGES = "1G-4G:160M,4G-:256M"


@pytest.mark.parametrize(
    ("target", "running", "reserved", "wanted"),
    [
        ("quiet", "crashkernel=64M", 64 << 20, None),
        ("crashkernel=64M", "quiet", 0, 64 << 20),
        ("crashkernel=64M@16M", "quiet", None, 64 << 20),
        ("crashkernel=1g,high crashkernel=64M,low", "quiet", None, None),
        ("crashkernel=1g,high", "quiet", None, 1 << 30),
        ("crashkernel=1024", "quiet", None, 1024),
        (f"crashkernel={RANGES}", f"crashkernel={RANGES}", 160 << 20, 160 << 20),
        (f"crashkernel={RANGES}", f"crashkernel={RANGES}", 0, None),
        (f"crashkernel={RANGES}", f"crashkernel={RANGES}", None, None),
        (f"crashkernel={RANGES}", "quiet", 160 << 20, None),
        ("crashkernel=auto", "quiet", 160 << 20, None),
        ("crashkernel", "crashkernel", 160 << 20, None),
    ],
)
def test_what_is_asked_for(target, running, reserved, wanted):
    assert crashkernel_bytes(target, running, reserved) == wanted
