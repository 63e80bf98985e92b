# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/reference/screen.md: what a terminal shows of a rollout that goes well, one that stops, and one refused.

The shipped playbook runs in a terminal of tmux, with the newest ansible-core that is installed here, over hosts that a
connection plugin of the tests answers for.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integration.attacks.connection.hostile import OLD

from tools import environments
from tools.layout import COLLECTIONS, ROOT

PAGE = ROOT / "docs" / "reference" / "screen.md"
COLUMNS, ROWS = 120, 50
LIMIT = 60
COMMAND = "ansible-playbook -i inventory.yml kho.kexec.kexec_upgrade"
HOSTS = ("web1", "web2", "web3")

WHY = (
    "Kexec is switched off on this host (kernel.kexec_load_disabled is 1), and cannot be switched on in this boot. "
    "Without it no kernel can be loaded. Remove the setting and cold-boot. (docs/reference/codes.md#kexec_disabled)"
)
REFUSED = {
    "failed": True,
    "code": "kexec_disabled",
    "msg": WHY,
    "running": {"release": OLD},
    "plan": {"action": "refuse", "promise": None, "reasons": [{"code": "kexec_disabled", "message": WHY}]},
}
BUSY = {
    "failed": True,
    "code": "packages_locked",
    "msg": "Packages are being installed on this host (apt, process 4711), and a jump now would leave them half "
    "installed. Wait until it has ended, or set kexec_upgrade_busy_timeout. (docs/reference/codes.md#packages_locked)",
    "rebooted": False,
}
STORIES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "It goes well": ("Three hosts, in two waves. The exit code is 0.", {}),
    "It stops": (
        "On the first host somebody began to install packages, so it did not leave. Its target is unloaded, and the "
        "two hosts of the last wave were not touched. The exit code is 2.",
        {"web1": {"leave": BUSY}},
    ),
    "A host is refused": (
        "The first host cannot be upgraded, and is left as it is. The gate ends the rollout after its wave. The exit "
        "code is 2.",
        {"web1": {"kexec_image": REFUSED}},
    ),
}
INTRODUCTION = """\
# What the terminal shows

Three rollouts of three hosts with the callback `rollout`, as a terminal of {columns} columns shows them at the end.
While they run, the last row of the terminal is a bar. The hosts are stand-ins, and wait for nothing: their outages are
not those of real hosts. `tests/pages/terminal.py` makes this page.
[Exit codes](exit_codes.md) are the same for scripts.
"""


def tell(folder: Path, programs: Path, answers: Mapping[str, Any]) -> str:
    """Run the playbook in a terminal, and return what it shows at the end."""
    known = {}
    for host in HOSTS:
        file = folder / f"{host}.json"
        file.write_text(json.dumps({name: json.dumps(said) for name, said in answers.get(host, {}).items()}))
        known[host] = {"attack_answers": str(file), "attack_state": str(folder / "state" / host)}
    common = {
        "ansible_connection": "hostile",
        "ansible_host": "127.0.0.1",
        "ansible_python_interpreter": "/usr/bin/python3",
        "kexec_upgrade_waves": [1, "100%"],
    }
    (folder / "inventory.yml").write_text(json.dumps({"all": {"hosts": known, "vars": common}}))
    settings = {
        "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests/integration/attacks/connection"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CALLBACKS_ENABLED": "kho.kexec.rollout",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    return capture(folder, settings)


def capture(folder: Path, settings: Mapping[str, str]) -> str:
    """Return what a terminal of tmux shows once the command has ended. Raises TimeoutError, and FileNotFoundError."""
    tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
    exported = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
    script = f"cd {shlex.quote(str(folder))}; env {exported} {COMMAND}; touch ended; sleep {LIMIT}"
    start = ["set-option", "-g", "history-limit", "20000", ";"]
    start += ["new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), script]
    subprocess.run([*tmux, *start], check=True, env={**os.environ, "LC_ALL": "C.UTF-8", "TMUX": ""})
    try:
        deadline = time.monotonic() + LIMIT
        while not (folder / "ended").exists():
            if time.monotonic() > deadline:
                raise TimeoutError("the playbook does not end")
            time.sleep(0.5)
        whole = [*tmux, "capture-pane", "-p", "-J", "-S", "-"]
        return subprocess.run(whole, check=True, stdout=subprocess.PIPE, text=True).stdout
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


def tidy(text: str, folder: Path) -> str:
    """Return the text without paths of this machine, in lines that are as long as the terminal has columns."""
    installed = "~/.ansible/collections/ansible_collections"
    known = {COLLECTIONS / "ansible_collections": installed, ROOT: f"{installed}/kho/kexec", folder: "~/fleet"}
    for path, name in known.items():
        text = text.replace(str(path), name)
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return "\n".join(part for line in lines for part in (re.findall(f".{{1,{COLUMNS}}}", line) or [""]))


def main() -> int:
    """Write the page."""
    made = next(found for core in reversed(environments.CORES) if (found := environments.for_core(core).environment))
    parts = [INTRODUCTION.format(columns=COLUMNS)]
    for title, (meaning, answers) in STORIES.items():
        with tempfile.TemporaryDirectory(prefix="kho-") as name:
            text = tidy(tell(Path(name), made.folder / "bin", answers), Path(name))
        parts.append(f"\n## {title}\n\n{meaning}\n\n```text\n$ {COMMAND}\n{text}\n```\n")
    PAGE.write_text("".join(parts), encoding="utf-8")
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
