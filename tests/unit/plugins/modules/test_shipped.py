# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the core Ansible sends to a host with a module, which has to compile all of it at each task."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.layout import COLLECTIONS

CORE = "ansible_collections/kho/kexec/plugins/module_utils/"
# The archive is the one long text in the program that Ansible sends.
ARCHIVE = re.compile(r"[A-Za-z0-9+/=]{2000,}")


def shipped(module, folder):
    """Return the files of the core in what is sent for a module; it is given an option that it refuses."""
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_REMOTE_TMP": str(folder / "remote"),
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
    }
    ansible = Path(sys.executable).parent / "ansible"
    argv = [ansible, "localhost", "--connection", "local", "--check", "--module-name", f"kho.kexec.{module}"]
    done = subprocess.run(
        [*argv, "--args", "no_such_option=1"], env=settings, capture_output=True, text=True, timeout=120, check=False
    )
    assert "FAILED" in done.stdout, done
    (program,) = (folder / "remote").rglob("AnsiballZ_*.py")
    (packed,) = ARCHIVE.findall(program.read_text(encoding="utf-8"))
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed))) as archive:
        names = [name for name in archive.namelist() if name.startswith(CORE)]
    return [name for name in names if not name.endswith("/__init__.py")]


@pytest.mark.parametrize(("module", "most"), [("kernel_arguments", 30), ("kexec_commit", 50), ("kho_facts", 20)])
def test_core_files_that_are_sent(module, most, tmp_path):
    found = shipped(module, tmp_path)
    assert 0 < len(found) <= most, "\n".join(found)


# What judges a jump, and the health after it, is sent with kexec_image and read only where there is something to judge.
JUDGES = ("_transition.verify", "_transition.verdict", "_transition.call_off", "_health.compare", "_health.watch")


def test_code_that_is_not_needed_to_stage_is_not_read():
    asks = (
        "import sys; import ansible_collections.kho.kexec.plugins.modules.kexec_image;"
        "print([name for name in sys.argv[1:] if name in sys.modules])"
    )
    names = [CORE.replace("/", ".") + name for name in JUDGES]
    done = subprocess.run(
        [sys.executable, "-c", asks, *names],
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"
