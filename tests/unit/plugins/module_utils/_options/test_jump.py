# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._health.watch import Checks
from ansible_collections.kho.kexec.plugins.module_utils._options.jump import jump_spec
from ansible_collections.kho.kexec.plugins.module_utils._options.run import run_identity_spec


def test_each_task_leaves_and_waits_unless_it_is_told_otherwise():
    defaults = {name: option.get("default") for name, option in jump_spec().items()}
    assert (defaults["wait"], defaults["left"], defaults["phase"], defaults["health"]) == (True, None, None, True)
    assert (defaults["health_commands"], defaults["health_ignore"], defaults["health_soak"]) == ([], [], 0)
    assert defaults["health_command_timeout"] == Checks().command_timeout


def test_it_says_who_asks():
    assert run_identity_spec().items() <= jump_spec().items()
