# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import asdict

from ansible_collections.kho.kexec.plugins.module_utils._guard.arm import GuardSettings
from ansible_collections.kho.kexec.plugins.module_utils._options.guard import guard_spec


def test_the_options_are_the_settings_with_their_defaults():
    assert {name: option["default"] for name, option in guard_spec().items()} == asdict(GuardSettings())
