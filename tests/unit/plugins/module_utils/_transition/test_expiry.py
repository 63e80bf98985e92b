# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.plugins.module_utils._transition.expiry import UNIT, expire_after, keep
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import KexecHost

STOP = f"systemctl stop {UNIT}.timer"
START = f"systemd-run --collect --on-active=600 --unit={UNIT} kexec -s -u"


@pytest.fixture
def host(tmp_path):
    return KexecHost(tmp_path)


def test_the_last_timer_counts(host):
    assert expire_after(host, 600) is None
    assert host.steps == [STOP, START]


def test_to_keep_an_image_that_has_no_timer_is_no_error(host):
    host.endings["systemctl"] = Completed(5, "", "not loaded")
    keep(host)
    assert host.steps == [STOP]


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        (Completed(1, "", "Access denied\n"), "systemd-run ended with exit code 1 and said: Access denied."),
        (HostError("systemd-run", "absent"), "systemd-run does not exist"),
    ],
)
def test_an_image_that_stays_is_told(host, ending, says):
    host.endings["systemd-run"] = ending
    note = expire_after(host, 600)
    assert note.code == "image_does_not_expire"
    assert [part for part in (says, "a reboot would start it", "state=unloaded") if part not in note.message] == []
