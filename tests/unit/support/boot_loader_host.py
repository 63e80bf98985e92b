# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose boot loaders' tools do to their files what the real ones do with kernel arguments."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import KERNEL_COMMAND_LINE
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.grub import DEBIANS_CONFIG, DROP_IN
from ansible_collections.kho.kexec.plugins.module_utils._host.access import STATUS
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed, HostError
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

RELEASE = "7.3.4"
IMAGE = f"/boot/vmlinuz-{RELEASE}"
LOADER_INFO = "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
GOOD = Completed(0, "", "")
BLS_ENTRY = f"/boot/loader/entries/abc-{RELEASE}.conf"
BOTH = "/usr/lib/modules/" + RELEASE


class BootLoaderHost(FakeRoot):
    """A host with one kernel. ``commands`` are those that ran; ``ending`` is how the tools end."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.commands: List[str] = []
        self.ending = GOOD
        self.add(STATUS, "Uid:\t0\t0\t0\t0\n").add("/proc/sys/kernel/osrelease", RELEASE + "\n")
        self.add(IMAGE, "image").add(BOTH + "/modules.dep")

    def run(self, argv: Sequence[str], timeout: float = 60.0) -> Completed:
        assert timeout > 0
        self.commands.append(" ".join(argv))
        if self.ending.rc == 0:
            self.effect(list(argv))
        return self.ending

    def effect(self, argv: List[str]) -> None:
        """What the program does to the host's files."""
        raise AssertionError(f"unexpected program: {argv}")


class GrubHost(BootLoaderHost):
    """Debian's GRUB; ``settings`` is GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub, and ``default`` GRUB_DEFAULT."""

    def __init__(self, root: Path, settings: str = "quiet", default: str = "0") -> None:
        super().__init__(root)
        self.settings, self.default = settings, default
        self.add("/usr/sbin/update-grub").add_directory("/etc/default/grub.d")
        self.effect(["update-grub"])

    def effect(self, argv: List[str]) -> None:
        assert argv == ["update-grub"]
        arguments = self.settings
        try:
            (more,) = re.findall(r'="\$GRUB_CMDLINE_LINUX_DEFAULT (.*)"\n', self.read_text(DROP_IN))
            arguments += " " + more
        except HostError:
            pass
        default = "${saved_entry}" if self.default == "saved" else self.default
        self.add(
            DEBIANS_CONFIG,
            'if [ "${next_entry}" ] ; then\n   set default="${next_entry}"\nelse\n'
            f'   set default="{default}"\nfi\n'
            "menuentry 'Debian GNU/Linux' $menuentry_id_option 'gnulinux-simple-a1' {\n"
            f"\tlinux\t{IMAGE} root=/dev/vda2 ro {arguments}\n}}\n"
            "submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-a1' {\n"
            f"\tmenuentry 'Linux {RELEASE}' $menuentry_id_option 'gnulinux-{RELEASE}-advanced-a1' {{\n"
            f"\t\tlinux\t{IMAGE} root=/dev/vda2 ro {arguments}\n\t}}\n}}\n",
        )


class GrubbyHost(BootLoaderHost):
    """Fedora; ``forgets`` is what its grubby loses when it edits."""

    def __init__(self, root: Path, options: str = "root=/dev/vda2 ro quiet $tuned_params") -> None:
        super().__init__(root)
        self.forgets = ""
        self.add("/usr/sbin/grubby").add("/boot/grub2/grub.cfg", "insmod blscfg\nblscfg\n")
        self._write(options)

    def effect(self, argv: List[str]) -> None:
        assert argv[:2] == ["grubby", "--update-kernel=ALL"]
        option, _equals, arguments = argv[2].partition("=")
        names = {argument.split("=")[0] for argument in arguments.split()}
        (options,) = re.findall(r"^options (.*)$", self.read_text(BLS_ENTRY), re.MULTILINE)
        kept = [word for word in options.split() if word.split("=")[0] not in names and word != self.forgets]
        self._write(" ".join(kept + (arguments.split() if option == "--args" else [])))

    def _write(self, options: str) -> None:
        self.add(BLS_ENTRY, f"title Fedora\nversion {RELEASE}\nlinux /vmlinuz-{RELEASE}\noptions {options}\n", 0o600)


class SystemdBootHost(BootLoaderHost):
    """systemd-boot, with kernel-install(8), which before systemd 257 took comments for arguments."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads_comments = False
        self.add("/usr/bin/kernel-install").add("/boot/loader/loader.conf", "timeout 3\n")
        self.add(LOADER_INFO, b"\6\0\0\0" + "systemd-boot 257".encode("utf-16-le"))
        self.add(BOTH + "/vmlinuz", "image")
        self._write("root=/dev/vda2 ro")

    def effect(self, argv: List[str]) -> None:
        assert argv == ["kernel-install", "add", RELEASE, BOTH + "/vmlinuz"]
        lines = self.read_text(KERNEL_COMMAND_LINE).split("\n")
        read = [line for line in lines if self.reads_comments or not line.lstrip().startswith("#")]
        self._write(" ".join(" ".join(read).split()))

    def _write(self, options: str) -> None:
        self.add(BLS_ENTRY, f"version {RELEASE}\nlinux /vmlinuz-{RELEASE}\noptions {options} systemd.machine_id=abc\n")
