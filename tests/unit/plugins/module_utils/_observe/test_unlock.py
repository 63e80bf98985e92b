# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.mounts import MOUNTS
from ansible_collections.kho.kexec.plugins.module_utils._observe.unlock import (
    CRYPTTAB,
    parse_crypttab,
    passphrase_needed,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

UUID = "1f0e7a3c-9d7b-4c8e-8f43-0a2c5d6e7f80"
HEADER = "LUKS header information\nVersion:       \t2\n\nTokens:\n{}Digests:\n  0: pbkdf2\n"
DUMP = ["cryptsetup", "luksDump", "/dev/vda3"]
ZFS = ["zfs", "get", "-H", "-p", "-o", "property,value", "encryption,keylocation,encryptionroot", "rpool/ROOT/debian"]


def volume(host, device="dm-0", name="root", below="vda3", kind="CRYPT-LUKS2"):
    block = f"/sys/class/block/{device}"
    host.add(f"{block}/dm/uuid", f"{kind}-{UUID.replace('-', '')}-{name}\n").add(f"{block}/dm/name", name + "\n")
    return host.add_directory(f"{block}/slaves/{below}")


@pytest.fixture
def host(tmp_path):
    """The root file system is on LUKS."""
    root = FakeRoot(tmp_path).add(MOUNTS, "22 1 253:0 / / rw - ext4 /dev/mapper/root rw\n")
    root.add_directory("/sys/devices/virtual/block/dm-0").link(
        "/sys/dev/block/253:0", "/sys/devices/virtual/block/dm-0"
    )
    yield volume(root)
    root.assert_nothing_left()


def asks(host, tokens=None, line="root=/dev/mapper/root ro"):
    """What is said, with a header that has these tokens; None: no header is to be read."""
    if tokens is not None:
        header = HEADER.format("".join(f"  {number}: {token}\n" for number, token in enumerate(tokens)))
        host.expect_run(DUMP, stdout=header)
    return passphrase_needed(host, line)


def test_a_passphrase(host):
    said = asks(host.add(CRYPTTAB, f"# comment\nroot UUID={UUID} none luks,discard\n"), [])
    assert (said.only_kexec, "volume root is encrypted" in said.why, "no key file" in said.why) == (False, True, True)
    host.remove(CRYPTTAB)
    assert asks(host, ["systemd-recovery"]) is not None


def test_a_header_that_cannot_be_read(host):
    host.add(CRYPTTAB, f"root UUID={UUID} none luks\n").expect_run(DUMP, rc=1)
    assert passphrase_needed(host, "") is not None
    host.expect_missing(DUMP)
    assert passphrase_needed(host, "") is not None


@pytest.mark.parametrize(
    "tokens", [["clevis"], ["systemd-tpm2"], ["systemd-recovery", "ubuntu-fde"], ["clevis", "systemd-tpm2"]]
)
def test_hosts_that_unlock_by_themselves(host, tokens):
    assert asks(host.add(CRYPTTAB, f"root UUID={UUID} none luks\n"), tokens) is None


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("root UUID=x /etc/keys/root.key luks", ""),
        ("root UUID=x none luks,keyscript=/usr/share/mandos/plugin-runner", ""),
        ("root UUID=x source luks,keyscript=decrypt_derived", ""),
        ("root UUID=x none", "rd.luks.key=/keyfile:LABEL=usb"),
        ("root UUID=x none", f"rd.luks.key={UUID}=/keyfile"),
        ("", "cryptdevice=UUID=x:root cryptkey=rootfs:/secret"),
    ],
)
def test_a_key_that_is_named(host, entry, line):
    assert asks(host.add(CRYPTTAB, entry + "\n"), None, line) is None


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("luks,tpm2-device=auto", ""),
        ("luks", "rd.luks.options=tpm2-device=auto"),
        ("luks,tpm2-device=auto,tpm2-pin=no", ""),
    ],
)
def test_a_tpm_that_is_named(host, options, line):
    assert asks(host.add(CRYPTTAB, f"root UUID={UUID} none {options}\n"), [], line) is None


@pytest.mark.parametrize(
    ("options", "tokens", "says"),
    [
        ("luks,tpm2-device=auto,tpm2-pin=yes", [], "PIN"),
        ("luks", ["systemd-tpm2\n\ttpm2-pin:         true"], "PIN"),
        ("luks,keyscript=decrypt_keyctl", [], "decrypt_keyctl asks for one"),
    ],
)
def test_what_asks_nevertheless(host, options, tokens, says):
    said = asks(host.add(CRYPTTAB, f"root UUID={UUID} none {options}\n"), tokens)
    assert (says in said.why, said.only_kexec) == (True, False)


@pytest.mark.parametrize("option", ["fido2-device=auto", "pkcs11-uri=auto"])
def test_a_security_key(host, option):
    assert "touch" in asks(host.add(CRYPTTAB, f"root UUID={UUID} none luks,{option}\n")).why


@pytest.mark.parametrize(
    ("registers", "only_kexec"),
    [
        ("tpm2-hash-pcrs:   7", None),
        ("tpm2-hash-pcrs:   7+11", True),
        ("tpm2-hash-pcrs:   7+15", True),
        ("tpm2-pubkey-pcrs: 11", True),
    ],
)
def test_registers_that_only_a_reset_clears(host, registers, only_kexec):
    said = asks(host.add(CRYPTTAB, f"root UUID={UUID} none luks\n"), [f"systemd-tpm2\n\t{registers}"])
    assert (said.only_kexec if said else None) is only_kexec


def test_clevis_and_the_first_version_of_luks(host):
    header, clevis = HEADER.format("").replace("\t2", "\t1"), ["clevis", "luks", "list", "-d", "/dev/vda3"]
    host.expect_run(DUMP, stdout=header).expect_run(clevis, stdout="1: tang '{}'\n")
    assert passphrase_needed(host, "") is None
    host.expect_run(DUMP, stdout=header).expect_run(clevis, rc=1)
    assert passphrase_needed(host, "") is not None
    host.expect_run(DUMP, stdout=header).expect_missing(clevis)
    assert passphrase_needed(host, "") is not None


def test_a_root_file_system_on_lvm_on_luks_and_on_btrfs(tmp_path):
    for number, kind in enumerate(["ext4", "btrfs"]):
        host = FakeRoot(tmp_path / kind).add(MOUNTS, f"22 1 0:{number} / / rw - {kind} /dev/mapper/vg-root rw\n")
        host.add("/dev/dm-1").link("/dev/mapper/vg-root", "/dev/dm-1")
        volume(host, "dm-1", "vg-root", "dm-0", "LVM")
        volume(host, "dm-0", "crypt").expect_run(DUMP, stdout=HEADER.format(""))
        assert "volume crypt" in passphrase_needed(host, "").why


@pytest.mark.parametrize(
    ("entry", "needed"),
    [
        ("data UUID=x none luks", True),
        ("data UUID=x none luks,nofail", False),
        ("data UUID=x none luks,noauto", False),
        ("", False),
        ("swap /dev/vda2 /dev/urandom swap", False),
    ],
)
def test_volumes_beside_the_root_file_system(tmp_path, entry, needed):
    host = FakeRoot(tmp_path).add(MOUNTS, "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n").add(CRYPTTAB, entry + "\n")
    volume(host, name=entry.split(" ")[0] or "usb")
    if needed:
        host.expect_run(DUMP, stdout=HEADER.format(""))
    assert (passphrase_needed(host, "") is not None) is needed
    host.assert_nothing_left()


@pytest.mark.parametrize(
    ("shown", "needed"),
    [
        ("encryption\toff\nkeylocation\tnone\nencryptionroot\t-\n", False),
        ("encryption\taes-256-gcm\nkeylocation\tprompt\nencryptionroot\trpool/ROOT/debian\n", True),
        ("encryption\taes-256-gcm\nkeylocation\tfile:///etc/zfs/key\nencryptionroot\trpool/ROOT/debian\n", False),
        ("encryption\taes-256-gcm\nkeylocation\tfile:///run/keystore/rpool/system.key\nencryptionroot\t-\n", True),
        ("", False),
    ],
)
def test_zfs(tmp_path, shown, needed):
    host = FakeRoot(tmp_path).add(MOUNTS, "22 1 0:30 / / rw - zfs rpool/ROOT/debian rw\n").expect_run(ZFS, stdout=shown)
    assert (passphrase_needed(host, "") is not None) is needed


def test_zfs_asks_for_the_key_of_the_dataset_above(tmp_path):
    host = FakeRoot(tmp_path).add(MOUNTS, "22 1 0:30 / / rw - zfs rpool/ROOT/debian rw\n")
    host.expect_run(ZFS, stdout="encryption\taes-256-gcm\nkeylocation\tnone\nencryptionroot\trpool\n")
    host.expect_run(["zfs", "get", "-H", "-p", "-o", "value", "keylocation", "rpool"], stdout="prompt\n")
    assert "prompt" in passphrase_needed(host, "").why


def test_a_host_without_encryption(tmp_path):
    assert passphrase_needed(FakeRoot(tmp_path), "root=/dev/vda1") is None


@given(st.text())
def test_any_crypttab(text):
    assert all(parse_crypttab(text))


# What cryptsetup 2.6.1 prints, with systemd's plug-in for its tokens.
PRINTED = """LUKS header information
Version:       \t2
Epoch:         \t5

Data segments:
  0: crypt
\toffset: 16777216 [bytes]
\tcipher: aes-xts-plain64

Keyslots:
  0: luks2
\tKey:        512 bits
\tPBKDF:      pbkdf2
Tokens:
  0: systemd-tpm2
\ttpm2-hash-pcrs:   {registers}
\ttpm2-pcr-bank:    sha256
\ttpm2-pubkey:
\t            (null)
\ttpm2-pubkey-pcrs: n/a
\ttpm2-primary-alg: ecc
\ttpm2-pin:         {pin}
\tKeyslot:    0
Digests:
  0: pbkdf2
\tHash:       sha256
"""


@pytest.mark.parametrize(
    ("registers", "pin", "says"), [("7", "false", None), ("7+11", "false", "PCR 11"), ("7+11", "true", "a PIN")]
)
def test_a_header_as_it_is_printed(host, registers, pin, says):
    host.expect_run(DUMP, stdout=PRINTED.format(registers=registers, pin=pin))
    asked = passphrase_needed(host, "")
    assert (says in asked.why) if says else asked is None
