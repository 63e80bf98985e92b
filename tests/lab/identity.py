# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a guest that goes on from a snapshot a machine of its own, before anybody sees it.

What it was told at its start is told again, now with the name, the keys and the package source of its run: each later
boot learns them from QEMU as ever (`lab.credentials`). Besides, its clock stood still, its machine-id is that of the
snapshot, and so is the state of its random numbers. Only the boot id stays: there is one snapshot for each guest of a
run (`lab.snapshot`).
"""

from __future__ import annotations

import base64
import secrets
import shlex
import subprocess
import time
import uuid

from lab import credentials
from lab.inventory import ADDRESS, Access, known_hosts
from lab.layout import GuestFolder, SnapshotFolder

_WITHIN = 60.0  # seconds
_RESEED = 0x5207  # RNDRESEEDCRNG of linux/random.h
_SCRIPT = """set -eu
umask 077
date --set=@{now} >/dev/null
printf %s {entropy} | base64 -d >/dev/urandom
python3 -c 'import fcntl; fcntl.ioctl(open("/dev/urandom", "wb"), {reseed})'
head -c 512 /dev/urandom >/var/lib/systemd/random-seed
hostname {hostname}
systemd-tmpfiles --create - <<'FILES'
{files}FILES
old=$(cat /etc/machine-id)
echo {machine_id} >/etc/machine-id
chmod 0444 /etc/machine-id
if [ -d "/var/log/journal/$old" ]; then mv "/var/log/journal/$old" /var/log/journal/{machine_id}; fi
if [ -d "/run/log/journal/$old" ]; then mv "/run/log/journal/$old" /run/log/journal/{machine_id}; fi
systemctl restart systemd-journald.service
systemctl restart ssh.service
echo settled
"""


def script(hostname: str, files: str, now: float) -> str:
    """The program that gives the guest its identity, for its shell, as root; `now` is in seconds since 1970."""
    return _SCRIPT.format(
        now=f"{now:.3f}",
        entropy=base64.b64encode(secrets.token_bytes(256)).decode(),
        reseed=_RESEED,
        hostname=shlex.quote(hostname),
        files=files,
        machine_id=uuid.uuid4().hex,
    )


def settle(folder: GuestFolder, snapshot: SnapshotFolder, port: int) -> str | None:
    """Give the guest the identity of its run, with the keys of the snapshot; None when done, else why not."""
    known = folder.path / "snapshot_known_hosts"
    known.write_text(known_hosts({port: snapshot.public_host_key.read_text().strip()}))
    told = {name: (folder.credentials / name).read_text() for name in credentials.NAMES}
    argv = Access(snapshot.key, known).ssh(
        port, ["sudo", "sh", "-s"], options=["-o", "BatchMode=yes", "-o", "ConnectTimeout=20"]
    )
    program = script(told[credentials.HOSTNAME], told[credentials.FILES], time.time())
    try:
        # Over standard input: nobody sees keys there.
        done = subprocess.run(
            argv, input=program, check=False, capture_output=True, text=True, errors="replace", timeout=_WITHIN
        )
    except subprocess.TimeoutExpired:
        return f"{ADDRESS}:{port} gave no answer within {_WITHIN:.0f} s"
    finally:
        known.unlink()
    return None if done.stdout.endswith("settled\n") else done.stderr.strip()[-500:] or f"status {done.returncode}"
