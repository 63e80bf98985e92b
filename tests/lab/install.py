# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install kernels of the lab in guests, as a fleet gets them: from an apt repository, by the distribution's tools."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from lab.errors import LabError
from lab.inventory import Access
from lab.kernels import Kernel
from lab.layout import RunFolder
from lab.progress import step
from lab.state import read_state

_WITHIN = 1200.0  # seconds, under emulation; Debian's own kernel has an initramfs to make
# The shell reads this from its input, which a package's scripts would take the rest of: they get another one.
# GRUB does not replay a journal. Nothing may be left in it when the power is cut.
SCRIPT = """set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -q update </dev/null
apt-get -q -y -o Dpkg::Use-Pty=0 install --no-install-recommends {packages} </dev/null
sync
for place in / /boot; do
    if mountpoint --quiet $place; then
        fsfreeze --freeze $place
        fsfreeze --unfreeze $place
    fi
done
echo installed
"""


def everywhere(folder: RunFolder, kernels: Mapping[str, Sequence[Kernel]]) -> None:
    """Install these kernels in each guest of a run, in all at once.

    Raises:
        LabError: apt fails in one of them.
    """
    guests = read_state(folder.state).guests
    access = Access(folder.key, folder.known_hosts)

    def into(name: str) -> None:
        port = guests[name].ssh_port
        assert port is not None
        with step(f"{name}: installing {', '.join(kernel.package for kernel in kernels[name])}"):
            _install(access, port, name, [kernel.package for kernel in kernels[name]])

    with ThreadPoolExecutor() as pool:
        list(pool.map(into, [name for name, wanted in kernels.items() if wanted]))


def _install(access: Access, port: int, name: str, packages: Sequence[str]) -> None:
    argv = access.ssh(port, ["sudo", "sh", "-s"], options=["-o", "BatchMode=yes"])
    script = SCRIPT.format(packages=" ".join(packages))
    try:
        done = subprocess.run(
            argv, input=script, check=False, capture_output=True, text=True, errors="replace", timeout=_WITHIN
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{name} did not install its kernels within {_WITHIN:.0f} s") from error
    if done.returncode != 0 or not done.stdout.endswith("installed\n"):
        raise LabError(f"{name} could not install its kernels: {(done.stdout + done.stderr).strip()[-2000:]}")
