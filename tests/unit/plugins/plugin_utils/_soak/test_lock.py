# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time works on the results of a host; a dead one does not stand in the way."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.identity import run_of
from ansible_collections.kho.kexec.plugins.plugin_utils._soak.lock import FILE, hold, release

HERE = {"run": str(run_of(os.getpid())), "owner": "ann@here (process 1)"}
AWAY = {"run": "another-boot/pid:[1] 12 99", "owner": "ben@there (process 12)"}


def locked(folder, asker):
    with pytest.raises(KhoError) as caught:
        hold(folder, asker)
    return caught.value


def dead():
    with subprocess.Popen(["sleep", "60"]) as process:
        run = {"run": str(run_of(process.pid)), "owner": "gone"}
        process.kill()
    return run


def test_another_run_is_refused_until_the_lock_is_given_back(tmp_path):
    hold(tmp_path, HERE)
    hold(tmp_path, HERE)
    refused = locked(tmp_path, AWAY)
    assert refused.code == "soak_locked"
    assert "ann@here (process 1)" in refused.message
    release(tmp_path, AWAY)
    assert locked(tmp_path, AWAY).code == "soak_locked"
    release(tmp_path, HERE)
    hold(tmp_path, AWAY)


def test_the_lock_of_a_run_that_was_killed_here_is_taken_over(tmp_path):
    hold(tmp_path, dead())
    hold(tmp_path, HERE)
    assert json.loads((tmp_path / FILE).read_text())["run"] == HERE["run"]


def test_of_a_run_on_another_machine_nobody_knows_whether_it_is_dead(tmp_path):
    hold(tmp_path, AWAY)
    assert locked(tmp_path, HERE).code == "soak_locked"
    (tmp_path / FILE).unlink()
    hold(tmp_path, HERE)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"run": 3}', "\0" * 8000])
def test_what_is_no_lock_locks_nobody_out(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    hold(tmp_path, HERE)
    assert json.loads((tmp_path / FILE).read_text())["owner"] == HERE["owner"]


def test_who_holds_it_is_shown_as_it_can_be_printed(tmp_path):
    (tmp_path / FILE).write_text(json.dumps({**AWAY, "owner": "\x1b[2Jben"}))
    assert "\x1b" not in locked(tmp_path, HERE).message


def test_nobody_reads_it_while_another_writes_it(tmp_path):
    hold(tmp_path, AWAY)
    with ThreadPoolExecutor(1) as pool, (tmp_path / FILE).open("r+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = pool.submit(hold, tmp_path, HERE)
        time.sleep(0.2)
        assert not waiting.done()
        other.truncate(0)
        fcntl.flock(other, fcntl.LOCK_UN)
        assert waiting.result(10) is None


def test_folder_that_cannot_be_written_and_link_that_leads_elsewhere(tmp_path):
    (tmp_path / "file").write_text("")
    assert locked(tmp_path / "file", HERE).code == "soak_results_unwritable"
    (tmp_path / FILE).symlink_to(tmp_path / "file")
    assert locked(tmp_path, HERE).code == "soak_results_unwritable"
    assert (tmp_path / "file").read_text() == ""
