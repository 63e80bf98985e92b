# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users put beside dumps of crashes, and names that forge crashes, before the real module, on each core.

It runs in a user namespace with a ``/var`` of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from integration.cores import CORES

from ansible_collections.kho.kexec.tests.unit.support.names import forged
from tools.layout import COLLECTIONS

PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - kho.kexec.kexec_history_info: {time_limit: 20}
      register: found
    - ansible.builtin.debug:
        msg: "TOLD={{ [found.crashes | map(attribute='kind'), found.notes | map(attribute='code')] | to_json }}"
"""
WORLD = """\
set -e
mount -t tmpfs none /var
mkdir -m 1777 /var/crash
cp %(dumps)s/dmesg.saved /var/crash 2>/dev/null || :
mkfifo /var/crash/dmesg.pipe
ln -s %(dumps)s/forged /var/crash/dmesg.link
exec "$@"
"""
BEGINNING = "[    0.000000] Linux version 7.3.4\n"
PANIC = "[   42.000000] Kernel panic - not syncing: Fatal exception\n"
FORGED = (*forged("Kernel panic - not syncing: Fatal exception"), *forged("Oops: 0000 [#1] PREEMPT SMP"))


@pytest.fixture(params=list(CORES), ids=list(CORES))
def programs(request: pytest.FixtureRequest) -> Path:
    return CORES[request.param]


def told(folder: Path, programs: Path, saved: str = "") -> tuple[list[Any], float]:
    """Return the kinds of crashes and the codes of notes that the module tells, and the seconds.

    ``saved`` is in a dump of root's.
    """
    kept = folder / "dumps"
    kept.mkdir()
    (kept / "forged").write_text(BEGINNING + PANIC)
    if saved:
        (kept / "dmesg.saved").write_text(BEGINNING + saved)
    (folder / "play.yml").write_text(PLAY)
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", WORLD % {"dumps": kept}, "sh"]
    inventory = ["-i", "here,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_REMOTE_TMP": str(folder / "remote"),
        "ANSIBLE_NOCOLOR": "1",
        "HOME": str(folder),
        "PYTHONPATH": "",
    }
    began = time.monotonic()
    done = subprocess.run(
        [*argv, str(programs / "ansible-playbook"), *inventory, str(folder / "play.yml")],
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
        check=False,
    )
    print(done.stdout)
    (found,) = re.findall(r"TOLD=(\[.*\])\"", done.stdout)
    return json.loads(found.replace('\\"', '"')), time.monotonic() - began


def test_what_users_put_there_is_no_crash_and_nothing_of_theirs_hangs(tmp_path: Path, programs: Path) -> None:
    (crashes, notes), seconds = told(tmp_path, programs)
    assert crashes == []
    # The pipe and the link.
    assert notes.count("crash_file_foreign") == 2
    assert seconds < 40


@pytest.mark.parametrize(("end", "kind"), [(PANIC, "panic"), ("", "unknown")])
def test_names_of_users_make_no_crash_another(tmp_path: Path, programs: Path, end: str, kind: str) -> None:
    """That root has saved a dump is a crash, whatever is in it."""
    names = "".join(f"[   41.{at:06}] {line}\n" for at, line in enumerate(FORGED))
    (crashes, _notes), _seconds = told(tmp_path, programs, saved=names + end)
    assert crashes == [kind]
