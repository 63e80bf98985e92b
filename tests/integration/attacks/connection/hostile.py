# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that answer what an attacker would: a module is made and sent, nobody runs it, and the answer is a file's.

The file is JSON: by the name of the module, or of the phase of kexec_reboot, the text that the host prints. A host
whose file has no text for a question answers as hosts do that go well.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: hostile
short_description: Hosts that answer what an attacker would
description: For tests. Calls itself ssh, since kexec_reboot asks for that.
options:
  host: {description: Its address., vars: [{name: ansible_host}]}
  port: {description: A port that is closed., type: int, default: 1, vars: [{name: ansible_port}]}
  remote_user: {description: Not used., vars: [{name: ansible_user}]}
  timeout: {description: Not used., type: int, default: 10}
  reconnection_retries: {description: Not used., type: int, default: 0}
  ssh_args: {description: Given to ssh -G., default: "-F none"}
  ssh_common_args: {description: Given to ssh -G., default: ""}
  ssh_extra_args: {description: Given to ssh -G., default: ""}
  ssh_executable: {description: Not there; only this plugin reaches the host., default: /nonexistent/ssh}
  answers: {description: The file with the answers., vars: [{name: attack_answers}]}
  state: {description: A directory for what the host remembers., vars: [{name: attack_state}]}
"""

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
BOOT_IDS = ("0a0a0a0a-0000-4000-8000-000000000001", "0b0b0b0b-0000-4000-8000-000000000002")
PROMISE = {"how": "handover", "release": NEW, "previous_release": OLD, "kexec_count": 1, "abi": "kho-v4"}
VERDICT = {
    "verdict": "handover_verified",
    "accepted": True,
    "reason": None,
    "message": "It runs.",
    "promised": PROMISE,
    "reported": {**PROMISE, "boot": "handover", "boot_id": BOOT_IDS[1]},
    "evidence": {"boot_id_left": BOOT_IDS[0], "release_left": OLD, "boot_id_found": BOOT_IDS[1], "notes": []},
}
GOOD: dict[str, dict[str, Any]] = {
    "kexec_image": {
        "running": {"release": OLD},
        "target": {"release": NEW},
        "plan": {"action": "handover", "promise": PROMISE, "reasons": [], "warnings": []},
        "transition": None,
        "uncommitted": False,
        "notes": [],
        "guard": {"armed": True, "notes": []},
    },
    "kexec_plan_info": {
        "running": {"release": OLD},
        "candidates": [],
        "target": {"release": NEW},
        "plan": {"action": "handover", "promise": PROMISE, "reasons": [], "warnings": []},
        "transition": None,
    },
    "kexec_guard": {"armed": True, "notes": []},
    "kexec_commit": {"release": NEW, "notes": []},
    "kexec_history_info": {"host_boots": [], "crashes": [], "cursor": None, "notes": []},
    "kexec_prepare_info": {"ready": True, "missing": [], "packages": [], "arguments": [], "notes": []},
    "kexec_verdict_info": {"running": {"release": OLD}, "verdict": None, "transition": None, "notes": []},
    "kernel_health_info": {"healthy": True, "troubles": [], "notes": []},
    "kho_facts": {"ansible_facts": {"kho": {"release": OLD, "boot": "cold", "notes": []}}},
    "leave": {"promise": PROMISE, "already_left": False, "guard": None},
    "verify": {"verdict": VERDICT, "commit": {"release": NEW, "notes": []}},
}
MODULE = re.compile(rb"plugins[./]modules[./](\w+)|ansible[./]modules[./](\w+)")
# What Ansible has a host make for the files of a job.
DIRECTORY = re.compile(r"ansible-tmp-[\d.-]+")
PHASE = re.compile(rb"phase\W+(leave|verify)")


class Connection(ConnectionBase):  # type: ignore[misc]  # ansible-core has no types
    """A host whose words come from a file."""

    transport = "ssh"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        if in_data is None and "async_wrapper" not in cmd:
            made = DIRECTORY.search(cmd)
            if made is not None:
                return 0, f"{made[0]}=/nonexistent/{made[0]}".encode(), b""
            return 0, BOOT_IDS[self._left()].encode() if "boot_id" in cmd else b"", b""
        asked = "async_wrapper" if in_data is None else self._asked(in_data)
        answers = json.loads(Path(str(self.get_option("answers"))).read_text(encoding="utf-8"))
        said = answers.get(asked) or json.dumps({"changed": True, **GOOD.get(asked, {})})
        with (self._folder() / "asked").open("a", encoding="utf-8") as stream:
            stream.write(f"{asked}\n")
        return 0, said.encode("utf-8", "surrogatepass"), b""

    def _asked(self, payload: bytes) -> str:
        found = MODULE.search(payload)
        assert found is not None
        name = (found[1] or found[2]).decode()
        if name != "kexec_reboot":
            return name
        phase = PHASE.search(payload)
        assert phase is not None
        if phase[1] == b"leave":
            (self._folder() / "left").touch()
        return phase[1].decode()

    def _left(self) -> bool:
        return (self._folder() / "left").exists()

    def _folder(self) -> Path:
        folder = Path(str(self.get_option("state")))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def put_file(self, in_path: str, out_path: str) -> None:
        """Files are sent for jobs in the background alone, and nobody looks at them."""

    def fetch_file(self, in_path: str, out_path: str) -> None:
        del in_path, out_path
        raise AnsibleConnectionFailure("a simulated host keeps no files")

    def reset(self) -> None:
        """There is nothing to close."""

    def close(self) -> None:
        self._connected = False
