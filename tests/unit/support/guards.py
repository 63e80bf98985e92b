# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guards that are armed, and boots after that."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.arm import GuardSettings, arm
from ansible_collections.kho.kexec.plugins.module_utils._guard.disarm import disarm
from ansible_collections.kho.kexec.plugins.module_utils._guard.files import places
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.tests.unit.support.transitions import CREATED, LATER_BOOT_ID, NEW


def armed(host, check_mode=False, now=CREATED, **settings):
    """Arm a guard; what the module says."""
    host.steps.clear()
    return arm(host, GuardSettings(**settings), now, check_mode)


def disarmed(host, check_mode=False):
    """Disarm it; what the module says."""
    host.steps.clear()
    return disarm(host, check_mode)


def boot(host, release=NEW, boot_id=LATER_BOOT_ID):
    """Another boot, in which systemd has forgotten what it was told."""
    host.kexec_usec = 0
    return host.add("/proc/sys/kernel/osrelease", release + "\n").add("/proc/sys/kernel/random/boot_id", boot_id + "\n")


def files(host):
    """Return which files of a guard are there."""
    return [path for place in places() for path in place.all if host.exists(path)]


def codes(result):
    """Return the codes of the notes."""
    return [note["code"] for note in result["notes"]]


def code(call, *arguments, **settings):
    """Return the code of the error that a call ends with."""
    with pytest.raises(KhoError) as caught:
        call(*arguments, **settings)
    return caught.value.code
