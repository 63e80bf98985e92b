# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import BootCommandLine
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._kernel.scratch import MIB
from ansible_collections.kho.kexec.plugins.module_utils._prepare.observe import Kernels, SavedDefault
from ansible_collections.kho.kexec.tests.unit.support.readiness import (
    GOOD_LINE,
    SCRATCH,
    SMALL,
    arguments,
    missing,
    readiness,
    result,
)


def test_a_host_that_lacks_nothing():
    found = result(readiness())
    assert found["ready"]
    assert (found["missing"], found["packages"], found["notes"]) == ([], [], [])
    assert (found["cold_boot_needed"], found["default_entry"]) == (False, None)
    assert [one["argument"] for one in found["arguments"]] == ["kho=on", SCRATCH, "panic=10"]
    assert all(one["configured"] and not one["awaits_boot"] for one in found["arguments"])


def test_a_host_that_was_never_prepared():
    seen = readiness("root=/dev/vda2", "root=/dev/vda2", {"enabled": False})
    assert missing(seen) == [("kernel_arguments_missing", "kernel_arguments"), ("cold_boot_needed", "cold_boot")]
    found = result(seen)
    assert found["cold_boot_needed"]
    assert [one["awaits_boot"] for one in found["arguments"]] == [True, True, False]
    assert f"kho=on {SCRATCH} panic=10" in found["missing"][0]["message"]


def test_arguments_that_are_configured_await_a_cold_boot():
    assert missing(readiness(current="root=/dev/vda2", kernel={"enabled": False})) == [
        ("cold_boot_needed", "cold_boot")
    ]


def test_what_fits_awaits_no_cold_boot():
    seen = readiness(current="root=/dev/vda2 kho=on")
    assert missing(seen) == []
    seen = readiness("root=/dev/vda2 kho=on", "root=/dev/vda2 kho=on")
    assert missing(seen) == [("kernel_arguments_missing", "kernel_arguments")]


def test_scratch_memory_that_is_too_small_awaits_one():
    assert missing(readiness(current="kho=on", kernel=SMALL)) == [("cold_boot_needed", "cold_boot")]


@pytest.mark.parametrize("sizes", [{"scratch_bytes": None}, {"largest_scratch_bytes": None}])
def test_without_sizes_the_command_line_tells(sizes):
    assert missing(readiness(kernel=sizes)) == []
    assert missing(readiness(current="kho=on", kernel=sizes)) == [("cold_boot_needed", "cold_boot")]


def test_whether_it_is_on_the_command_line_tells_when_nothing_else_does():
    assert missing(readiness(kernel={"enabled": None})) == []
    assert missing(readiness(current=SCRATCH, kernel={"enabled": None})) == [("cold_boot_needed", "cold_boot")]


def test_a_kernel_that_was_asked_and_has_it_off():
    assert missing(readiness(kernel={"enabled": False})) == [("kho_did_not_start", "operator")]
    assert not result(readiness(kernel={"enabled": False}))["cold_boot_needed"]
    with_another = readiness(current=GOOD_LINE.replace("116M", "100M"), kernel={"enabled": False})
    assert missing(with_another) == [("cold_boot_needed", "cold_boot")]


def test_a_kernel_without_it():
    seen = readiness(kernel={"built": False, "enabled": False})
    assert missing(seen) == [("running_without_kho", "operator")]
    assert not result(seen)["cold_boot_needed"]


def test_a_hardware_watchdog():
    seen = readiness(watchdog="iTCO_wdt", stop_on_reboot=-1)
    assert arguments(seen)[-1] == "watchdog.stop_on_reboot=0"
    assert missing(seen) == [("kernel_arguments_missing", "kernel_arguments"), ("cold_boot_needed", "cold_boot")]
    assert "watchdog.stop_on_reboot=0" not in arguments(seen, watchdog=False)
    line = GOOD_LINE + " watchdog.stop_on_reboot=0"
    assert missing(readiness(line, watchdog="iTCO_wdt", stop_on_reboot=0)) == []
    assert missing(readiness(line, watchdog="", stop_on_reboot=None)) == [("cold_boot_needed", "cold_boot")]
    assert missing(readiness(line, line, watchdog="iTCO_wdt", stop_on_reboot=None)) == []


def test_packages():
    bare = readiness(site=readiness().site._replace(tools_problem="kexec does not exist."))
    found = result(bare._replace(kernels=Kernels(63 * MIB, 20 * MIB, ("lz4", "zstd"))))
    assert found["packages"] == ["kexec-tools", "lz4", "zstd"]
    assert [(one["code"], one["remedy"]) for one in found["missing"]] == [
        ("kexec_tools_missing", "packages"),
        ("decompressor_missing", "packages"),
    ]


def test_a_boot_loader_that_is_not_known():
    problem = Note("boot_loader_unknown", "It is not known.")
    seen = readiness(boot=BootCommandLine(None, None, None, problem))
    assert missing(seen) == [("boot_loader_unknown", "operator")]
    assert not result(seen)["ready"]


@pytest.mark.parametrize(
    ("change", "code"), [({"journal": False}, "journal_not_kept"), ({"debugfs": False}, "debugfs_not_mounted")]
)
def test_the_system(change, code):
    (name,) = change
    assert missing(readiness(**change)) == [(code, name)]
    assert missing(readiness(**change), **change) == []


def test_a_default_that_is_not_saved():
    seen = readiness(saved_default=SavedDefault("GRUB does not start a saved default.", "a>b", None))
    assert missing(seen) == [("saved_default_off", "saved_default")]
    assert result(seen)["default_entry"] == "a>b"
    assert result(seen, saved_default=False)["default_entry"] is None
    unknown = readiness(saved_default=SavedDefault("GRUB does not start a saved default.", None, "It is a title."))
    assert missing(unknown) == [("saved_default_off", "operator")]
    assert "It is a title." in result(unknown)["missing"][0]["message"]
    assert missing(readiness(saved_default=None)) == []


def test_a_host_that_does_not_name_its_boots():
    seen = readiness(naming_lacks="there is no service.")
    assert missing(seen) == []
    assert missing(seen, name_transition=True) == [("transition_not_named", "name_transition")]
    assert missing(readiness(), name_transition=True) == []
