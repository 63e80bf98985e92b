# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's program as it stands, run by each shell that a host may have, on the files of a real /proc.

It runs in a user namespace of its own, where file systems can be made read-only and full, and where a file of the
kernel that holds any number takes the place of ``bootloader_type``.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.files import PROGRAM

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
# A number that a user namespace may set, read and written as those in /proc/sys/kernel are.
NUMBER = "/proc/sys/user/max_time_namespaces"
WORLD = """\
set -e
echo %(loader)s > %(number)s
mount --bind %(number)s /proc/sys/kernel/bootloader_type
# This machine is not to be reset.
touch %(dir)s/trigger
[ ! -e /proc/sysrq-trigger ] || mount --bind %(dir)s/trigger /proc/sysrq-trigger
mkdir %(dir)s/disk
mount -t tmpfs -o size=64k none %(dir)s/disk
mkdir -p %(dir)s/disk/etc/systemd/system/sysinit.target.d %(dir)s/disk/var
touch %(dir)s/disk/etc/systemd/system/sysinit.target.d/guard.conf
%(state)s
set +e
"$@"
echo "status $?" >> %(dir)s/calls
"""
STATES = {
    "writable": ":",
    "read_only": "mount -o remount,ro {disk}",
    "full": "cat /dev/zero > {disk}/filling 2>/dev/null || :",
    "no_etc": "rm -r {disk}/etc",
    "no_var": "rm -r {disk}/var",
    "no_disk": "rm -r {disk}/etc {disk}/var",
    "rm_hangs": "printf '#!/bin/sh\\nexec /bin/sleep 300\\n' > {bin}/rm",
    "rm_fails": "printf '#!/bin/sh\\nexit 1\\n' > {bin}/rm",
    "writes_hang": "mkfifo {disk}/var/guard.ended.new",
    "mv_hangs": "printf '#!/bin/sh\\nexec /bin/sleep 300\\n' > {bin}/mv; chmod 755 {bin}/mv",
    "no_date": "printf '#!/bin/sh\\nexit 127\\n' > {bin}/date; chmod 755 {bin}/date",
}
# Of these, only the kind of the boot tells that the guard has not fired before.
WITHOUT_THE_TOKENS_END = {"read_only", "no_etc", "no_disk", "rm_hangs", "rm_fails"}
FAKE = '#!/bin/sh\necho "${0##*/} $*" >> %s/calls\n'
CALLS = [
    "systemctl -i reboot",
    "systemctl --force reboot",
    "systemctl --force --force reboot",
]


def run(tmp_path, shell, state, loader=208, release=None, token=None, armed="b5b3", binds=()):
    """Let the guard's time elapse; returns what it called, its exit status last, once without and once with kexec.

    ``binds`` are directories, each with the one whose place it takes.
    """
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("systemctl", "kexec"):
        (programs / name).write_text(FAKE % tmp_path)
    # Time goes by a hundred times faster, and what goes to the background comes first.
    (programs / "sleep").write_text('#!/bin/sh\nexec /bin/sleep "0.0$((${1%%[!0-9]*} + 10))"\n')
    for name in ("rm",):
        (programs / name).write_text(f'#!/bin/sh\nexec /bin/{name} "$@"\n')
    for file in programs.iterdir():
        file.chmod(0o755)
    program = tmp_path / "guard"
    program.write_text(PROGRAM)
    disk = tmp_path / "disk"
    setup = STATES[state].format(disk=disk, bin=programs)
    setup += "".join(f"\nmount --bind {source} {place}" for source, place in binds)
    world = WORLD % {"loader": loader, "number": NUMBER, "dir": tmp_path, "state": setup}
    units = f"{disk}/etc/systemd/system"
    words = [armed, release or "0.0.1", f"{disk}/var/guard.ended", f"{units}/sysinit.target.d/{token or 'guard.conf'}"]
    argv = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        world,
        "sh",
    ]
    done = subprocess.run(
        [*argv, *SHELLS[shell], str(program), *words, f"{units}/guard.timer"],
        env={"PATH": f"{programs}:/usr/bin:/bin:/usr/sbin:/sbin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    calls = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else [done.stderr]
    return [call for call in calls if not call.startswith("kexec")], calls


@pytest.fixture(params=SHELLS)
def shell(request):
    return request.param


@pytest.mark.parametrize("state", STATES)
def test_it_reboots_whatever_the_file_system_does(tmp_path, shell, state):
    calls, everything = run(tmp_path, shell, state)
    assert calls[:-1] == CALLS
    assert "kexec -s -u" in everything


@pytest.mark.parametrize("state", sorted(WITHOUT_THE_TOKENS_END - {"rm_hangs"}))
@pytest.mark.parametrize("loader", [2, 176, 20, 2080])
def test_it_does_not_fire_again_and_again(tmp_path, shell, state, loader):
    assert run(tmp_path, shell, state, loader)[0] == ["status 1"]


@pytest.mark.parametrize("state", ["writable", "read_only", "full", "no_etc", "rm_fails"])
def test_the_kernel_that_was_left_may_stay(tmp_path, shell, state):
    assert run(tmp_path, shell, state, 2, release=os.uname().release)[0] == ["status 0"]


@pytest.mark.parametrize("state", ["writable", "read_only", "full", "no_var"])
def test_it_does_nothing_once_the_kernel_is_confirmed(tmp_path, shell, state):
    assert run(tmp_path, shell, state, token="removed")[0] == ["status 0"]


@pytest.mark.parametrize("state", ["writable", "read_only"])
def test_it_does_nothing_in_the_boot_that_armed_it(tmp_path, shell, state):
    assert run(tmp_path, shell, state, armed=BOOT_ID.read_text().strip())[0] == ["status 0"]


def test_it_says_how_it_ended(tmp_path, shell):
    kept = tmp_path / "kept"
    kept.mkdir()
    run(tmp_path, shell, "writable", binds=[(kept, tmp_path / "disk/var")])
    lines = (kept / "guard.ended").read_text().splitlines()
    assert lines[:4] == ["b5b3", "fired", BOOT_ID.read_text().strip(), os.uname().release]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[4])


@pytest.mark.parametrize(("name", "fires"), [("linux,booted-from-kexec", True), ("linux,uefi-system-table", False)])
def test_a_device_tree_tells_of_a_kexec_where_no_loader_does(tmp_path, shell, name, fires):
    firmware = tmp_path / "firmware"
    firmware.mkdir()
    (firmware / "fdt").write_bytes(b"\xd0\x0d\xfe\xed\0\0\0chosen\0" + name.encode() + b"\0")
    calls, _everything = run(tmp_path, shell, "read_only", 0, binds=[(firmware, "/sys/firmware")])
    assert calls[:-1] == (CALLS if fires else [])
