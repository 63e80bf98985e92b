# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module alone, without the action plugin that does the work."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.kho.kexec.tests.unit.support.run_module import run_module


def test_without_the_controllers_half_nothing_is_done(tmp_path: Path) -> None:
    rc, result = run_module("kho_fleet_info", tmp_path, registered="found")
    assert (rc, result["code"]) == (1, "action_plugin_missing")
    assert "Nothing was done" in result["msg"]
