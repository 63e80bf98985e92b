# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which modules learn who asks (documented in doc_fragments/claim.py), and those of a commit."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.words import NEVER, PREFER, REQUIRE


def run_identity_spec() -> dict[str, Any]:
    """The options, as AnsibleModule takes them."""
    return {
        "claim_timeout": {"type": "int", "default": 0},
        "run_identity": {
            "type": "dict",
            "options": {
                "run": {"type": "str"},
                "owner": {"type": "str"},
                "over": {"type": "list", "elements": "str"},
            },
        },
    }


def commit_spec() -> dict[str, Any]:
    """The options of kexec_commit, which kexec_reboot takes too; the former says what they mean."""
    return {
        "boot_default": {"type": "str", "choices": [REQUIRE, PREFER, NEVER], "default": REQUIRE},
        "release": {"type": "str"},
        "accept": {"type": "list", "elements": "str", "default": []},
    }
