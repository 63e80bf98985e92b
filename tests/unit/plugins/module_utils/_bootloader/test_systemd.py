# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is different with systemd-boot."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default import boot_default_of, restore, select
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.tests.unit.support.boot_host import (
    EFI_VARIABLE,
    MACHINE,
    add_bls_entry,
    systemd_boot_host,
)
from ansible_collections.kho.kexec.tests.unit.support.images import uki

OLD, NEW = "6.12.9-amd64", "6.12.10-amd64"
NOW = "2026-11-22T15:00:00Z"


def entry(release):
    return f"{MACHINE}-{release}.conf"


@pytest.fixture
def host(tmp_path):
    """Both kernels are installed, and the old one is the default."""
    host = systemd_boot_host(tmp_path, NEW, OLD)
    host.set_variable("LoaderEntryDefault", entry(OLD))
    return host


def test_selecting_and_restoring(host):
    result = select(host, NEW, NOW, False)
    assert (result["changed"], result["loader"]) == (True, "systemd-boot")
    assert (result["before"]["release"], result["after"]) == (OLD, {"entry": entry(NEW), "release": NEW})
    assert select(host, NEW, NOW, False)["changed"] is False
    assert restore(host, False)["after"]["release"] == OLD
    assert host.ran == [["bootctl", "set-default", entry(release)] for release in (NEW, OLD)]


def test_no_default_was_set_and_that_is_put_back(host):
    host.set_variable("LoaderEntryDefault", "")
    default = boot_default_of(host)
    assert (default.loader, default.entry, default.release) == ("systemd-boot", None, None)
    assert "order of its own" in default.why
    select(host, NEW, NOW, False)
    result = restore(host, False)
    assert (result["changed"], boot_default_of(host).setting) == (True, None)
    assert host.ran[-1] == ["bootctl", "set-default", ""]


@pytest.mark.parametrize(
    ("variable", "configured", "release", "is_pinned"),
    [
        (entry(OLD), f"default {entry(NEW)}", OLD, True),
        ("", f"default {entry(NEW)}", NEW, False),
        ("", f"default {MACHINE}-6.12.9*\ndefault *-6.12.10-*", NEW, False),
        ("*-6.12.9-*", "", OLD, False),
        ("gone.conf", f"timeout 3\ndefault\t{entry(NEW)}", NEW, False),
        (entry(OLD).replace("12", "1?"), "", OLD, False),
    ],
)
def test_defaults(host, variable, configured, release, is_pinned):
    host.set_variable("LoaderEntryDefault", variable)
    host.add("/efi/loader/loader.conf", configured + "\n")
    default = boot_default_of(host)
    assert (default.entry, default.release, default.is_pinned) == (entry(release), release, is_pinned)
    assert select(host, release, NOW, False)["changed"] is not is_pinned


@pytest.mark.parametrize(
    ("variable", "configured", "why"),
    [
        ("@saved", "", "the boot loader decides"),
        ("", "default @saved", "the boot loader decides"),
        (f"{MACHINE}-*", "", "fits 2 entries"),
        ("memtest.conf", "", "memtest.conf"),
        ("auto-windows", "", "auto-windows"),
        ("auto-*", f"default {entry(NEW)}", "fits 7 entries"),
        ("gone.conf", "", "order of its own"),
        (entry(OLD), "preferred x", "preferred"),
    ],
)
def test_defaults_that_are_not_known(host, variable, configured, why):
    host.set_variable("LoaderEntryDefault", variable)
    host.add("/efi/loader/loader.conf", configured + "\n")
    default = boot_default_of(host)
    assert (default.release, default.is_pinned) == (None, False)
    assert why in default.why


def test_a_preferred_entry_would_go_before_the_default(host):
    host.set_variable("LoaderEntryPreferred", entry(OLD))
    with pytest.raises(Refusal, match="preferred") as caught:
        select(host, NEW, NOW, False)
    assert (caught.value.code, host.ran) == ("boot_default_unreadable", [])


def test_counters_are_no_part_of_the_id(tmp_path):
    host = systemd_boot_host(tmp_path, OLD)
    add_bls_entry(host, "/efi", NEW, suffix="+3-1")
    assert select(host, NEW, NOW, False)["after"] == {"entry": entry(NEW), "release": NEW}


def test_a_unified_kernel_image(host):
    host.add(f"/efi/EFI/Linux/{MACHINE}-7.0.0.efi", uki(b"linux", uname=b"7.0.1"))
    assert select(host, "7.0.1", NOW, False)["after"]["entry"] == f"{MACHINE}-7.0.0.efi"


def test_an_entry_and_a_unified_kernel_image(host):
    host.add(f"/efi/EFI/Linux/{MACHINE}-{NEW}.efi", uki(b"linux", uname=NEW.encode()))
    with pytest.raises(Refusal) as caught:
        select(host, NEW, NOW, False)
    assert caught.value.code == "boot_entry_ambiguous"


def test_an_entry_that_is_started_once(host):
    host.set_variable("LoaderEntryOneShot", "memtest.conf")
    assert [note.code for note in boot_default_of(host).notes] == ["boot_once_pending"]


def test_variables_that_cannot_be_written(host):
    host.endings["bootctl"] = Completed(1, "", "Failed to set EFI variable: Read-only file system")
    with pytest.raises(KhoError, match="Read-only") as caught:
        select(host, NEW, NOW, False)
    assert caught.value.code == "boot_default_not_set"


@pytest.mark.parametrize("data", [b"", b"\x07\0\0", b"\x07\0\0\0", b"\x07\0\0\0x", b"\x07\0\0\0\0\0x\0"])
def test_variables_that_are_damaged(host, data):
    host.add(EFI_VARIABLE.format("LoaderEntryDefault"), data)
    assert boot_default_of(host).release is None


def test_variables_that_may_not_be_read(host):
    host.deny(EFI_VARIABLE.format("LoaderEntryDefault"))
    default = boot_default_of(host)
    assert (default.loader, default.release) == ("systemd-boot", None)
    assert "may not be accessed" in default.why
