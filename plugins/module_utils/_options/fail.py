# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules share in meeting Ansible. The only file in module_utils that knows Ansible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Mapping, NoReturn

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import failed_with, with_reference

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError


def fail(module: AnsibleModule, error: KhoError) -> NoReturn:
    """End the module with the error's message and code, and all that was found out before it."""
    module.fail_json(**{**error.findings, **failed_with(error.code, error.message)})
    raise AssertionError("fail_json returned")  # pragma: no cover


def warn(module: AnsibleModule, notes: Iterable[Mapping[str, str]]) -> None:
    """Show notes (``{code, message}``) as warnings, each with the place at which its code is explained."""
    for note in notes:
        module.warn(with_reference(note["code"], note["message"]))
