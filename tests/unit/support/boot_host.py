# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose boot loaders' programs do to their files what the real ones do."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Sequence, Union

from ansible_collections.kho.kexec.plugins.module_utils._host.access import STATUS
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

UUID = "2040d0fa-9f61-4a72-bf79-3cadb6fa78a4"
GRUB_CONFIG = "/boot/grub/grub.cfg"
GRUBENV = "/boot/grub/grubenv"
GRUB2ENV = "/boot/grub2/grubenv"
MACHINE = "4f7a0d2f6c0e4f0e9a35cbb0ad4a7d5e"
EFI_VARIABLE = "/sys/firmware/efi/efivars/{}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
GOOD = Completed(0, "", "")

SAVED_HEADER = """if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi
"""


def pinned(release: str) -> str:
    """The path of ids to a release's entry, as GRUB has it on Debian."""
    return f"gnulinux-advanced-{UUID}>gnulinux-{release}-advanced-{UUID}"


def environment(**variables: str) -> bytes:
    """An environment block of GRUB's."""
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    return ("# GRUB Environment Block\n" + lines).encode().ljust(1024, b"#")


class BootHost(FakeRoot):
    """A host where we are root. ``ran`` lists the programs; ``endings`` gives some of them an ending without effect."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.ran: List[List[str]] = []
        self.endings: Dict[str, Union[Completed, HostError]] = {}
        self.default_kernel = ""
        self.add(STATUS, "Uid:\t0\t0\t0\t0\n")

    def run(self, argv: Sequence[str], timeout: float = 60.0) -> Completed:
        assert timeout > 0
        self.ran.append(list(argv))
        ending = self.endings.get(argv[0])
        if isinstance(ending, HostError):
            raise ending
        if ending is not None:
            return ending
        program = "editenv" if argv[0].endswith("-editenv") else argv[0]
        effects = {
            "grub-set-default": lambda: self._save(GRUBENV, argv[1]),
            "grub2-set-default": lambda: self._save(GRUB2ENV, argv[1]),
            "editenv": lambda: self._save(argv[1], None),
            "grubby": lambda: self._grubby(argv[1]),
            "sync": lambda: None,
            "mv": lambda: self._move(argv[3], argv[4]),
            "bootctl": lambda: self.set_variable("LoaderEntryDefault", argv[2]),
        }
        if program not in effects:
            raise HostError(argv[0], "absent")
        return effects[program]() or GOOD

    def set_variable(self, name: str, text: str) -> None:
        """Set a variable of the boot loader interface; an empty text removes it."""
        if text:
            self.add(EFI_VARIABLE.format(name), b"\x07\0\0\0" + (text + "\0").encode("utf-16-le"))
        else:
            self.remove(EFI_VARIABLE.format(name))

    def _move(self, path: str, to: str) -> None:
        self.add(to, self.read_bytes(path))
        self.remove(path)

    def _save(self, path: str, entry: Optional[str]) -> None:
        self.add(path, environment(**({} if entry is None else {"saved_entry": entry})))

    def _grubby(self, option: str) -> Optional[Completed]:
        if option == "--default-kernel":
            return Completed(0, self.default_kernel + "\n", "")
        release = option.split("vmlinuz-")[1]
        self._save(GRUB2ENV, f"{MACHINE}-{release}")
        return None


def grub_host(root: Path, *releases: str, header: str = SAVED_HEADER, option: str = "GRUB_DEFAULT=saved\n") -> BootHost:
    """A Debian host with these kernels, the newest first."""
    host = BootHost(root).add("/etc/default/grub", option)
    assert isinstance(host, BootHost)
    for release in releases:
        host.add(f"/boot/vmlinuz-{release}").add(f"/boot/initrd.img-{release}")
    return write_menu(host, *releases, header=header)


def write_menu(host: BootHost, *releases: str, header: str = SAVED_HEADER) -> BootHost:
    """Make the menu of a Debian host as update-grub does."""
    inner = "".join(
        _entry(f"gnulinux-{release}-advanced-{UUID}", release)
        + _entry(f"gnulinux-{release}-recovery-{UUID}", release, "single ")
        for release in releases
    )
    first = _entry(f"gnulinux-simple-{UUID}", releases[0])
    submenu = f"submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-{UUID}' {{\n{inner}}}\n"
    firmware = (
        'if [ "$grub_platform" = "efi" ]; then\n'
        "menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {\nfwsetup\n}\nfi\n"
    )
    host.add(GRUB_CONFIG, header + first + submenu + firmware)
    return host


def _entry(name: str, release: str, options: str = "") -> str:
    return (
        f"menuentry 'Debian, {name}' --class debian $menuentry_id_option '{name}' {{\n"
        f"\tlinux\t/boot/vmlinuz-{release} root=LABEL=root {options}ro\n\tinitrd\t/boot/initrd.img-{release}\n}}\n"
    )


def bls_host(root: Path, *releases: str) -> BootHost:
    """A RHEL host with these kernels, and a rescue image."""
    host = BootHost(root)
    host.add("/etc/default/grub", "GRUB_DEFAULT=saved\nGRUB_ENABLE_BLSCFG=true\n")
    host.add("/boot/grub2/grub.cfg", SAVED_HEADER + "insmod blscfg\nblscfg\n")
    for release in releases:
        add_bls_entry(host, "/boot", release)
    host.add("/boot/vmlinuz-0-rescue-" + MACHINE)
    host.add(f"/boot/loader/entries/{MACHINE}-0-rescue.conf", f"linux /vmlinuz-0-rescue-{MACHINE}\n")
    return host


def systemd_boot_host(root: Path, *releases: str) -> BootHost:
    """A host with systemd-boot, these kernels, and an entry of another kind."""
    host = BootHost(root)
    host.set_variable("LoaderInfo", "systemd-boot 257.9-1")
    for release in releases:
        add_bls_entry(host, "/efi", release)
    host.add("/efi/loader/entries/memtest.conf", "title Memory test\nefi /EFI/memtest.efi\n")
    return host


def add_bls_entry(host: BootHost, partition: str, release: str, suffix: str = "", options: str = "ro") -> None:
    """Add an entry of the Boot Loader Specification, and its kernel; ``suffix`` is put behind the entry's id."""
    host.add(f"{partition}/vmlinuz-{release}", release)
    text = f"title Linux {release}\nversion {release}\nlinux /vmlinuz-{release}\noptions {options}\n"
    host.add(f"{partition}/loader/entries/{MACHINE}-{release}{suffix}.conf", text)
