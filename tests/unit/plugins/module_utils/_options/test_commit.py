# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._options.commit import commit_spec
from ansible_collections.kho.kexec.plugins.module_utils._transition.keep import Keeping


def test_the_options_are_what_a_commit_takes():
    assert sorted(commit_spec()) == sorted(Keeping.__dataclass_fields__)
    assert commit_spec()["boot_default"]["default"] == "require"
