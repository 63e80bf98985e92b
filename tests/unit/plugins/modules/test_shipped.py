# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the core Ansible sends to a host with a module, which has to compile all of it at each task."""

from __future__ import annotations

import base64
import io
import json
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


# What is sent with a module, and read only where there is something to do for it.
NOT_READ = {
    # There must be a jump to judge.
    "kexec_image": (
        "_transition.verify",
        "_transition.verdict",
        "_transition.call_off",
        "_health.compare",
        "_health.watch",
    ),
    # The kernel must have complained about something new.
    "kernel_health_info": ("_history.cold", "_history.read", "_history.journal"),
    # The host must be about to be left.
    "kexec_reboot": ("_host.busy", "_transition.leave", "_transition.verify"),
}


def after_import_of(module, before, found):
    """Return what the expression ``found`` is in a new Python that has run ``before`` and read the module."""
    asks = f"{before}; import ansible_collections.kho.kexec.plugins.modules.{module}; print(json.dumps({found}))"
    done = subprocess.run(
        [sys.executable, "-c", f"import json, re, sys; {asks}"],
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", NOT_READ)
def test_code_that_is_not_needed_is_not_read(module):
    names = [CORE.replace("/", ".") + name for name in NOT_READ[module]]
    assert after_import_of(module, "pass", f"[name for name in {names} if name in sys.modules]") == []


def test_a_plan_needs_no_code_that_changes_the_host():
    found = after_import_of("kexec_plan_info", "pass", "sorted(sys.modules)")
    read = {name.rpartition("module_utils.")[2] for name in found if "kho.kexec" in name}
    assert "_transition.preview" in read
    assert not {"_transition.stage", "_transition.load", "_guard.arm", "_health.observe"} & read


@pytest.mark.parametrize(
    "module", sorted({*NOT_READ, "kexec_history_info", "kexec_prepare_info", "kexec_verdict_info"})
)
def test_no_expression_is_compiled_before_it_is_used(module):
    before = "asked = []; made = re.compile; re.compile = lambda *args: asked.append(sys._getframe(1)) or made(*args)"
    found = after_import_of(module, before, "[frame.f_globals['__name__'] for frame in asked]")
    assert [name for name in found if "kho.kexec" in name] == []
