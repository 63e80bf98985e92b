# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The native bench of jumps: what its hosts find, who goes which way, and what is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.native import ALONE, BUILTIN, MODULES, TASKS, TOGETHER, Late, hosts_of, lay_out, render

ASKS = """
import sys
from ansible_collections.kho.kexec.plugins.module_utils._host import port
port.TREE = sys.argv[1]
host = port.LocalHost()
host.write_atomically("/var/lib/record", b"left")
print(host.read_text("/var/lib/record"), host.exists("/etc/passwd"), host.resolve("/link"), host.run(("kexec",)).rc)
"""


def test_hosts_go_each_way_by_turns_and_come_back_one_after_the_other() -> None:
    hosts = hosts_of(5.0, 2, 1.0)
    assert [one["way"] for one in hosts] == [*TASKS, *TASKS]
    assert [one["outage"] for one in hosts] == [5.0 + number for number in range(8)]
    assert len({one["name"] for one in hosts}) == len(hosts)


def test_module_finds_the_files_of_a_tree(tmp_path: Path) -> None:
    world, tree = tmp_path / "world", tmp_path / "tree"
    world.mkdir()
    (tree / "var").mkdir(parents=True)
    (tree / "link").symlink_to(tree / "var")
    lay_out(world, hosts_of(5.0, 1, 1.0))
    done = subprocess.run(
        [sys.executable, "-c", ASKS, str(tree)],
        env={**os.environ, "PYTHONPATH": str(world / "collections")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "left False /var 0\n"
    assert (tree / "var/lib/record").read_text() == "left"
    assert (world / "collections" / MODULES / "plugins/action/kexec_reboot.py").exists()
    known = json.loads((world / f"{TOGETHER}.inventory.json").read_text())["all"]["hosts"]
    assert known == {"together0": {"ansible_host": "10.77.2.2"}}


def test_table_has_the_median_and_the_worst() -> None:
    late = [Late(ALONE, f"a{number}", 5.0, 5.1, seconds, {}) for number, seconds in enumerate((0.5, 0.7, 1.4))]
    late += [Late(way, "b", 5.0, 5.1, 3.0, {}) for way in TASKS if way != ALONE]
    table = list(render([*late, Late(BUILTIN, "c", 60.0, 61.0, 17.0, {})], [5.0, 60.0]))
    assert table[2].endswith("| 0.70, 1.40 | - | 0.70, 1.40 |")
    assert table[-1].endswith("| 3.00, 3.00 | 17.00, 17.00 | 10.00, 17.00 |")
