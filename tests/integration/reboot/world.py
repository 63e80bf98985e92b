# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts in network namespaces that vanish as a kexec makes them vanish: without a FIN, back with a fresh TCP stack
and another boot id.

Run by test_reboot.py as process 1 of new pid, mount and network namespaces, so everything ends with it, also
when it is killed. Usage: world.py DIRECTORY; DIRECTORY holds keys, `playbook.yml` and `inventory.yml`. Runs the
playbook, writes `world.json`: when each host was taken away and when it answered again (s, `time.time()`).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"]

SSHD_CONFIG = """\
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/user_key.pub
StrictModes no
UsePAM no
PidFile none
LogLevel ERROR
Subsystem sftp internal-sftp
# bash reads .bashrc also for a command that comes by SSH, and what stands in the user's is not part of the test.
SetEnv HOME={directory}
"""

START_HOST = """\
set -eu
while ! ip link show {far} >/dev/null 2>&1; do sleep 0.02; done
ip link set lo up
ip address add {address}/24 dev {far}
ip link set {far} up
mount -t tmpfs tmpfs /run
mkdir /run/sshd /run/host
mount --bind {state} /run/host
mount --bind {boot_id} /proc/sys/kernel/random/boot_id
exec /usr/sbin/sshd -D -e -f {directory}/sshd_config
"""


@dataclass
class Story:
    """What happens to one host after it was told to leave. Times in seconds; None: never."""

    name: str
    gone_after: float | None
    back_after: float | None
    hold: bool = False
    jump_host: bool = False
    pipelining: bool = True


STORIES = [
    Story("comes_back", gone_after=1.0, back_after=4.0),
    Story("back_late", gone_after=1.0, back_after=14.0),
    Story("back_at_once", gone_after=1.0, back_after=0.2),
    Story("answer_lost", gone_after=0.5, back_after=3.0, hold=True),
    Story("behind_jump_host", gone_after=1.0, back_after=4.0, jump_host=True),
    Story("never_back", gone_after=1.0, back_after=None),
    Story("never_gone", gone_after=None, back_after=None),
    Story("copied_files", gone_after=1.0, back_after=4.0, pipelining=False),
]


@dataclass
class Host:
    """One host, its cable (a pair of virtual Ethernet devices) and its present boot."""

    story: Story
    number: int
    directory: Path
    boot: subprocess.Popen[bytes] | None = None
    seen: dict[str, float] = field(default_factory=dict)
    up: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"10.77.{self.number}.2"

    @property
    def near(self) -> str:
        return f"near{self.number}"

    @property
    def far(self) -> str:
        return f"far{self.number}"

    @property
    def state(self) -> Path:
        return self.directory / f"state-{self.story.name}"

    def plug_in(self) -> None:
        """Make the cable. The fixed neighbour entry lets packets to an absent host get lost without an error."""
        self.state.mkdir()
        if self.story.hold:
            (self.state / "hold").touch()
        mac = f"02:00:00:00:{self.number:02x}:02"
        run("ip", "link", "add", self.near, "type", "veth", "peer", "name", self.far, "address", mac)
        run("ip", "address", "add", f"10.77.{self.number}.1/24", "dev", self.near)
        run("ip", "link", "set", self.near, "up")
        run("ip", "neighbour", "add", self.address, "lladdr", mac, "dev", self.near, "nud", "permanent")

    def start(self) -> None:
        """Boot: new namespaces, so a new TCP stack, and a new boot id."""
        boot_id = self.directory / f"boot_id-{self.story.name}"
        boot_id.write_text(f"{uuid.uuid4()}\n")
        script = START_HOST.format(
            far=self.far, address=self.address, state=self.state, boot_id=boot_id, directory=self.directory
        )
        unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script]
        with (self.directory / "hosts.log").open("ab") as log:
            self.boot = subprocess.Popen([*DIE_WITH_PARENT, *unshare], stderr=log)
        own_network = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.boot.pid}/ns/net") == own_network:
            time.sleep(0.01)
        run("ip", "link", "set", self.far, "netns", str(self.boot.pid))
        while not answers(self.address):
            time.sleep(0.02)

    def vanish(self) -> None:
        """Pull the cable out first: what dies then can say nothing any more."""
        assert self.boot is not None
        mover = ["nsenter", "--net", "--target", str(self.boot.pid)]
        run(*mover, "ip", "link", "set", self.far, "netns", str(os.getpid()))
        self.seen["gone_at"] = time.time()
        self.boot.kill()
        self.boot.wait()

    def live(self) -> None:
        """Start, wait for the order to leave, then do what the story says."""
        self.start()
        self.up.set()
        while not (self.state / "leave").exists():
            time.sleep(0.02)
        if self.story.gone_after is None:
            return self.stay()
        time.sleep(self.story.gone_after)
        self.vanish()
        if self.story.back_after is None:
            return None
        time.sleep(self.story.back_after)
        self.start()
        self.seen["back_at"] = time.time()
        return self.stay()

    def stay(self) -> None:
        """--pdeathsig means the thread that started the process, so thread must live as long as the host."""
        assert self.boot is not None
        self.boot.wait()


def run(*argv: str) -> None:
    """Run a program that must succeed."""
    subprocess.run([*DIE_WITH_PARENT, *argv], check=True)


def answers(address: str) -> bool:
    """Tell whether an SSH server answers."""
    try:
        with socket.create_connection((address, 22), timeout=0.2) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def start_jump_host(directory: Path) -> None:
    """Start an sshd on this side of the cables, through which one host is reached."""
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    Path("/run/sshd").mkdir()
    argv = ["/usr/sbin/sshd", "-D", "-e", "-f", str(directory / "sshd_config"), "-o", "Port=2222"]
    subprocess.Popen([*DIE_WITH_PARENT, *argv, "-o", "ListenAddress=127.0.0.1"])
    while True:
        try:
            socket.create_connection(("127.0.0.1", 2222), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)


def main() -> None:
    """Start all hosts, run the playbook, tell what happened when."""
    directory = Path(sys.argv[1])
    (directory / "sshd_config").write_text(SSHD_CONFIG.format(directory=directory))
    run("ip", "link", "set", "lo", "up")
    start_jump_host(directory)
    hosts = [Host(story, number, directory) for number, story in enumerate(STORIES, start=1)]
    for host in hosts:
        host.plug_in()
        threading.Thread(target=host.live, daemon=True).start()
    for host in hosts:
        host.up.wait()
    playbook = [sys.executable, "-m", "ansible", "playbook", "-i", "inventory.yml", "playbook.yml"]
    done = subprocess.run([*DIE_WITH_PARENT, *playbook], cwd=directory, check=False)
    report = {"rc": done.returncode, "hosts": {host.story.name: host.seen for host in hosts}}
    (directory / "world.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
