# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a commit: of kexec_commit, and of kexec_reboot. What they mean says the former."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.words import NEVER, PREFER, REQUIRE


def commit_spec() -> dict[str, Any]:
    """The options, as AnsibleModule takes them."""
    return {
        "boot_default": {"type": "str", "choices": [REQUIRE, PREFER, NEVER], "default": REQUIRE},
        "release": {"type": "str"},
        "accept": {"type": "list", "elements": "str", "default": []},
    }
