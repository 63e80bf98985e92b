# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts before a jump."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import write_transition
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import KexecHost
from ansible_collections.kho.kexec.tests.unit.support.transitions import RUN, transition, upgradable_host


@pytest.fixture
def host(tmp_path):
    """Return one that can be upgraded."""
    tmp_path.chmod(0o755)
    return upgradable_host(KexecHost(tmp_path))


@pytest.fixture
def staged(host):
    """Return one with the target loaded."""
    load(host, Policy(), RUN, False)
    write_transition(host, transition())
    host.steps.clear()
    return host
