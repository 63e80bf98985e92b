# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's files on the host: a program, a service, a timer, and the token that makes systemd start the timer.

All of them are on the file system that is there as soon as systemd runs, beside each other. The token decides:
the first to remove it, the guard to fire or a run to confirm, has won, and the other one finds that it is gone.
"""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.ownership import writable_by_others
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

TIMER = "kho-kexec-guard.timer"
SERVICE = "kho-kexec-guard.service"
_TOKEN = "sysinit.target.d/kho-kexec-guard.conf"
# systemd.unit(5), "Unit File Load Path": those that survive a reboot and belong to no package. With each, a directory
# beside it for the program.
_PLACES = (
    ("/etc/systemd/system", "/etc/kho-kexec"),
    ("/usr/local/lib/systemd/system", "/usr/local/lib/kho-kexec"),
)
MOUNTS = "/proc/self/mounts"
# What the initramfs, or the kernel, has mounted before systemd reads its units.
_MOUNTED_EARLY = ("/", "/etc", "/usr")
# An overlay may have its upper layer in memory, as live systems do.
_UNFIT = ("tmpfs", "ramfs", "overlay", "unknown")

# A shell, because it must work in a boot in which everything else may be broken. What may hang in the kernel, such as
# a write to a dead disk, goes to the background. $1: id of the boot that armed; $2: release that was left;
# $3: where to say how the guard ended; $4: token; $5 and on: the other files. The files of numbers in /proc/sys answer
# only the first read, and shells read byte by byte. Therefore cat reads them.
PROGRAM = """\
#!/bin/sh
# kho.kexec: cold-boots this host when nobody has confirmed its new kernel. See kho-kexec-guard.timer.
armed_boot_id=$1 left_release=$2 ended=$3 token=$4
shift 4
read -r boot_id < /proc/sys/kernel/random/boot_id || exit 1
read -r release < /proc/sys/kernel/osrelease || exit 1
[ "$boot_id" != "$armed_boot_id" ] || exit 0

# Whether a kexec started this kernel: 208 is boot_params.type_of_loader of x86; arm64 has a property for it.
started_by_kexec() {
    loader=$(cat /proc/sys/kernel/bootloader_type 2>/dev/null)
    [ "$loader" = 208 ] || [ -e /proc/device-tree/chosen/linux,booted-from-kexec ] ||
        grep -q linux,booted-from-kexec /sys/firmware/fdt 2>/dev/null
}

# Whether the token could be removed, within half a minute.
take_token() {
    rm "$token" &
    job=$! patience=30
    while kill -0 "$job" 2>/dev/null; do
        [ "$patience" -gt 0 ] || return 1
        patience=$((patience - 1))
        sleep 1
    done
    wait "$job"
}

# Whether somebody else has removed the token: it is not there, and its directory is.
is_over() {
    [ ! -e "$token" ] && [ -d "${token%/*}" ] && rm -f "$token"
}

if ! take_token; then
    ! is_over || exit 0  # confirmed
    # The file system cannot be written. Without the token's end, only the kind of this boot says that it is the first.
    [ "$release" = "$left_release" ] || started_by_kexec || exit 1
fi

state=fired
[ "$release" != "$left_release" ] || state=spent
(
    rm -f "$token" "$@"
    umask 077
    printf '%s\\n' "$armed_boot_id" "$state" "$boot_id" "$release" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" > "$ended.new" &&
        mv "$ended.new" "$ended"
    sync
) &
[ "$state" = fired ] || { wait; exit 0; }

echo "Nobody has confirmed $release in time. Cold-booting, to come back to $left_release."
kexec -s -u &
sleep 5
export SYSTEMCTL_SKIP_AUTO_KEXEC=1
systemctl -i reboot &
sleep 60
systemctl --force reboot &
sleep 30
systemctl --force --force reboot &
sleep 30
echo b > /proc/sysrq-trigger
"""

_SERVICE = """\
# kho.kexec: see {timer}.
[Unit]
Description=Cold boot of a host whose new kernel nobody has confirmed
DefaultDependencies=no
IgnoreOnIsolate=yes
# A kernel that saves the memory of one that crashed must be left alone.
ConditionPathExists=!/proc/vmcore

[Service]
Type=oneshot
ExecStart=/bin/sh {program} {arguments}
OOMScoreAdjust=-1000
"""

_TIMER = """\
# kho.kexec: cold-boots this host, to come back to {release}, unless the kernel that is booted next is
# confirmed in time: by the module kho.kexec.kexec_guard with state=disarmed, or by hand with
#   rm {token}
[Unit]
Description=Time to confirm the new kernel
DefaultDependencies=no
IgnoreOnIsolate=yes

[Timer]
OnBootSec={seconds}
AccuracySec=1s
"""

_DROP_IN = """\
# kho.kexec: see {timer}. Without this file, the guard does nothing.
[Unit]
Wants={timer}
"""


class GuardFiles(NamedTuple):
    """Where the guard's files are. ``others`` are those beside the token."""

    token: str
    timer: str
    service: str
    program: str

    @property
    def others(self) -> tuple[str, str, str]:
        """All but the token."""
        return (self.timer, self.service, self.program)

    @property
    def all(self) -> tuple[str, ...]:
        """Every file, the token first."""
        return (self.token, *self.others)


def places() -> tuple[GuardFiles, ...]:
    """Everywhere that a guard may be, the place to prefer first."""
    return tuple(
        GuardFiles(f"{units}/{_TOKEN}", f"{units}/{TIMER}", f"{units}/{SERVICE}", f"{beside}/guard")
        for units, beside in _PLACES
    )


def choose_place(host: Host) -> GuardFiles:
    """The first place whose files will be there when the next boot's systemd reads them.

    Raises Refusal ``guard_not_persistent`` when there is none, and HostError when the mounts cannot be read.
    """
    mounts = _mounts(host.read_text(MOUNTS, 1 << 20))
    problems = []
    for files in places():
        found = [_problem(host, path, mounts) for path in (files.timer, files.program)]
        problem = next((text for text in found if text is not None), None)
        if problem is None:
            return files
        problems.append(problem)
    raise Refusal(
        "guard_not_persistent",
        "There is no place for the guard's files from which the next boot could read them: "
        + "; ".join(problems)
        + ". "
        "Without a guard, a new kernel that nobody can reach stays. Make one of these directories writable, or let "
        "the policy go on without a guard.",
    )


def contents(
    files: GuardFiles, boot_id: str, release: str, confirm_timeout: int, ended_path: str
) -> list[tuple[str, str, int]]:
    """What to write: path, text and mode of each file in this order, the token last."""
    words = (boot_id, release, ended_path, files.token, *files.others)
    return [
        (files.program, PROGRAM, 0o700),
        (
            files.service,
            _SERVICE.format(
                timer=TIMER, program=_quoted(files.program), arguments=" ".join(_quoted(word) for word in words)
            ),
            0o644,
        ),
        (files.timer, _TIMER.format(release=release, seconds=confirm_timeout, token=files.token), 0o644),
        (files.token, _DROP_IN.format(timer=TIMER), 0o644),
    ]


def _quoted(word: str) -> str:
    """A word of ExecStart= (systemd.service(5), "Command Lines") in which nothing is expanded."""
    for special, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(special, escaped)
    return f'"{word}"'


def _mounts(text: str) -> dict[str, tuple[str, bool]]:
    """File system and whether it is read-only, by mount point; what is mounted last at a place counts (fstab(5))."""
    rows = [line.split() for line in text.splitlines()]
    return {row[1]: (row[2], "ro" in row[3].split(",")) for row in rows if len(row) >= 4}


def _problem(host: Host, path: str, mounts: dict[str, tuple[str, bool]]) -> str | None:
    """What is wrong with the place of a file; None when nothing is."""
    directory = _above(path)
    existing = directory
    while not host.exists(existing) and existing != "/":
        existing = _above(existing)
    try:
        point = host.resolve(existing)
    except HostError as error:
        return error.message.rstrip(".")
    while point not in mounts and point != "/":
        point = _above(point)
    kind, read_only = mounts.get(point, ("unknown", False))
    if read_only:
        return f"{directory} is on {printable(point)}, which is mounted read-only"
    if kind in _UNFIT or point not in _MOUNTED_EARLY:
        return f"{directory} is on {printable(point)} ({printable(kind, 40)}), which the next boot may not have in time"
    if writable_by_others(host, existing):
        return f"users other than root may write {directory} or what is above it"
    return None


def _above(path: str) -> str:
    return path.rsplit("/", 1)[0] or "/"
