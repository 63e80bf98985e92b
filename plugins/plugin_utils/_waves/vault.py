# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that a vault has encrypted by themselves (``!vault``): Ansible has them in types that are no texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ENCRYPTED = frozenset({"EncryptedString", "AnsibleVaultEncryptedUnicode"})
"""The types of ansible-core since 2.19, and before it."""


def decrypted(value: Any) -> Any:
    """Return a value with the texts that are meant, in lists and mappings too; what has none is returned itself.

    Raises AnsibleError, as ansible-core does for a secret that is not there or is not the right one.
    """
    if type(value).__name__ in _ENCRYPTED:
        return str(value)
    if isinstance(value, Mapping):
        found = {key: decrypted(one) for key, one in value.items()}
        return found if any(found[key] is not value[key] for key in found) else value
    if isinstance(value, (list, tuple)):
        items = [decrypted(one) for one in value]
        return items if any(one is not old for one, old in zip(items, value, strict=True)) else value
    return value
