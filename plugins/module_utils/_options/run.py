# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which modules learn who asks. Their documentation is in doc_fragments/claim.py."""

from __future__ import annotations

from typing import Any


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
