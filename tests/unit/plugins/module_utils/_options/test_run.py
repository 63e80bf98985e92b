# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._options.run import commit_spec, run_identity_spec
from ansible_collections.kho.kexec.plugins.module_utils._transition.keep import Keeping


def test_who_asks_is_set_by_the_controller_and_claims_are_off():
    spec = run_identity_spec()
    assert spec["claim_timeout"] == {"type": "int", "default": 0}
    assert "default" not in spec["run_identity"]
    assert set(spec["run_identity"]["options"]) == {"run", "owner", "over"}


def test_each_module_gets_a_spec_of_its_own():
    run_identity_spec()["claim_timeout"]["default"] = 60
    assert run_identity_spec()["claim_timeout"]["default"] == 0


def test_the_options_are_what_a_commit_takes():
    assert sorted(commit_spec()) == sorted(Keeping._fields)
    assert commit_spec()["boot_default"]["default"] == "require"
