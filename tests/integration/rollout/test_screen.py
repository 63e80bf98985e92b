# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback rollout beside Ansible's own output: on a terminal, in a pipe, and when it is interrupted."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SCHEMA = json.loads((ROOT / "docs/reference/rollout_results.schema.json").read_text(encoding="utf-8"))
ROWS, COLUMNS = 40, 120
CTRL_C = b"\x03"

# Three waves: 1, 2, and all others.
BAD_DAY: dict[str, dict[str, Any]] = {
    "web1": {},
    "web2": {"seconds": 0.5},
    "web3": {"target": "there"},
    "主机": {"hook": False},
    "db1": {"verdict": "unreachable"},
    "db2": {"target": "refused"},
    "db3": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1},
}
OUTCOMES = {
    **{"web1": "done", "web2": "done", "web3": "done", "主机": "rolled_back"},
    **{"db1": "unknown", "db2": "failed", "db3": "failed"},
}


class Rollout:
    """A controller in a directory of its own."""

    def __init__(self, directory: Path, hosts: dict[str, dict[str, Any]]) -> None:
        self.results = directory / "results"
        self.directory = directory
        collection = directory / "collections/ansible_collections/kho/kexec/plugins"
        (collection / "modules").mkdir(parents=True)
        for part in ("callback", "plugin_utils", "module_utils"):
            (collection / part).symlink_to(ROOT / "plugins" / part)
        for name in ("kexec_image", "kexec_reboot"):
            (collection / f"modules/{name}.py").symlink_to(HERE / f"stand_in/{name}.py")
        (collection / "modules/kexec_commit.py").symlink_to(HERE / "stand_in/obliging.py")
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": str(directory / "remote"),
            **{"target": "staged", "verdict": "handover_verified", "seconds": 0, "hook": True},
        }
        (directory / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
        self.argv = [sys.executable, "-m", "ansible", "playbook", "-i", "inventory.yml", str(HERE / "screen.yml")]
        self.environment = {
            **{key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "ANSIBLE_NOCOLOR")},
            "ANSIBLE_COLLECTIONS_PATH": str(directory / "collections"),
            "ANSIBLE_CALLBACKS_ENABLED": "kho.kexec.rollout",
            "ANSIBLE_HOME": str(directory / "home"),
            "KHO_KEXEC_ROLLOUT_RESULTS_DIRECTORY": str(self.results),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }

    def in_pipe(self, *arguments: str) -> str:
        """Run it without a terminal, and return what it printed."""
        done = subprocess.run(
            [*self.argv, *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        print(done.stdout)
        return done.stdout

    def on_terminal(self, interrupt_when: Callable[[str], bool] = lambda _text: False) -> str:
        """Run it on a terminal, press Ctrl-C when it has printed what is asked for, and return all that it printed."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.directory)
            os.execve(self.argv[0], self.argv, self.environment)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        seen, interrupted, deadline = b"", False, time.monotonic() + 120
        try:
            while chunk := read(terminal, deadline):
                seen += chunk
                if not interrupted and interrupt_when(seen.decode(errors="replace")):
                    os.write(terminal, CTRL_C)
                    interrupted = True
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)
        text = seen.decode()
        print(text)
        return text

    def document(self) -> dict[str, Any]:
        """Return the results, which follow their schema."""
        (path,) = self.results.glob("*.json")
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(results, SCHEMA)
        assert path.with_suffix(".html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
        return results

    def outcomes(self) -> dict[str, str]:
        return {host["name"]: host["outcome"] for host in self.document()["hosts"]}


def read(terminal: int, deadline: float) -> bytes:
    """Return what came next; nothing once the other side is closed."""
    ready = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
    assert ready[0], "it takes too long"
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def lines_of(text: str) -> list[str]:
    """Return the lines of the callback without the times in them."""
    return [re.sub(r" \[\d+:\d\d:\d\d\]", "", line) for line in text.splitlines() if line.startswith("rollout [")]


def table_of(text: str) -> str:
    return text.split("KERNEL ROLLOUT")[1]


def assert_left_as_it_was(text: str) -> None:
    """Nothing of the bar stays on the terminal."""
    regions = re.findall(r"\x1b\[[\d;]*r", text)
    assert regions[0] == f"\x1b[1;{ROWS - 1}r"
    assert regions[-1] == "\x1b[r"
    wiped = text.rindex(f"\x1b[{ROWS};1H\x1b[2K")
    assert "wave " not in text[wiped : text.index("KERNEL ROLLOUT")]
    assert text.count("\x1b7") == text.count("\x1b8")
    assert "\x1b[?25l" not in text, "the cursor is never hidden"


def test_pipe_gets_plain_lines_and_files_the_results(tmp_path: Path) -> None:
    rollout = Rollout(tmp_path, BAD_DAY)
    text = rollout.in_pipe()
    assert "\x1b" not in text
    lines = lines_of(text)
    assert "rollout wave 1/3 begins, 1 host: 0 done, 0 failed, 1 in flight, 6 untouched, ? left" in lines
    assert [line for line in lines if "web2" in line] == [
        "rollout web2: staged, 7.2.13-kho to 7.3.4-kho by handover",
        "rollout web2: leaves 7.2.13-kho",
        "rollout web2: handover_verified, outage 8.3 s",
        "rollout web2: committed",
    ]
    assert {
        "rollout db1: unreachable, NOT accepted, outage 8.3 s",
        "rollout db3: lost, Ansible cannot reach it",
    } <= set(lines)
    assert not [line for line in lines if re.search(r"db[23]: (failed|leaves|refused)", line)], (
        "each failure is told once"
    )
    assert [line for line in lines if "??: " in line][-3:] == [
        "rollout ??: leaves 7.3.4-kho",
        "rollout ??: rolled back to 7.2.13-kho, outage 8.3 s",
        "rollout ??: committed",
    ]
    assert "The rollout came to its end after " in table_of(text)
    assert re.search(r"^  rolled back     1  \?\?$", table_of(text), re.MULTILINE)
    assert rollout.outcomes() == OUTCOMES
    assert rollout.document()["run"]["state"] == "finished"


def test_terminal_gets_a_bar_and_is_left_as_it_was(tmp_path: Path) -> None:
    hosts: dict[str, dict[str, Any]] = {
        "web1": {"target": "there"},
        "主机": {},
        "db2": {"target": "refused"},
        "web3": {},
    }
    rollout = Rollout(tmp_path, hosts)
    text = rollout.on_terminal()
    assert_left_as_it_was(text)
    bars = re.findall(r"\x1b\[2K(wave \d/3 \[[█░]+\] [^\x1b]*)\x1b8", text)
    assert bars[0].endswith("0 done, 0 failed, 1 in flight, 3 untouched, ? left")
    assert re.search(r"2 done, 1 failed, 0 in flight, 1 untouched, ~\d+ s left$", bars[-1])
    assert not [line for line in lines_of(text) if "wave" in line]
    assert re.search(r"^  done +2  web1 主机", table_of(text), re.MULTILINE)
    assert rollout.outcomes() == {"web1": "done", "主机": "done", "db2": "failed", "web3": "untouched"}
    assert rollout.document()["run"]["state"] == "stopped"


def test_ctrl_c_says_where_every_host_is(tmp_path: Path) -> None:
    hosts: dict[str, dict[str, Any]] = {"web1": {}, "web2": {"seconds": 60}, "web3": {"target": "there"}, "web4": {}}
    rollout = Rollout(tmp_path, hosts)
    # Not at once: Ansible may miss a Ctrl-C at the moment in which it starts a worker.
    text = rollout.on_terminal(lambda seen: seen.partition("web2: leaves")[2].count("wave 2/3") >= 3)
    assert_left_as_it_was(text)
    said = table_of(text)
    assert re.search(r"The rollout was interrupted after 0:\d\d:\d\d, in wave 2 of 3\.", said)
    for word, host in (("unknown", "web2"), ("untouched", "web4")):
        assert re.search(rf"^  {word} +1  {host}\b", said, re.MULTILINE)
    assert re.search(r"^  done +2  web1 web3\b", said, re.MULTILINE)
    assert "The same command goes on from here" in said
    assert rollout.outcomes() == {"web1": "done", "web2": "unknown", "web3": "done", "web4": "untouched"}
    assert rollout.document()["run"]["state"] == "interrupted"


def test_quiet(tmp_path: Path) -> None:
    rollout = Rollout(tmp_path, {"web1": {}})
    rollout.environment |= {"KHO_KEXEC_ROLLOUT_EVENTS": "false", "KHO_KEXEC_ROLLOUT_PROGRESS": "none"}
    text = rollout.in_pipe()
    assert lines_of(text) == []
    assert "handover_verified: 1" in table_of(text)
    assert rollout.document()["run"]["state"] == "finished"


def test_check_mode_touches_nobody(tmp_path: Path) -> None:
    rollout = Rollout(tmp_path, {"web1": {}, "db2": {"target": "refused"}})
    text = rollout.in_pipe("--check")
    assert not [line for line in lines_of(text) if "wave" not in line]
    assert "KERNEL ROLLOUT (PLAN)" in text
    results = rollout.document()
    assert results["run"]["check_mode"]
    assert rollout.outcomes() == {"web1": "untouched", "db2": "failed"}
