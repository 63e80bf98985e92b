# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is different with systemd-boot."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default import boot_default_of, restore, select
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import find_candidates
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import choose
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


COUNTED = "debian-7.2.13+3.conf"


@pytest.fixture
def counting(tmp_path):
    """Two kernels; the boots of the older one, which is the default, are counted."""
    host = systemd_boot_host(tmp_path)
    for release, name in (("7.2.13", COUNTED), ("7.3.4", "debian-7.3.4.conf")):
        host.add(f"/efi/debian/{release}/linux", release)
        text = f"title Debian\nversion {release}\nlinux /debian/{release}/linux\noptions root=UUID=1 ro\n"
        host.add(f"/efi/loader/entries/{name}", text)
    host.set_variable("LoaderEntryDefault", "debian-7.2.13.conf")
    return host


@pytest.mark.parametrize("version", ["257.8", "257.13-1~deb13u1", "258", "258.1", "259.1-1", "260"])
def test_loaders_that_know_an_entry_without_its_counter(counting, version):
    counting.set_variable("LoaderInfo", f"systemd-boot {version}")
    default = boot_default_of(counting)
    assert (default.entry, default.release, default.is_pinned) == ("debian-7.2.13.conf", "7.2.13", True)
    assert select(counting, "7.2.13", NOW, False)["changed"] is False
    counting.set_variable("LoaderEntryDefault", COUNTED)
    assert boot_default_of(counting).release is None


@pytest.mark.parametrize("version", ["246", "252.39-1~deb12u1", "257", "257.7+suse.3.g1a2b3c"])
def test_loaders_for_which_the_counter_is_a_part_of_the_id(counting, version):
    counting.set_variable("LoaderInfo", f"systemd-boot {version}")
    default = boot_default_of(counting)
    assert (default.entry, default.release, default.is_pinned) == (None, None, False)
    assert "No entry has the id debian-7.2.13.conf for this version" in default.why
    with pytest.raises(Refusal, match="it would not be the default") as caught:
        select(counting, "7.2.13", NOW, False)
    assert (caught.value.code, counting.ran) == ("boot_default_unreadable", [])
    counting.set_variable("LoaderEntryDefault", COUNTED.upper())
    default = boot_default_of(counting)
    assert (default.entry, default.release, default.is_pinned) == (COUNTED, "7.2.13", False)


@pytest.mark.parametrize("version", ["", "x", "258~rc1", "258-rc2-3-g1234567"])
def test_a_loader_whose_version_does_not_tell(counting, version):
    counting.set_variable("LoaderInfo", f"systemd-boot {version}")
    default = boot_default_of(counting)
    assert (default.entry, default.release) == (None, None)
    assert "depends on the boot loader's version" in default.why
    counting.set_variable("LoaderEntryDefault", "debian-7.3.4.conf")
    assert boot_default_of(counting).release == "7.3.4"


@pytest.mark.parametrize("version", ["252.39", "257.13"])
def test_what_is_confirmed_is_marked_as_good(counting, version):
    counting.set_variable("LoaderInfo", f"systemd-boot {version}")
    would = select(counting, "7.2.13", NOW, True, is_good=True)
    assert counting.ran == []
    did = select(counting, "7.2.13", NOW, False, is_good=True)
    entries = "/efi/loader/entries"
    assert counting.ran[:2] == [
        ["mv", "-n", "--", f"{entries}/{COUNTED}", f"{entries}/debian-7.2.13.conf"],
        ["sync", "-f", entries],
    ]
    for result in (would, did):
        assert (result["changed"], result["after"]["release"]) == (True, "7.2.13")
        assert [note["code"] for note in result["notes"] if "good" in note["code"]] == ["boot_entry_marked_good"]
    default = boot_default_of(counting)
    assert (default.entry, default.release, default.is_pinned) == ("debian-7.2.13.conf", "7.2.13", True)
    assert select(counting, "7.2.13", NOW, False, is_good=True)["changed"] is False


def test_an_entry_that_cannot_be_marked_as_good(counting):
    counting.endings["mv"] = Completed(1, "", "mv: Read-only file system")
    with pytest.raises(KhoError, match="Read-only"):
        select(counting, "7.2.13", NOW, False, is_good=True)
    assert boot_default_of(counting).release == "7.2.13"


def test_a_good_entry_beside_the_counted_one_stays(counting):
    counting.add("/efi/loader/entries/debian-7.2.13.conf", "version 7.2.13\nlinux /debian/7.2.13/linux\n")
    assert "fits 2 entries" in boot_default_of(counting).why
    with pytest.raises(Refusal, match="fits 2 entries"):
        select(counting, "7.2.13", NOW, False, is_good=True)
    assert counting.ran == []


def test_an_entry_that_is_marked_as_bad(counting):
    counting.remove(f"/efi/loader/entries/{COUNTED}")
    text = "version 7.2.13\nlinux /debian/7.2.13/linux\n"
    counting.add("/efi/loader/entries/debian-7.2.13+0-3.conf", text)
    default = boot_default_of(counting)
    assert (default.release, [note.code for note in default.notes]) == ("7.2.13", ["boot_entry_marked_bad"])
    result = select(counting, "7.2.13", NOW, False, is_good=True)
    assert [note["code"] for note in result["notes"]] == ["boot_entry_marked_good"]
    assert boot_default_of(counting).notes == ()


@pytest.mark.parametrize("setting", ["DEBIAN-7.3.4.conf", "Debian-7.3*"])
@pytest.mark.parametrize("where", ["variable", "file"])
def test_names_are_compared_without_case(counting, where, setting):
    counting.set_variable("LoaderEntryDefault", setting if where == "variable" else "")
    counting.add("/efi/loader/loader.conf", f"timeout 3\r\ndefault {setting}\r\n" if where == "file" else "")
    assert boot_default_of(counting).release == "7.3.4"


def test_what_the_kernel_writes_at_a_kexec_is_no_entry_to_start_once(host):
    host.set_variable("LoaderEntryOneShot", "kexec reboot")
    assert boot_default_of(host).notes == ()


def test_an_entry_that_names_a_unified_kernel_image(host):
    host.add("/efi/EFI/images/a.efi", uki(b"linux", uname=b"7.0.1"))
    host.add("/efi/loader/entries/a.conf", "title A\r\nversion 7\r\nuki /EFI/images/a.efi\r\n")
    assert select(host, "7.0.1", NOW, False)["after"] == {"entry": "a.conf", "release": "7.0.1"}


SNAPSHOT = "root=UUID=x rootflags=subvol=@/.snapshots/{}/snapshot"


@pytest.fixture
def snapshots(tmp_path):
    """openSUSE: the entries of two snapshots start one kernel, and the system runs from the second one."""
    host = systemd_boot_host(tmp_path)
    host.set_variable("LoaderInfo", "systemd-boot 257.7+suse")
    host.add("/proc/cmdline", SNAPSHOT.format(4) + "\n").add("/boot/efi/opensuse/6.15.8-1-default/linux-0123", "x")
    for number in (1, 4):
        host.add(
            f"/boot/efi/loader/entries/opensuse-6.15.8-1-default-{number}.conf",
            f"title openSUSE ({number})\nversion {number}@6.15.8-1-default\nsort-key opensuse\n"
            f"options {SNAPSHOT.format(number)}\nlinux /opensuse/6.15.8-1-default/linux-0123\n"
            f"initrd /opensuse/6.15.8-1-default/initrd-{number}\n",
        )
        host.add(f"/boot/efi/opensuse/6.15.8-1-default/initrd-{number}")
    host.set_variable("LoaderEntryDefault", "opensuse-6.15.8-1-default-4.conf")
    return host


def test_the_entry_of_the_snapshot_that_runs_counts(snapshots):
    result = select(snapshots, "6.15.8-1-default", NOW, False)
    assert (result["changed"], result["after"]["entry"]) == (False, "opensuse-6.15.8-1-default-4.conf")
    snapshots.set_variable("LoaderEntryDefault", "opensuse-6.15.8-1-default-1.conf")
    result = select(snapshots, "6.15.8-1-default", NOW, False)
    assert (result["changed"], result["after"]["entry"]) == (True, "opensuse-6.15.8-1-default-4.conf")
    (candidate,) = find_candidates(snapshots)
    assert candidate.initrds == ("/boot/efi/opensuse/6.15.8-1-default/initrd-4",)
    assert candidate.options == SNAPSHOT.format(4)


def test_of_entries_that_may_all_be_meant_the_default_is(snapshots):
    snapshots.add("/proc/cmdline", "root=/dev/vda2\n")
    assert select(snapshots, "6.15.8-1-default", NOW, False)["changed"] is False
    snapshots.set_variable("LoaderEntryDefault", "")
    with pytest.raises(Refusal) as caught:
        select(snapshots, "6.15.8-1-default", NOW, False)
    assert caught.value.code == "boot_entry_ambiguous"


@pytest.mark.parametrize("says", ["machine-id", "name"])
@pytest.mark.parametrize("same", [True, False])
def test_an_entry_of_an_old_machine_id_is_none_of_this_system(host, says, same):
    old = "0" * 32
    host.add("/etc/machine-id", MACHINE + "\n").add("/proc/cmdline", "root=UUID=1 ro\n")
    for machine in (old, MACHINE):
        folder = f"/{machine}/7.3.4"
        host.add(f"/efi{folder}/linux", "kernel" if same else machine).add(f"/efi{folder}/initrd", machine)
        name, key = (machine, "") if says == "name" else (f"x{machine[:4]}", f"machine-id {machine}\n")
        text = f"version 7.3.4\n{key}options root=UUID=1 ro\nlinux {folder}/linux\ninitrd {folder}/initrd\n"
        host.add(f"/efi/loader/entries/{name}-7.3.4.conf", text)
    choice = choose(find_candidates(host), "7.3.4")
    assert choice.chosen is not None
    assert choice.chosen.initrds == (f"/efi/{MACHINE}/7.3.4/initrd",)
    assert select(host, "7.3.4", NOW, False)["after"]["release"] == "7.3.4"
    assert host.ran[0][2].startswith(MACHINE if says == "name" else "x" + MACHINE[:4])


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
