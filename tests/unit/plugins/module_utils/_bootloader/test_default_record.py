# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the default was before it was changed."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default import boot_default_of, restore, select
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default_record import RECORD_PATH
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.tests.unit.support.boot_host import (
    GRUBENV,
    environment,
    grub_host,
    pinned,
    write_menu,
)

OLD, NEW, NEWER = "7.2.13-kho", "7.3.4-kho", "7.4.0-kho"

NOW = "2026-11-22T15:00:00Z"


@pytest.fixture
def host(tmp_path):
    """Both kernels are installed, and the old one is the saved default."""
    return grub_host(tmp_path, NEW, OLD).add(GRUBENV, environment(saved_entry=pinned(OLD)))


def code_of(call, *arguments):
    with pytest.raises(KhoError) as caught:
        call(*arguments)
    return caught.value.code


def test_the_record_is_private_and_written_before_the_change(host):
    host.endings["grub-set-default"] = Completed(1, "", "No space left on device")
    assert code_of(select, host, NEW, NOW, False) == "boot_default_not_set"
    assert json.loads(host.read_text(RECORD_PATH)) == {
        "schema": 1, "loader": "grub", "setting": pinned(OLD), "entry": pinned(OLD), "release": OLD, "recorded": NOW,
    }  # fmt: skip
    assert host.owner_and_mode(RECORD_PATH).mode == 0o600
    result = restore(host, False)
    assert (result["changed"], host.exists(RECORD_PATH)) == (False, False)


def test_the_recorded_kernel_is_gone(host):
    select(host, NEW, NOW, False)
    write_menu(host, NEW)
    assert code_of(restore, host, False) == "boot_default_gone"
    assert (boot_default_of(host).release, host.exists(RECORD_PATH)) == (NEW, True)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"schema": 2}', '{"schema": 1, "loader": "grub"}', "[" * 100000,
     '{"schema": 1, "loader": 1, "setting": "", "entry": "", "release": "", "recorded": ""}', "x" * (1 << 17)],
)  # fmt: skip
def test_records_that_cannot_be_understood(host, content):
    host.add(RECORD_PATH, content)
    assert code_of(restore, host, False) == code_of(select, host, NEW, NOW, False) == "boot_default_record_unreadable"
    assert (host.ran, host.read_text(RECORD_PATH, 1 << 18)) == ([], content)
