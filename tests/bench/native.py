# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon a jump is known to have come about, at the speed of real hosts: ``python -m bench.jump --native``.

Hosts are network namespaces with a real sshd. They vanish as a kexec makes them vanish, and come back with another
boot. The module is the real one, and finds files of a host that was staged and handed over (rooted.py). What counts are
the seconds from the end of the outage to the end of the task. Needs root, and openssh-server.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.layout import ROOT

from .common import HERE, RESULTS, SETTINGS, keep, quartiles

ALONE, TOGETHER, BEHIND, BUILTIN = "alone", "together", "behind", "builtin"
TITLES = {
    ALONE: "`kexec_reboot`, alone",
    TOGETHER: "`kexec_reboot`, `wait: false`, and `kexec_await`",
    BEHIND: "`kexec_reboot`, behind a jump host",
    BUILTIN: "`ansible.builtin.reboot`",
}
OUTAGES = (5.0, 20.0, 60.0, 300.0)
EACH = 5
"""Hosts that go each way at once."""
APART = 1.0
"""Seconds by which the outage of each host is longer than of the one before: here they share the controller's cores,
which no real hosts do."""
SAID = ("outage_seconds", "timings", "probe", "elapsed")
"""What is kept of what tasks return."""
SPARE = 180.0  # seconds for everything beside the outage
MODULES = "ansible_collections/kho/kexec"

_REBOOT = "kho.kexec.kexec_reboot"
_TIMEOUT = 600
TASKS: dict[str, list[dict[str, Any]]] = {
    ALONE: [{"name": "Jump", _REBOOT: {"timeout": _TIMEOUT}}],
    TOGETHER: [
        {"name": "Leave", _REBOOT: {"timeout": _TIMEOUT, "wait": False}, "register": "left"},
        {"name": "Wait", "kho.kexec.kexec_await": {"registered": "left", "timeout": _TIMEOUT}, "run_once": True},
        {"name": "Jump", _REBOOT: {"timeout": _TIMEOUT, "left": "{{ left.left }}"}},
    ],
    BEHIND: [{"name": "Jump", _REBOOT: {"timeout": _TIMEOUT}}],
    BUILTIN: [
        {
            "name": "Jump",
            "ansible.builtin.reboot": {"reboot_command": "/usr/bin/touch /run/host/leave", "reboot_timeout": _TIMEOUT},
        }
    ],
}

SSH_CONFIG = """\
Host *
  IdentityFile {directory}/user_key
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
Host {behind}
  ProxyJump root@127.0.0.1:2222
"""


@dataclass(frozen=True)
class Late:
    """One jump: its way, how long the first host of its run was to be away (s), and how long this one was.

    ``seconds`` are those from the end of the outage to the end of the task. ``returned`` has what the task said.
    """

    way: str
    host: str
    shortest: float
    outage: float
    seconds: float
    returned: dict[str, Any]


class NativeError(Exception):
    """A jump did not end as it must."""


def hosts_of(outage: float, each: int, apart: float) -> list[dict[str, Any]]:
    """Return the hosts of one run, each way by turns. The first is away for ``outage`` seconds, others longer."""
    return [
        {"name": f"{way}{number}", "way": way, "outage": outage + apart * (number * len(TASKS) + at)}
        for number in range(each)
        for at, way in enumerate(TASKS)
    ]


def lay_out(directory: Path, hosts: Sequence[Mapping[str, Any]]) -> None:
    """Write what the world needs into ``directory``."""
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
    collection = directory / "collections" / MODULES
    shutil.copytree(ROOT / "plugins", collection / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    (collection / "meta").mkdir()
    shutil.copy(ROOT / "meta/runtime.yml", collection / "meta")
    shutil.copy(ROOT / "galaxy.yml", collection)
    rooted = (HERE / "rooted.py").read_text().partition("# --- what is appended")[2].partition("\n")[2]
    with (collection / "plugins/module_utils/_host/port.py").open("a") as port:
        port.write(f"\n\nfrom typing import Any\n\n{rooted}")
    addresses = {one["name"]: f"10.77.{number}.2" for number, one in enumerate(hosts, start=1)}
    behind = " ".join(addresses[one["name"]] for one in hosts if one["way"] == BEHIND) or "nobody"
    (directory / "ssh_config").write_text(SSH_CONFIG.format(directory=directory, behind=behind))
    (directory / "hosts.json").write_text(json.dumps(hosts))
    variables = {
        "ansible_user": "root",
        "ansible_ssh_common_args": f"-F {directory}/ssh_config",
        "ansible_python_interpreter": sys.executable,
        "ansible_remote_tmp": str(directory / "remote"),
    }
    for way, tasks in TASKS.items():
        known = {one["name"]: {"ansible_host": addresses[one["name"]]} for one in hosts if one["way"] == way}
        (directory / f"{way}.inventory.json").write_text(json.dumps({"all": {"hosts": known, "vars": variables}}))
        # A connection that is shared already, as in a play that has staged before.
        first = {"name": "Connect", "ansible.builtin.raw": "true"}
        play = {"hosts": "all", "gather_facts": False, "tasks": [first, *tasks]}
        (directory / f"{way}.playbook.json").write_text(json.dumps([play]))


def measure(outage: float, each: int, apart: float) -> list[Late]:
    """Have ``each`` hosts go each way at once, away for at least ``outage`` seconds. Raises NativeError."""
    hosts = hosts_of(outage, each, apart)
    with tempfile.TemporaryDirectory(prefix="bench-native-") as folder:
        directory = Path(folder)
        lay_out(directory, hosts)
        settings = {
            "ANSIBLE_COLLECTIONS_PATH": str(directory / "collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "ended",
            "ANSIBLE_FORKS": str(each),
            "ANSIBLE_HOME": str(directory / "home"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory / "cp"),
        }
        unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        argv = ["setpriv", "--pdeathsig", "KILL", *unshare, sys.executable, "-m", "bench.native_world", folder]
        subprocess.run(
            argv,
            env={**os.environ, **SETTINGS, **settings, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            timeout=outage + apart * len(hosts) + SPARE,
            check=True,
        )
        return list(_lateness(directory, hosts, outage))


def _lateness(directory: Path, hosts: Sequence[Mapping[str, Any]], shortest: float) -> Iterator[Late]:
    world = json.loads((directory / "world.json").read_text())
    for way in TASKS:
        path = directory / f"{way}.ended.jsonl"
        ended = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        if world["rc"][way] != 0 or any(one["failed"] for one in ended):
            raise NativeError(f"{way}: {ended}\n{(directory / f'{way}.log').read_text()}")
        begun = {one["name"]: world["hosts"][one["name"]] for one in hosts if one["way"] == way}
        # Those that are waited for together are asked when all are back.
        last = max(seen["back_at"] for seen in begun.values())
        for one in ended:
            seen = begun[one["host"]]
            since = last if way == TOGETHER else seen["back_at"]
            away = seen["back_at"] - seen["gone_at"]
            said = {key: one["returned"][key] for key in SAID if key in one["returned"]}
            yield Late(way, one["host"], shortest, away, one["at"] - since, said)


def render(found: Sequence[Late], outages: Sequence[float]) -> Iterator[str]:
    """Yield the lines of a table: median and worst of each way, for each outage and for all."""
    yield f"| way | {' | '.join(f'{outage:g} s' for outage in outages)} | all |"
    yield "|---" * (len(outages) + 2) + "|"
    for way, title in TITLES.items():
        groups = [[one.seconds for one in found if (one.way, one.shortest) == (way, outage)] for outage in outages]
        yield f"| {title} | {' | '.join(map(_cell, [*groups, sum(groups, [])]))} |"


def _cell(seconds: Sequence[float]) -> str:
    """Return the median and the worst; a dash where nothing was measured."""
    return f"{quartiles(seconds)[1]:.2f}, {max(seconds):.2f}" if seconds else "-"


def main(outages: Sequence[float], each: int = EACH, apart: float = APART) -> int:
    """Measure, keep everything in build/bench/, print the table."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    load, found = os.getloadavg(), []
    for outage in outages:
        found += measure(outage, each, apart)
        print(f"outage of {outage:g} s: measured", file=sys.stderr, flush=True)
    print("\n".join(render(found, outages)))
    data = {"each": each, "apart": apart, "late": [asdict(one) for one in found]}
    print(f"median, worst, in seconds; raw data: {keep('native', data, load)}")
    return 0
