# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that cost nothing, so what is measured is the controller: modules are made and sent, and nobody runs them.

A simulated host answers at once with what the module would return on a host that goes well. It is away for
BENCH_AWAY seconds after it was told to leave; a file in BENCH_STATE keeps when that was, with a line
for each time. From then on, it is where it should be. What it is asked for a verdict or a commit with is kept in
BENCH_ASKED.
One that has a file there whose name ends with .dies has a new kernel with a fault, and one with .complains one that
complains, which only their history tells.
"""

from __future__ import annotations

import json
import os
import re
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: simulated
short_description: Hosts that answer at once, for benchmarks of the controller
description: Answers as hosts do that are upgraded without trouble. Calls itself ssh, since kexec_reboot asks for that.
options:
  host:
    description: The address, which is the host's own in the loopback network.
    vars: [{name: ansible_host}]
  port:
    description: The port of the server of banners.
    type: int
    vars: [{name: ansible_port}]
  remote_user: {description: Not used., vars: [{name: ansible_user}]}
  timeout: {description: Not used., type: int, default: 10}
  reconnection_retries: {description: Not used., type: int, default: 0}
  ssh_args: {description: Given to ssh -G., default: "-F none"}
  ssh_common_args: {description: Given to ssh -G., default: ""}
  ssh_extra_args: {description: Given to ssh -G., default: ""}
  ssh_executable: {description: Called with -G., default: ssh}
"""

OLD, NEW = "7.2.13-kho", "7.3.4-kho"
MONTH = 30 * 86400
BOOT_IDS = ("0a0a0a0a-0000-4000-8000-000000000001", "0b0b0b0b-0000-4000-8000-000000000002")
PROMISE = {"how": "handover", "release": NEW, "previous_release": OLD, "kexec_count": 1, "abi": "kho-v4"}
VERDICT = {
    "verdict": "handover_verified",
    "accepted": True,
    "reason": None,
    "message": f"{NEW} runs and reports, as promised, that it was executed from {OLD} (count 1).",
    "promised": PROMISE,
    "reported": {**PROMISE, "boot": "handover", "boot_id": BOOT_IDS[1]},
    "evidence": {"boot_id_left": BOOT_IDS[0], "boot_id_found": BOOT_IDS[1], "source": "debugfs", "notes": []},
}
COMPLAINT = {"code": "iommu_fault", "signature": "DMAR: [DMA Write] Request device [#] fault addr #"}
LEAVES = {"promise": PROMISE, "already_left": False, "triggered": True, "guard": {"confirm_timeout": 3600}}
ANSWERS: dict[str, dict[str, Any]] = {
    "kexec_image": {
        "running": {"release": OLD},
        "target": {"release": NEW},
        "plan": {"action": "handover", "promise": PROMISE, "reasons": [], "warnings": []},
        "transition": None,
        "uncommitted": False,
        "notes": [],
        "guard": {"armed": True, "notes": []},
    },
    "kexec_commit": {"release": NEW, "notes": []},
    "ping": {"ping": "pong"},
    "leave": LEAVES,
    "verify": {"verdict": VERDICT, "commit": {"release": NEW, "notes": []}},
}
ALREADY = {
    **ANSWERS["kexec_image"],
    "running": {"release": NEW},
    "plan": {"action": "none", "promise": None, "reasons": [], "warnings": []},
}
MODULE = re.compile(rb"plugins[./]modules[./](\w+)|ansible\.modules\.(\w+)")
PHASE = re.compile(rb"phase\W+(leave|verify)\b")


class Connection(ConnectionBase):  # type: ignore[misc]  # ansible-core has no types
    """A host that goes well."""

    transport = "ssh"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        boot = boot_of(self._left_at())
        if boot is None:
            raise AnsibleConnectionFailure("Connection timed out")
        if in_data is None:
            return 0, BOOT_IDS[boot].encode() if "boot_id" in cmd else b"", b""
        asked = self._asked(in_data)
        if asked in ("verify", "kexec_commit") and "BENCH_ASKED" in os.environ:
            Path(os.environ["BENCH_ASKED"], str(self.get_option("host"))).write_bytes(in_data)
        if asked == "kexec_history_info":
            dies, complains = (Path(f"{self._state()}.{way}").exists() for way in ("dies", "complains"))
            return 0, json.dumps(history_of(self._left_at(), dies, complains)).encode(), b""
        answer = ALREADY if asked == "kexec_image" and boot == 1 else ANSWERS[asked]
        return 0, json.dumps({"changed": answer is not ALREADY, **answer}).encode(), b""

    def _asked(self, payload: bytes) -> str:
        found = MODULE.search(payload)
        assert found is not None
        name = (found[1] or found[2]).decode()
        if name != "kexec_reboot":
            return name
        phase = PHASE.search(payload)
        assert phase is not None
        if phase[1] == b"leave":
            with self._state().open("a") as state:
                state.write("left\n")
        return phase[1].decode()

    def _state(self) -> Path:
        return Path(os.environ["BENCH_STATE"], str(self.get_option("host")))

    def _left_at(self) -> float | None:
        try:
            return self._state().stat().st_mtime
        except OSError:
            return None

    def put_file(self, in_path: str, out_path: str) -> None:
        del in_path, out_path
        raise AnsibleConnectionFailure("a simulated host keeps no files")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        del in_path, out_path
        raise AnsibleConnectionFailure("a simulated host keeps no files")

    def reset(self) -> None:
        """There is nothing to close."""

    def close(self) -> None:
        self._connected = False


def history_of(left_at: float | None, dies: bool, complains: bool) -> dict[str, Any]:
    """Return what a host's journal tells, which ran for a month before it left its kernel, without a complaint."""
    first: dict[str, Any] = {
        **{"boot_id": BOOT_IDS[0], "release": OLD, "previous_release": None, "kexec_count": 0, "boot": "cold"},
        **{"begin": moment(time.time() - MONTH), "end": None, "ending": "running", "evidence": []},
        "troubles": [],
    }
    told: dict[str, Any] = {"changed": False, "host_boots": [first], "crashes": [], "cursor": "s=1", "notes": []}
    if left_at is None:
        return told
    begin = moment(left_at + float(os.environ["BENCH_AWAY"]))
    kernel = {"boot_id": BOOT_IDS[1], "release": NEW, "previous_release": OLD, "kexec_count": 1}
    troubles = [COMPLAINT] if complains else []
    ending = {"end": None, "ending": "running", "evidence": [], "troubles": troubles}
    new = {**kernel, "boot": "handover", "begin": begin, **ending}
    told["host_boots"] = [{**first, "end": moment(left_at), "ending": "clean"}, new]
    if dies:
        fault = {"kind": "oops", "fatal": False, "at": begin, "frames": ["nvme_reset_work"], "source": "journal"}
        told["crashes"] = [
            {**kernel, **fault, "signature": "9f86d081884c7d65", "bug": "5e6f7a8b9c0d1e2f", "message": "Oops"}
        ]
    return told


def moment(seconds: float) -> str:
    """Return a time as modules write it."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def boot_of(left_at: float | None) -> int | None:
    """Return the number of the boot that runs, None for a host that is away. It goes half a second after its answer."""
    since = None if left_at is None else time.time() - left_at - 0.5
    if since is None or since < 0:
        return 0
    return 1 if since > float(os.environ["BENCH_AWAY"]) else None
