# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a module's main() as ansible-core does, in a process of its own, but on a host made of a directory."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, Tuple

from ansible_collections.kho.kexec.plugins.plugin_utils._common.answers import ANSWERS
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import understood
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import KexecHost

NOT_KEPT = {"invocation", "exception", "deprecations", "warnings"}
# What only the host's half of the jump tells, to who runs it by hand.
OF_THE_JUMP = {"boot_id", "release", "triggered", "running", "transition"}
MODULES = "ansible_collections.kho.kexec.plugins.modules."


def run_module(name: str, root: Path, **arguments: Any) -> Tuple[int, Dict[str, Any]]:
    """Return the exit code and the result of the module on the host below ``root``."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, name, str(root)],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    result: Dict[str, Any] = json.loads(done.stdout)
    assert_understood(name, result)
    return done.returncode, result


def assert_understood(name: str, result: Dict[str, Any]) -> None:
    """The controller lets in what is described, and nothing else: so all of an honest answer has to be."""
    if name not in ANSWERS:
        return
    kept, dropped = understood(name, result), NOT_KEPT | (OF_THE_JUMP if name == "kexec_reboot" else set())
    lost = {key: value for key, value in result.items() if key not in dropped and kept.get(key) != value}
    assert not lost, lost


def _main() -> None:
    module: Any = import_module(MODULES + sys.argv[1])
    root = Path(sys.argv[2])
    module.LocalHost = lambda: KexecHost(root)
    del sys.argv[1:]  # ansible-core would take them for the module's arguments
    module.main()


if __name__ == "__main__":
    _main()
