# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the next boot waits until somebody types a passphrase for an encrypted disk.

Sources: device mapper in sysfs, crypttab(5), the running kernel's command line (systemd-cryptsetup-generator(8)), and
the tokens in the headers of LUKS, by which a TPM or a server of keys unlocks them.
"""

from __future__ import annotations

import posixpath
import re
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Set

from ansible_collections.kho.kexec.plugins.module_utils._host.mounts import Mount, mount_of
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of, read_lossless
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import name, split, value

CRYPTTAB = "/etc/crypttab"
BLOCK = "/sys/class/block"
_TYPES = ("CRYPT-LUKS", "CRYPT-PLAIN", "CRYPT-BITLK", "CRYPT-TCRYPT")
_DEPTH = 8  # LVM on LUKS on RAID and the like
_DEVICES_LIMIT = 256
_RUN_TAKES = 20.0  # seconds

# What the key field of crypttab says when a passphrase is asked for.
_NO_KEY = ("", "none", "-")
# Arguments that name a key (systemd-cryptsetup-generator(8); Arch's hook).
_KEYS = ("rd.luks.key", "luks.key", "cryptkey")
# Keyscripts of Debian that ask somebody; others get the key from elsewhere.
_ASKING_SCRIPTS = ("decrypt_keyctl", "decrypt_gnupg", "decrypt_opensc", "decrypt_gnupg-sc", "askpass")
# Tokens by which something else than a person unlocks: clevis has TPM 2, Tang and both.
_TOKENS = ("clevis", "systemd-tpm2", "ubuntu-fde", "tpm2-")
_TOKEN = regex(r"^ {2}[0-9]+: ([!-~]{1,64})$", re.MULTILINE)
_LUKS_1 = regex(r"^Version:\s+1$", re.MULTILINE)
_PIN = regex(r"^\s*tpm2-pin:\s*true$", re.MULTILINE)
# Registers that systemd extends in each boot (systemd-pcrphase.service(8)), and that only a reset clears.
_REGISTERS = regex(r"^\s*tpm2-(?:hash-pcrs|pubkey-pcrs|pcrs):\s*([0-9+, ]+)$", re.MULTILINE)
_EXTENDED = frozenset({"11", "12", "13", "15"})
# Ubuntu's installer keeps the key of an encrypted pool in a LUKS volume that asks for a passphrase.
_ASKING_KEYS = ("prompt", "file:///run/keystore/")


class Passphrase(NamedTuple):
    """What asks for a passphrase and why, in words. ``only_kexec``: a cold boot does without."""

    why: str
    only_kexec: bool = False


class Mapping(NamedTuple):
    """An open encrypted volume: the name of its mapping, and of the block devices that it lies on."""

    name: str
    below: Sequence[str]


class Entry(NamedTuple):
    """A line of crypttab."""

    key: str
    options: FrozenSet[str]

    def has(self, option: str) -> Optional[str]:
        """The value of an option, empty without one; None when it is not there."""
        for one in self.options:
            found, _equals, given = one.partition("=")
            if found == option:
                return given
        return None


def passphrase_needed(host: Host, command_line: str) -> Optional[Passphrase]:
    """Why the next boot would wait for a passphrase; None when nothing is known that it would wait for."""
    root = mount_of(host, "/")
    if root is not None and root.kind == "zfs":
        asks = _zfs_asks(host, root.source)
        if asks:
            return Passphrase(asks)
    mappings = list(_mappings(host))
    if not mappings:
        return None
    entries = parse_crypttab(read_lossless(host, CRYPTTAB))
    system = _below_system(host, root)
    found = []
    for mapping in mappings:
        entry = entries.get(mapping.name)
        # What was opened by hand, or may be missing, holds no boot up.
        optional = entry is None or entry.options & {"noauto", "nofail"}
        if mapping.name in system or not optional:
            found.append(_asks(host, mapping, entry or Entry("", frozenset()), split(command_line)))
    asking = sorted((one for one in found if one is not None), key=lambda one: one.only_kexec)
    return asking[0] if asking else None


def parse_crypttab(text: str) -> Dict[str, Entry]:
    """The entries by the names of their mappings."""
    found = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 1 and not fields[0].startswith("#"):
            key, options = (fields[2:] + ["", ""])[:2]
            found[fields[0]] = Entry(key, frozenset(options.split(",")) - {""})
    return found


def _mappings(host: Host) -> Iterator[Mapping]:
    for device in _names(host, BLOCK):
        if device.startswith("dm-") and (line_of(host, f"{BLOCK}/{device}/dm/uuid", 256) or "").startswith(_TYPES):
            mapped = line_of(host, f"{BLOCK}/{device}/dm/name", 256) or device
            yield Mapping(mapped, _names(host, f"{BLOCK}/{device}/slaves"))


def _below_system(host: Host, root: Optional[Mount]) -> Set[str]:
    """The names of all mappings that the root file system and /usr lie on."""
    found: Set[str] = set()
    for mount in (root, mount_of(host, "/usr")):
        device = None if mount is None else _device(host, mount)
        _collect(host, device, found, _DEPTH)
    return found


def _device(host: Host, mount: Mount) -> Optional[str]:
    """The name of a mount's block device; btrfs has numbers of its own, and its source tells."""
    for path in (f"/sys/dev/block/{mount.device}", mount.source):
        try:
            return posixpath.basename(host.resolve(path)) if path.startswith("/") else None
        except HostError:
            continue
    return None


def _collect(host: Host, device: Optional[str], found: Set[str], depth: int) -> None:
    if device is None or depth == 0:
        return
    mapped = line_of(host, f"{BLOCK}/{device}/dm/name", 256)
    if mapped:
        found.add(mapped)
    for below in _names(host, f"{BLOCK}/{device}/slaves"):
        _collect(host, below, found, depth - 1)


def _names(host: Host, directory: str) -> List[str]:
    try:
        return host.listdir(directory)[:_DEVICES_LIMIT]
    except HostError:
        return []


def _asks(host: Host, mapping: Mapping, entry: Entry, arguments: Sequence[str]) -> Optional[Passphrase]:
    """Why this volume asks for a passphrase; None when something else unlocks it."""
    what = f"The volume {printable(mapping.name, 100)} is encrypted"
    entry = Entry(entry.key, entry.options | frozenset(_options(arguments)))
    if _has_key(entry, arguments):
        return None
    if entry.has("fido2-device") or entry.has("pkcs11-uri"):
        return Passphrase(f"{what}, and somebody has to touch its security key.")
    header = "\n".join(_header(host, device) for device in mapping.below)
    tokens = [kind for kind in _TOKEN.findall(header) if kind.startswith(_TOKENS)]
    by_tpm = entry.has("tpm2-device") is not None or "systemd-tpm2" in tokens
    if by_tpm and "clevis" not in tokens:
        return _tpm_asks(what, entry, header)
    if tokens or _clevis_knows(host, mapping, header):
        return None
    script = entry.has("keyscript")
    asked = f"its keyscript {printable(script, 100)} asks for one" if script else f"{CRYPTTAB} names no key file for it"
    return Passphrase(f"{what}, {asked}, and its header has no token by which a TPM or a server unlocks it.")


def _has_key(entry: Entry, arguments: Sequence[str]) -> bool:
    """Whether crypttab or the command line says where the key is."""
    script = entry.has("keyscript")
    if script is not None:
        return posixpath.basename(script) not in _ASKING_SCRIPTS
    given = {name(argument): value(argument) for argument in arguments}
    return entry.key not in _NO_KEY or any(given.get(one) for one in _KEYS)


def _tpm_asks(what: str, entry: Entry, header: str) -> Optional[Passphrase]:
    if entry.has("tpm2-pin") not in (None, "no", "false", "off", "0") or _PIN.search(header):
        return Passphrase(f"{what}, and unlocked by the TPM together with a PIN.")
    registers = set(re.findall("[0-9]+", " ".join(_REGISTERS.findall(header)))) & _EXTENDED
    if not registers:
        return None
    return Passphrase(
        f"{what}, and unlocked by the TPM as long as registers have values that each boot changes and only a reset "
        f"brings back (PCR {', '.join(sorted(registers))}): it asks after a kexec.",
        only_kexec=True,
    )


def _options(arguments: Sequence[str]) -> Iterator[str]:
    """rd.luks.options=UUID=OPTIONS or rd.luks.options=OPTIONS"""
    for argument in arguments:
        if name(argument) in ("rd.luks.options", "luks.options"):
            given = value(argument) or ""
            yield from re.sub(r"^[0-9a-fA-F-]{36}=", "", given).split(",")


def _header(host: Host, device: str) -> str:
    """The header of a LUKS volume as cryptsetup shows it; empty when that cannot be had."""
    try:
        shown = host.run(["cryptsetup", "luksDump", "/dev/" + device], timeout=_RUN_TAKES)
    except HostError:
        return ""
    return shown.stdout if shown.rc == 0 else ""


def _clevis_knows(host: Host, mapping: Mapping, header: str) -> bool:
    """LUKS 1 has no tokens, and clevis keeps its own behind the header."""
    if not _LUKS_1.search(header):
        return False
    for device in mapping.below:
        try:
            listed = host.run(["clevis", "luks", "list", "-d", "/dev/" + device], timeout=_RUN_TAKES)
        except HostError:
            return False
        if listed.rc == 0 and listed.stdout.strip():
            return True
    return False


def _zfs_asks(host: Host, dataset: str) -> Optional[str]:
    """Why the dataset of the root file system asks for a passphrase."""
    try:
        shown = host.run(
            ["zfs", "get", "-H", "-p", "-o", "property,value", "encryption,keylocation,encryptionroot", dataset],
            timeout=_RUN_TAKES,
        )
    except HostError:
        return None
    properties = dict(line.split("\t", 1) for line in shown.stdout.splitlines() if "\t" in line)
    if properties.get("encryption", "off") in ("off", "-"):
        return None
    location = properties.get("keylocation", "")
    root = properties.get("encryptionroot", dataset)
    if root not in ("-", dataset):
        location = _key_location(host, root) or location
    if not location.startswith(_ASKING_KEYS):
        return None
    return (
        f"The ZFS dataset {printable(dataset, 100)} is encrypted, and its key location is {printable(location, 100)}."
    )


def _key_location(host: Host, dataset: str) -> Optional[str]:
    try:
        shown = host.run(["zfs", "get", "-H", "-p", "-o", "value", "keylocation", dataset], timeout=_RUN_TAKES)
    except HostError:
        return None
    return shown.stdout.strip() or None
