# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every test: a skipped test is a failed one, and property tests are repeatable in CI."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The machines that run this are often busy: time says nothing there.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Report a skipped or expectedly failing test as failed: what cannot run must not look as if it had."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"counted as failed, because it was skipped: {report.longrepr}"
    return report
