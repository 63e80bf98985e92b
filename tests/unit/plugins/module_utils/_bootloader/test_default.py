# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selecting and restoring, on a host with GRUB. What the other boot loaders do differently is in files of their own."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default import (
    boot_default_of,
    restore,
    select,
)
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default_record import RECORD_PATH
from ansible_collections.kho.kexec.plugins.module_utils._host.access import STATUS
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.tests.unit.support.boot_host import (
    GRUB_CONFIG,
    GRUBENV,
    UUID,
    BootHost,
    environment,
    grub_host,
    pinned,
    systemd_boot_host,
    write_menu,
)

OLD, NEW, NEWER = "7.2.13-kho", "7.3.4-kho", "7.4.0-kho"

NOW = "2026-11-22T15:00:00Z"

SAVED = 'set default="${saved_entry}"\n'


@pytest.fixture
def host(tmp_path):
    """Both kernels are installed, and the old one is the saved default."""
    return grub_host(tmp_path, NEW, OLD).add(GRUBENV, environment(saved_entry=pinned(OLD)))


def codes(result):
    return [note["code"] for note in result["notes"]]


def code_of(call, *arguments):
    with pytest.raises(KhoError) as caught:
        call(*arguments)
    return caught.value.code


def test_commit_and_power_cycle_and_rollback(host):
    result = select(host, NEW, NOW, False)
    assert (result["changed"], result["loader"], codes(result)) == (True, "grub", [])
    assert result["before"] == {"entry": pinned(OLD), "release": OLD}
    assert result["after"] == {"entry": pinned(NEW), "release": NEW} == result["diff"]["after"]
    # GRUB reads no journals, so without the sync a power cut would bring back the old default.
    assert host.ran == [["grub-set-default", pinned(NEW)], ["sync", "-f", "/boot/grub"]]
    assert boot_default_of(host).release == NEW
    result = restore(host, False)
    assert (result["changed"], result["after"]["release"], result["recorded"]) == (True, OLD, None)
    assert (boot_default_of(host).setting, host.exists(RECORD_PATH)) == (pinned(OLD), False)


def test_again_nothing_is_changed(host):
    recorded = select(host, NEW, NOW, False)["recorded"]
    again = select(host, NEW, "later", False)
    assert (again["changed"], again["before"], again["recorded"]) == (False, again["after"], recorded)
    assert (len(host.ran), recorded["recorded"], recorded["release"]) == (2, NOW, OLD)
    assert restore(host, False)["changed"] is True
    assert (restore(host, False)["changed"], len(host.ran)) == (False, 4)


def test_check_mode_tells_the_same_and_changes_nothing(host):
    would = select(host, NEW, NOW, True)
    assert (would["changed"], host.ran, host.exists(RECORD_PATH), would["recorded"]) == (True, [], False, None)
    did = select(host, NEW, NOW, False)
    assert (would["before"], would["after"]) == (did["before"], did["after"])
    would = restore(host, True)
    assert (would["changed"], would["after"]["release"], len(host.ran)) == (True, OLD, 2)
    assert host.exists(RECORD_PATH)


def test_each_change_is_recorded(host):
    write_menu(host.add(f"/boot/vmlinuz-{NEWER}"), NEWER, NEW, OLD)
    select(host, NEW, NOW, False)
    select(host, NEWER, NOW, False)
    assert restore(host, False)["after"]["release"] == NEW


def test_what_was_not_set_is_named(host):
    host.endings["grub-set-default"] = Completed(0, "", "read-only\x1b {{ x }}")
    with pytest.raises(KhoError) as caught:
        select(host, NEW, NOW, False)
    assert OLD in caught.value.message
    assert "read-only? ?{ x }}" in caught.value.message
    assert caught.value.findings["after"] == {"entry": pinned(OLD), "release": OLD}


def test_a_sync_that_fails(host):
    host.endings["sync"] = Completed(1, "", "sync: error syncing '/boot/grub': Input/output error\n")
    with pytest.raises(HostError, match="Input/output error"):
        select(host, NEW, NOW, False)


def test_a_program_that_is_missing(host):
    host.endings["grub-set-default"] = HostError("grub-set-default", "absent")
    assert code_of(select, host, NEW, NOW, False) == "host_absent"


@pytest.mark.parametrize(
    ("saved", "entry", "release", "is_pinned"),
    [
        (None, f"gnulinux-simple-{UUID}", NEW, False),
        ("", f"gnulinux-simple-{UUID}", NEW, False),
        ("0", f"gnulinux-simple-{UUID}", NEW, False),
        ("1>2", pinned(OLD), OLD, False),
        (f"gnulinux-simple-{UUID}", f"gnulinux-simple-{UUID}", NEW, False),
        (f"Advanced options>Debian, gnulinux-{OLD}-advanced-{UUID}", pinned(OLD), OLD, True),
        (pinned(OLD), pinned(OLD), OLD, True),
    ],
)
def test_defaults(host, saved, entry, release, is_pinned):
    host.add(GRUBENV, environment(**({} if saved is None else {"saved_entry": saved})))
    default = boot_default_of(host)
    assert (default.entry, default.release, default.is_pinned, default.why) == (entry, release, is_pinned, None)
    # One that moves with the next kernel that is installed is not good enough.
    assert select(host, release, NOW, False)["changed"] is not is_pinned
    assert (boot_default_of(host).release, boot_default_of(host).is_pinned) == (release, True)


@pytest.mark.parametrize(
    ("saved", "why"),
    [
        ("nowhere", "no entry has that name"),
        (f"gnulinux-advanced-{UUID}", "names a submenu"),
        ("uefi-firmware", "only known when GRUB runs"),
        ("\x1b{{ x }}", "no entry has that name"),
    ],
)
def test_defaults_that_are_not_known(host, saved, why):
    host.add(GRUBENV, environment(saved_entry=saved))
    default = boot_default_of(host)
    assert (default.loader, default.entry, default.release) == ("grub", None, None)
    assert why in default.why
    assert default.why.isprintable()
    assert "{{" not in default.why
    result = select(host, NEW, NOW, False)
    assert (result["changed"], result["before"]["release"], result["recorded"]["release"]) == (True, None, None)
    result = restore(host, False)
    assert (result["changed"], result["after"]["release"], codes(result)) == (True, None, ["boot_default_unreadable"])
    assert boot_default_of(host).setting == saved


def test_nothing_was_saved_and_that_is_put_back(host):
    host.add(GRUBENV, environment())
    select(host, NEW, NOW, False)
    assert restore(host, False)["changed"] is True
    assert host.ran[-2] == ["grub-editenv", GRUBENV, "unset", "saved_entry"]
    assert boot_default_of(host).setting is None


def test_what_was_saved_means_another_kernel_by_now(host):
    host.add(GRUBENV, environment(saved_entry="0"))
    select(host, OLD, NOW, False)
    write_menu(host.add(f"/boot/vmlinuz-{NEWER}"), NEWER, NEW, OLD)
    result = restore(host, False)
    assert (result["after"]["release"], boot_default_of(host).setting) == (NEW, pinned(NEW))


def test_the_boot_loader_is_another_one(host, tmp_path):
    select(host, NEW, NOW, False)
    systemd_boot_host(tmp_path, OLD)
    assert code_of(restore, host, False) == "boot_default_gone"


def test_without_a_record_nothing_is_restored(host):
    result = restore(host, False)
    assert (result["changed"], result["after"]["release"], codes(result)) == (False, OLD, ["boot_default_not_recorded"])
    assert host.ran == []


def test_the_first_entry_may_be_pinned_too(tmp_path):
    flat = SAVED + "".join(
        f"menuentry 'x' $menuentry_id_option 'gnulinux-{release}-advanced-{UUID}' {{\nlinux /vmlinuz-{release}\n}}\n"
        for release in (NEW, OLD)
    )
    host = grub_host(tmp_path, NEW, OLD).add(GRUB_CONFIG, flat)
    assert select(host, OLD, NOW, False)["after"]["entry"] == f"gnulinux-{OLD}-advanced-{UUID}"


def test_an_entry_that_is_started_once(host):
    host.add(GRUBENV, environment(saved_entry=pinned(OLD), next_entry="mem\x1btest"))
    (note,) = boot_default_of(host).notes
    assert (note.code, "mem?test" in note.message) == ("boot_once_pending", True)
    assert codes(select(host, NEW, NOW, True)) == ["boot_once_pending"]


@pytest.mark.parametrize("release", [NEWER, "", "7.3.*", "../x", "\x1b{{ x }}", "7.3.4-kho' x"])
def test_releases_without_an_entry(host, release):
    with pytest.raises(Refusal) as caught:
        select(host, release, NOW, False)
    assert caught.value.code == "boot_entry_not_found"
    assert NEW in caught.value.message
    assert caught.value.message.isprintable()
    assert (host.ran, host.exists(RECORD_PATH)) == ([], False)


def test_a_kernel_whose_file_is_gone(host):
    host.remove(f"/boot/vmlinuz-{NEW}")
    with pytest.raises(Refusal, match="not on this host") as caught:
        select(host, NEW, NOW, False)
    assert caught.value.code == "boot_entry_not_found"


def test_entries_that_lie(host):
    text = host.read_text(GRUB_CONFIG)
    host.add(
        GRUB_CONFIG, text.replace(f"/boot/vmlinuz-{NEW} root=LABEL=root ro", f"/boot/vmlinuz-{OLD} root=LABEL=root ro")
    )
    assert code_of(select, host, NEW, NOW, False) == "boot_entry_not_found"


def test_recovery_is_never_selected(host):
    host.add(GRUB_CONFIG, host.read_text(GRUB_CONFIG).replace(" root=LABEL=root ro", " root=LABEL=root single"))
    with pytest.raises(Refusal, match="recovery mode"):
        select(host, NEW, NOW, False)


def test_two_entries_of_one_release(host):
    more = f"menuentry 'x' $menuentry_id_option 'gnulinux-{NEW}-advanced-2' {{\nlinux /boot/vmlinuz-{NEW}\n}}\n"
    host.add(GRUB_CONFIG, host.read_text(GRUB_CONFIG) + more)
    assert code_of(select, host, NEW, NOW, False) == "boot_entry_ambiguous"


def test_another_system_on_the_host_is_not_ours(host):
    other = f"menuentry 'x' $menuentry_id_option 'osprober-gnulinux-{NEWER}' {{\nlinux /boot/vmlinuz-{OLD}\n}}\n"
    host.add(GRUB_CONFIG, SAVED + other).add(GRUBENV, environment(saved_entry="0"))
    default = boot_default_of(host)
    assert (default.entry, default.release) == (f"osprober-gnulinux-{NEWER}", None)
    assert "not one that grub-mkconfig makes" in default.why


def test_a_name_that_tells_no_release(host):
    ours = "menuentry 'x' $menuentry_id_option 'gnulinux-simple' {\nlinux /boot/vmlinuz\n}\n"
    host.add("/boot/vmlinuz").add(GRUB_CONFIG, SAVED + ours).add(GRUBENV, environment())
    assert "does not tell its release" in boot_default_of(host).why


@pytest.mark.parametrize(
    ("option", "header", "found"),
    [
        ("", SAVED, "GRUB_DEFAULT=0"),
        ("GRUB_DEFAULT=0\n", SAVED, "GRUB_DEFAULT=0"),
        ("GRUB_DEFAULT=$X\n", SAVED, "only a shell"),
        ("GRUB_DEFAULT=saved\n", 'set default="0"\n', "was made before that"),
        ("GRUB_DEFAULT=saved\n", "", "was made before that"),
    ],
)
def test_a_saved_default_that_is_not_started(tmp_path, option, header, found):
    host = grub_host(tmp_path, NEW, OLD, header=header, option=option)
    for check_mode in (True, False):
        with pytest.raises(Refusal, match="does not start a saved default") as caught:
            select(host, OLD, NOW, check_mode)
        assert caught.value.code == "saved_default_off"
        assert found in caught.value.message
    assert (host.ran, host.exists(RECORD_PATH)) == ([], False)


def test_later_files_of_debian_count(host):
    host.add("/etc/default/grub.d/50-cloud.cfg", "GRUB_DEFAULT=0\n").add(
        "/etc/default/grub.d/99.txt", "GRUB_DEFAULT=saved\n"
    )
    assert code_of(select, host, NEW, NOW, False) == "saved_default_off"
    host.add("/etc/default/grub.d/99-kho.cfg", "GRUB_DEFAULT=saved\n")
    assert select(host, NEW, NOW, False)["changed"] is True


def test_a_default_that_is_written_into_the_menu(tmp_path):
    header = f'set default="{pinned(OLD)}"\n'
    host = grub_host(tmp_path, NEW, OLD, header=header, option=f"GRUB_DEFAULT='{pinned(OLD)}'\n")
    host.add(GRUBENV, environment(saved_entry=pinned(NEW)))
    assert select(host, OLD, NOW, False)["changed"] is False
    assert code_of(select, host, NEW, NOW, False) == "saved_default_off"


@pytest.mark.parametrize(("path", "content"), [(GRUBENV, b"x"), (GRUBENV, b"\0" * (1 << 17)), (GRUB_CONFIG, "}\n")])
def test_files_that_are_damaged(host, path, content):
    host.add(path, content)
    default = boot_default_of(host)
    assert (default.loader, default.release) == ("grub", None)
    assert default.why
    assert code_of(select, host, NEW, NOW, False) in ("boot_default_unreadable", "host_too_large")
    assert host.ran == []


def test_without_access(host):
    host.add(STATUS, "Uid:\t1000\t1000\t1000\t1000\n").deny(GRUB_CONFIG)
    assert code_of(select, host, NEW, NOW, False) == code_of(restore, host, False) == "not_root"
    default = boot_default_of(host)
    assert (default.loader, default.release) == (None, None)
    assert "may not be accessed" in default.why


@pytest.mark.parametrize(
    ("files", "loader"),
    [
        ({}, None),
        ({GRUB_CONFIG: ""}, "grub"),
        ({"/boot/grub2/grub.cfg": ""}, "grub"),
        ({"/boot/grub2/grub.cfg": "  blscfg\n"}, "grubby"),
        ({GRUB_CONFIG: "", "/boot/grub2/grub.cfg": ""}, None),
        ({GRUB_CONFIG: "", "/sys/firmware/efi/systab": "", "/efi/EFI/systemd/x.efi": ""}, None),
        ({GRUB_CONFIG: "", "/sys/firmware/efi/systab": ""}, "grub"),
        ({GRUB_CONFIG: "", "/sys/firmware/efi/efivars/BootOrder": "", "/efi/EFI/systemd/x.efi": ""}, "grub"),
    ],
)
def test_boot_loaders_by_their_files(tmp_path, files, loader):
    host = BootHost(tmp_path)
    for path, content in files.items():
        host.add(path, content)
    assert boot_default_of(host).loader == loader
    if loader is None:
        assert code_of(select, host, NEW, NOW, False) == "boot_loader_unknown"


@pytest.mark.parametrize(
    ("says", "loader"),
    [("systemd-boot 257", "systemd-boot"), ("GRUB 2.12", "grub"), ("rEFInd\x1b 0.14", None)],
)
def test_boot_loaders_by_what_they_say(tmp_path, says, loader):
    host = BootHost(tmp_path).add(GRUB_CONFIG)
    host.set_variable("LoaderInfo", says)
    assert boot_default_of(host).loader == loader
