# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose output may not be disturbed."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import is_for_programs


@pytest.mark.parametrize(
    ("callback", "expected"),
    [("default", False), ("ansible.builtin.default", False), ("ansible.posix.json", True), ("jsonl", True)],
)
def test_standard_output_of_programs(callback: str, expected: bool) -> None:
    assert is_for_programs(callback) is expected
