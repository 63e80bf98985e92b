# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB: the drop-in with arguments, and menus that are made anew."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.arguments import keep_arguments
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.grub import DEBIANS_CONFIG as GRUB_CONFIG
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.grub import DROP_IN
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.tests.unit.support.boot_loader_host import (
    GrubHost,
)

WANTED = ["kho=on", "kho_scratch=16M,116M,36M"]


def keep(host, *arguments, state="present", check_mode=False):
    return keep_arguments(host, list(arguments), state, check_mode)


def refusal(host, *arguments, state="present"):
    with pytest.raises(Refusal) as caught:
        keep(host, *arguments, state=state)
    return caught.value


def test_the_drop_in_of_grub_is_what_a_shell_takes_it_for(tmp_path):
    keep(GrubHost(tmp_path), *WANTED)
    script = f'GRUB_CMDLINE_LINUX_DEFAULT=quiet; . "{tmp_path}{DROP_IN}"; printf "%s" "$GRUB_CMDLINE_LINUX_DEFAULT"'
    done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "quiet kho=on kho_scratch=16M,116M,36M"
    assert (tmp_path / DROP_IN.lstrip("/")).stat().st_mode & 0o777 == 0o644


def test_of_two_values_the_new_one_counts_and_the_old_one_is_not_lost(tmp_path):
    host = GrubHost(tmp_path, "quiet panic=5 kho=off")
    assert keep(host, "panic=10", "kho=on")["command_line"].endswith("quiet panic=5 kho=off panic=10 kho=on")
    assert keep(host, "panic=20")["command_line"].endswith("quiet panic=5 kho=off kho=on panic=20")
    assert "panic=20" in host.read_text(DROP_IN)
    assert "panic=10" not in host.read_text(DROP_IN)


def test_the_last_argument_takes_the_drop_in_with_it(tmp_path):
    host = GrubHost(tmp_path)
    keep(host, "panic=10")
    keep(host, "panic=10", state="absent")
    assert not host.exists(DROP_IN)
    assert host.commands == ["update-grub", "update-grub"]


def test_what_others_put_into_grub_is_not_taken_away(tmp_path):
    host = GrubHost(tmp_path, "quiet panic=5")
    refused = refusal(host, "panic", state="absent")
    assert refused.code == "kernel_arguments_not_effective"
    assert "panic=5" in refused.message
    assert not host.exists(DROP_IN)


def test_a_menu_that_was_not_made_anew_is_made_anew(tmp_path):
    host = GrubHost(tmp_path)
    keep(host, "panic=10")
    stale = host.read_text(GRUB_CONFIG).replace(" panic=10", "")
    host.add(GRUB_CONFIG, stale)
    assert keep(host, "panic=10")["changed"]
    assert "panic=10" in host.read_text(GRUB_CONFIG)


def test_a_drop_in_of_somebody_else_stays(tmp_path):
    host = GrubHost(tmp_path).add(DROP_IN, 'GRUB_CMDLINE_LINUX_DEFAULT="$(reboot)"\n')
    assert refusal(host, "kho=on").code == "drop_in_foreign"
    assert host.commands == []
