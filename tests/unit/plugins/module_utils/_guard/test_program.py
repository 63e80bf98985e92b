# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's program, run by a real shell in front of programs that only say that they were called."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.files import PROGRAM
from ansible_collections.kho.kexec.tests.unit.support.kernels import BOOT_ID
from ansible_collections.kho.kexec.tests.unit.support.transitions import LATER_BOOT_ID, NEW, OLD

REBOOT = [
    "kexec -s -u",
    "sleep 5",
    "systemctl -i reboot (1)",
    "sleep 60",
    "systemctl --force reboot (1)",
    "sleep 30",
    "systemctl --force --force reboot (1)",
    "sleep 30",
]
# What goes to the background is waited for, so the order is always the same.
FAKE = '#!/bin/sh\necho "${0##*/} $*${SYSTEMCTL_SKIP_AUTO_KEXEC:+ ($SYSTEMCTL_SKIP_AUTO_KEXEC)}" >> "%s"\n'
SLEEP = """#!/bin/sh
for _ in $(seq 30); do
    /bin/sleep 0.05
    [ "$(grep -cv '^sleep' "%s")" -le "$(grep -c '^sleep' "%s")" ] || break
done
echo "sleep $*" >> "%s"
"""


class Boot:
    """A boot in which the guard's timer has elapsed."""

    def __init__(self, path, boot_id=LATER_BOOT_ID, release=NEW, loader=208):
        self.path, self.log = path, path / "calls"
        self.token, self.ended = path / "token", path / "guard.ended"
        self.others = [path / name for name in ("timer", "service", "guard")]
        for file in (self.token, *self.others):
            file.touch()
        kernel = path / "proc/sys/kernel"
        (kernel / "random").mkdir(parents=True)
        (kernel / "random/boot_id").write_text(boot_id + "\n")
        (kernel / "osrelease").write_text(release + "\n")
        (kernel / "bootloader_type").write_text(f"{loader}\n")
        (path / "proc/sysrq-trigger").touch()
        self.program("kexec", FAKE)
        self.program("systemctl", FAKE)
        self.program("sleep", SLEEP)
        self.program("sync", "#!/bin/sh\n")

    def program(self, name, text):
        file = self.path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace("%s", str(self.log)))
        file.chmod(0o755)

    def elapse(self):
        text = PROGRAM.replace("/proc/", f"{self.path}/proc/")
        done = subprocess.run(
            ["sh", "-c", text, "guard", BOOT_ID, OLD, self.ended, self.token, *self.others],
            env={"PATH": f"{self.path}/bin:/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        calls = self.log.read_text().splitlines() if self.log.exists() else []
        return done.returncode, [call for call in calls if call.split()[0] != "sync" and call != "sleep 1"]

    @property
    def end(self):
        return self.ended.read_text().split("\n") if self.ended.exists() else None

    @property
    def is_reset(self):
        return (self.path / "proc/sysrq-trigger").read_text() == "b\n"


def test_nothing_real_is_named_without_proc():
    assert "/sys/kernel" not in PROGRAM.replace("/proc/sys/kernel", "")
    assert PROGRAM.count("sysrq-trigger") == PROGRAM.count("/proc/sysrq-trigger") == 1


def test_it_says_that_it_fired_and_reboots_with_more_and_more_force(tmp_path):
    boot = Boot(tmp_path)
    assert boot.elapse() == (0, REBOOT)
    assert boot.end[:4] == [BOOT_ID, "fired", LATER_BOOT_ID, NEW]
    assert boot.ended.stat().st_mode & 0o777 == 0o600
    assert boot.is_reset
    assert not any(path.exists() for path in (boot.token, *boot.others))


def test_it_never_fires_in_the_boot_that_armed_it(tmp_path):
    boot = Boot(tmp_path, boot_id=BOOT_ID)
    assert (boot.elapse(), boot.end, boot.is_reset) == ((0, []), None, False)
    assert all(path.exists() for path in (boot.token, *boot.others))


def test_it_is_spent_when_the_release_that_was_left_runs_again(tmp_path):
    boot = Boot(tmp_path, release=OLD, loader=176)
    assert boot.elapse() == (0, [])
    assert boot.end[:4] == [BOOT_ID, "spent", LATER_BOOT_ID, OLD]
    assert not any(path.exists() for path in (boot.token, *boot.others))
    assert not boot.is_reset


def test_it_does_nothing_when_somebody_else_has_taken_the_token(tmp_path):
    boot = Boot(tmp_path)
    boot.token.unlink()
    assert (boot.elapse(), boot.end, boot.is_reset) == ((0, []), None, False)


def test_it_fires_once_at_most(tmp_path):
    boot = Boot(tmp_path)
    boot.elapse()
    boot.log.unlink()
    assert boot.elapse() == (0, [])


@pytest.mark.parametrize(("loader", "ends"), [(208, (0, REBOOT)), (176, (1, []))])
def test_without_a_file_system_that_can_be_written_it_fires_only_after_a_kexec(tmp_path, loader, ends):
    """A cold boot does not help against that again and again."""
    boot = Boot(tmp_path, loader=loader)
    boot.program("rm", "#!/bin/sh\nexit 1\n")
    boot.ended = tmp_path / "nowhere" / "guard.ended"
    assert boot.elapse() == ends
    assert boot.is_reset == (loader == 208)


@pytest.mark.parametrize("name", ["random/boot_id", "osrelease"])
def test_it_does_not_fire_when_it_cannot_tell_the_boots_apart(tmp_path, name):
    boot = Boot(tmp_path)
    (tmp_path / "proc/sys/kernel" / name).unlink()
    assert boot.elapse() != (0, REBOOT)
    assert not boot.is_reset
    assert boot.token.exists()


def test_a_disk_that_hangs_does_not_keep_it(tmp_path):
    boot = Boot(tmp_path)
    os.mkfifo(tmp_path / "guard.ended.new")  # a writer waits for a reader
    assert boot.elapse() == (0, REBOOT)
    assert boot.is_reset
    os.close(os.open(tmp_path / "guard.ended.new", os.O_RDONLY | os.O_NONBLOCK))
