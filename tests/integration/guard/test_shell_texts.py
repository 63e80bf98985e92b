# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every other text for a shell that the collection puts on a host, run by each shell that a host may have.

The kernel's files of numbers answer only the first read, and shells read byte by byte: what a shell may read by itself
is tried on the real file.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._guard.files import PROGRAM
from ansible_collections.kho.kexec.plugins.module_utils._transition.leave import IF_STOPPING
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.session import BOOT_ID_PATH, boot_id_command

ROOT = Path(__file__).resolve().parents[3]
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
# "read NAME < FILE", and whatever else takes one of the kernel's files for its input.
INPUT = re.compile(r"<\s*\"?(/(?:proc|sys)/[\w./-]+)")
SHELL_TEXT = re.compile(r"#!/bin/sh|[\"']sh[\"'], [\"']-c[\"']|ansible\.builtin\.(?:shell|raw)|\.run_command\(")


def sources():
    folders = ("plugins", "roles", "playbooks")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return {path: path.read_text("utf-8") for path in paths if path.suffix in {".py", ".yml", ".j2", ".sh"}}


@pytest.fixture(params=SHELLS)
def shell(request):
    return SHELLS[request.param]


def output_of(argv, **environment):
    environment.setdefault("PATH", "/usr/bin:/bin")
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout


def test_there_are_no_more_shell_texts_than_are_run_here():
    found = {path.relative_to(ROOT / "plugins") for path, text in sources().items() if SHELL_TEXT.search(text)}
    assert {str(path) for path in found} == {
        "module_utils/_guard/files.py",
        "module_utils/_transition/leave.py",
        "plugin_utils/_jump/session.py",
    }


def test_shells_read_no_other_of_the_kernels_files_by_themselves():
    found = {file for text in sources().values() for file in INPUT.findall(text)}
    assert found == set(INPUT.findall(PROGRAM)) == {BOOT_ID_PATH, "/proc/sys/kernel/osrelease"}


@pytest.mark.parametrize("file", sorted(set(INPUT.findall(PROGRAM))))
def test_what_a_shell_reads_by_itself_is_the_whole_file(shell, file):
    read = f'read -r text < {file} || exit 1; printf "%s\\n" "$text"'
    assert output_of([*shell, "-c", read]) == (0, Path(file).read_text())


def test_the_boot_id_that_the_controller_asks_for(shell):
    assert output_of([*shell, "-c", boot_id_command()]) == (0, Path(BOOT_ID_PATH).read_text())


@pytest.mark.parametrize(
    ("state", "insists"),
    [("stopping", True), ("running", False), ("degraded", False), ("", False), ("stopping\nx", False)],
)
def test_only_a_host_that_is_going_down_is_forced(tmp_path, shell, state, insists):
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\n[ \"$1\" = is-system-running ] && printf '%s\\n' '{state}'\nexit 1\n")
    systemctl.chmod(0o755)
    script, *words = IF_STOPPING[2:]
    code, said = output_of([*shell, "-c", script, *words, "echo", "a b", "--force"], PATH=f"{tmp_path}:/usr/bin:/bin")
    assert (code, said) == (0, "a b --force\n" if insists else "")
