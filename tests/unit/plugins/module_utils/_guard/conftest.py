# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which a guard can be armed."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.tests.unit.support.guarded_host import guarded_host


@pytest.fixture
def host(tmp_path):
    """Return it, unarmed."""
    return guarded_host(tmp_path)
