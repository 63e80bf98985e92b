# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all runs of a shared rollout have in common."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.terms import OF_HOSTS, OF_THE_PLAY, terms_of

PLAY: dict[str, Any] = dict.fromkeys(OF_THE_PLAY, "")


def test_defaults_count_as_if_they_were_given() -> None:
    plain = terms_of(PLAY, {"web1": {}})
    assert plain.keys() == {*OF_HOSTS, *OF_THE_PLAY}
    assert plain["kexec_upgrade_target"] == "latest"
    assert terms_of(PLAY, {"web1": {"kexec_upgrade_target": "latest", "kexec_upgrade_allow_downgrade": "no"}}) == plain
    assert terms_of(PLAY, {"web1": {"kexec_upgrade_handover": "prefer"}}) != plain
    assert terms_of({**PLAY, "kexec_upgrade_max_failed": 3}, {"web1": {}}) != plain


def test_lists_are_the_same_in_any_order() -> None:
    accept = ["kho_abi_unknown", "firmware_pending"]
    one, other = ({"web1": {"kexec_upgrade_accept": given}} for given in (accept, accept[::-1]))
    assert terms_of(PLAY, one) == terms_of(PLAY, other) != terms_of(PLAY, {"web1": {}})


def test_what_concerns_one_host_is_not_compared() -> None:
    other = {"kexec_upgrade_command_line_append": ["console=ttyS1"], "kexec_upgrade_timeout": 1200}
    assert terms_of(PLAY, {"web1": {}, "web2": other}) == terms_of(PLAY, {"web1": {}})


def test_hosts_of_one_run_agree() -> None:
    with pytest.raises(KhoError, match=r"kexec_upgrade_target is 'latest' for web1; '7\.3\.4' for web2") as caught:
        terms_of(PLAY, {"web1": {}, "web2": {"kexec_upgrade_target": "7.3.4"}})
    assert caught.value.code == "play_options_differ"
