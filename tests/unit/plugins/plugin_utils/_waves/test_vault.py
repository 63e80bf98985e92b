# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that a vault has encrypted by themselves are the texts that they hold."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._waves.inventory import said_of
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_values import problems
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.vault import decrypted

PLAIN = "https://me:secret@fleetlock.example.com"


class Secret:
    """A text that a vault has encrypted, as far as anybody sees it here."""

    def __str__(self) -> str:
        return PLAIN


class Templar:
    @staticmethod
    def is_template(value: Any) -> bool:
        return "{{" in str(value)


class HostVars(dict[str, Any]):
    def raw_get(self, host: str) -> Any:
        return self[host]


@pytest.mark.parametrize("name", ["EncryptedString", "AnsibleVaultEncryptedUnicode"])
def test_encrypted_options_are_their_texts(name: str) -> None:
    secret = type(name, (Secret,), {})()
    url, ignored = "kexec_upgrade_fleet_lock_url", "kexec_upgrade_health_ignore"
    said = said_of(HostVars(web1={url: secret, ignored: ["io_error", secret]}), Templar, ["web1"], [url])["web1"]
    assert said == {url: PLAIN, ignored: ["io_error", PLAIN]}
    assert decrypted({"a": secret}) == {"a": PLAIN}
    assert problems("kexec_upgrade", "main", said) == []


def test_what_is_not_encrypted_is_left_as_it_is() -> None:
    for value in ({"a": [1, "b"]}, [1, {"a": None}], "x", 7.1, None, ()):
        assert decrypted(value) is value
