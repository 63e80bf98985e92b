# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says of a whole play is not ignored."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import (
    PLAY_OPTIONS,
    require_no_other_play_options,
)
from tools.layout import ROOT

WINDOW = "kexec_upgrade_window"


@pytest.mark.parametrize(
    ("play", "host"),
    [
        ({WINDOW: []}, {}),
        ({WINDOW: ["22:00-05:00"]}, {WINDOW: ["22:00-05:00"]}),  # in extra vars, or in a play without this option
        ({}, {WINDOW: ["22:00-05:00"]}),
        ({"kexec_upgrade_target": "a"}, {"kexec_upgrade_target": "b"}),
    ],
)
def test_what_counts(play, host):
    require_no_other_play_options(play, host)


@pytest.mark.parametrize("name", PLAY_OPTIONS)
def test_what_would_be_ignored_is_refused(name):
    with pytest.raises(KhoError, match=name) as caught:
        require_no_other_play_options({name: None}, {name: "secret"})
    assert caught.value.code == "play_option_ignored"
    assert "secret" not in caught.value.message  # as a URL of the ledger can hold a password


@pytest.mark.parametrize("playbook", ["kexec_upgrade", "kexec_rollback"])
def test_all_options_of_the_plays_are_known(playbook):
    (play,) = yaml.safe_load((ROOT / "playbooks" / f"{playbook}.yml").read_text(encoding="utf-8"))
    public = {name for name in play["vars"] if "__" not in name}
    assert public <= set(PLAY_OPTIONS)
    assert playbook != "kexec_upgrade" or public == set(PLAY_OPTIONS)
