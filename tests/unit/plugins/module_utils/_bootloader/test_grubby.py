# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is different on Fedora and its relatives."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default import boot_default_of, restore, select
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.tests.unit.support.boot_host import (
    GRUB2ENV,
    MACHINE,
    SAVED_HEADER,
    add_bls_entry,
    bls_host,
    environment,
)

OLD, NEW = "5.14.0-503.9.1.el9_5.x86_64", "5.14.0-503.11.1.el9_5.x86_64"
NOW = "2026-11-22T15:00:00Z"


@pytest.fixture
def host(tmp_path):
    """Both kernels are installed, and the old one is the default."""
    return bls_host(tmp_path, NEW, OLD).add(GRUB2ENV, environment(saved_entry=f"{MACHINE}-{OLD}"))


def test_selecting_and_restoring(host):
    result = select(host, NEW, NOW, False)
    assert (result["changed"], result["loader"]) == (True, "grubby")
    assert (result["before"]["release"], result["after"]) == (OLD, {"entry": f"{MACHINE}-{NEW}", "release": NEW})
    assert select(host, NEW, NOW, False)["changed"] is False
    assert restore(host, False)["after"]["release"] == OLD
    sync = ["sync", "-f", "/boot/grub2"]
    new, old = (["grubby", f"--set-default=/boot/vmlinuz-{release}"] for release in (NEW, OLD))
    assert host.ran == [new, sync, old, sync]


@pytest.mark.parametrize("saved", ["", "0", "Red Hat Enterprise Linux (5.14) 9.5"])
def test_grubby_knows_which_entry_is_meant(host, saved):
    host.add(GRUB2ENV, environment(saved_entry=saved))
    host.default_kernel = "/boot/vmlinuz-" + NEW
    default = boot_default_of(host)
    assert (default.entry, default.release, default.is_pinned) == (f"{MACHINE}-{NEW}", NEW, False)
    assert select(host, NEW, NOW, False)["changed"] is True
    assert restore(host, False)["changed"] is True
    assert boot_default_of(host).setting == (saved or None)


@pytest.mark.parametrize(
    "ending", [Completed(1, "", "no default\x1b"), Completed(0, "", ""), Completed(0, "/boot/vmlinuz-gone\n", "")]
)
def test_grubby_does_not_know(host, ending):
    host.add(GRUB2ENV, environment()).endings["grubby"] = ending
    default = boot_default_of(host)
    assert (default.loader, default.entry, default.release) == ("grubby", None, None)
    assert "grubby --default-kernel" in default.why
    assert default.why.isprintable()


def test_grubby_is_missing(host):
    host.add(GRUB2ENV, environment()).endings["grubby"] = HostError("grubby", "absent")
    assert boot_default_of(host).why == "grubby does not exist."


def test_grubby_says_nothing_of_its_failure(host):
    host.endings["grubby"] = Completed(0, "", "")
    with pytest.raises(KhoError) as caught:
        select(host, NEW, NOW, False)
    assert (caught.value.code, caught.value.findings["after"]["release"]) == ("boot_default_not_set", OLD)


def test_the_rescue_image_is_no_release(host):
    host.add(GRUB2ENV, environment(saved_entry=f"{MACHINE}-0-rescue"))
    default = boot_default_of(host)
    assert (default.entry, default.release) == (f"{MACHINE}-0-rescue", None)
    assert "rescue image" in default.why


def test_entries_for_debugging_start_the_same_kernel(host):
    add_bls_entry(host, "/boot", NEW, suffix="~debug")
    with pytest.raises(Refusal, match="~debug") as caught:
        select(host, NEW, NOW, False)
    assert caught.value.code == "boot_entry_ambiguous"
    host.add(GRUB2ENV, environment())
    host.default_kernel = "/boot/vmlinuz-" + NEW
    assert (boot_default_of(host).entry, boot_default_of(host).release) == (None, NEW)


def test_recovery_entries_are_passed_over(host):
    add_bls_entry(host, "/boot", NEW, suffix="-recovery", options="ro systemd.unit=rescue.target")
    assert select(host, NEW, NOW, False)["after"]["entry"] == f"{MACHINE}-{NEW}"


def test_a_package_that_was_removed(host):
    host.remove("/boot/vmlinuz-" + NEW)
    with pytest.raises(Refusal) as caught:
        select(host, NEW, NOW, False)
    assert caught.value.code == "boot_entry_not_found"


def test_the_saved_default_must_be_on(host):
    host.add("/boot/grub2/grub.cfg", SAVED_HEADER.replace("${saved_entry}", "0") + "blscfg\n")
    with pytest.raises(Refusal, match="grub2-mkconfig -o /boot/grub2/grub.cfg") as caught:
        select(host, NEW, NOW, False)
    assert caught.value.code == "saved_default_off"


@pytest.fixture
def counting(host):
    """The grub.cfg of grub2-tools, which goes back to another entry when boots are not known to be good."""
    header = SAVED_HEADER + (
        'insmod increment\nif [ -n "${boot_counter}" -a "${boot_success}" = "0" ]; then\n'
        '  if  [ "${boot_counter}" = "0" -o "${boot_counter}" = "-1" ]; then\n    set default=1\n'
        "    set boot_counter=-1\n  else\n    decrement boot_counter\n  fi\n  save_env boot_counter\nfi\n"
    )
    return host.add("/boot/grub2/grub.cfg", header + "insmod blscfg\nblscfg\n")


@pytest.mark.parametrize(
    ("remembered", "text"),
    [
        ({}, None),
        ({"boot_success": "0"}, None),
        ({"boot_counter": "2", "boot_success": "0"}, None),
        ({"boot_counter": "0", "boot_success": "0"}, "each one starts the entry 1 instead of the default"),
        ({"boot_counter": "-1", "boot_success": "0"}, "each one starts the entry 1 instead of the default"),
        ({"boot_counter": "0", "boot_success": "1"}, "As soon as a boot is not known to be good"),
        ({"boot_counter": "0"}, "As soon as a boot is not known to be good"),
    ],
)
def test_boots_that_are_counted(counting, remembered, text):
    counting.add(GRUB2ENV, environment(saved_entry=f"{MACHINE}-{OLD}", **remembered))
    default = boot_default_of(counting)
    assert (default.release, default.is_pinned, default.why) == (OLD, True, None)
    assert [note.code for note in default.notes] == ([] if text is None else ["boot_counter_used_up"])
    assert all(text in note.message for note in default.notes)
    assert select(counting, NEW, NOW, False)["after"]["release"] == NEW
    assert restore(counting, False)["after"]["release"] == OLD
