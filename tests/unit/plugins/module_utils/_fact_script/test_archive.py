# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script is built from this tree and run by the Python that runs the tests."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import PurePosixPath

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._fact_script.archive import (
    FLAGS,
    MARK,
    PACKAGE,
    fact_script,
    interpreter_of,
    is_fact_script,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import observe_running


@pytest.fixture
def script(tmp_path):
    folder = tmp_path / "facts.d"
    folder.mkdir()
    path = folder / "kho.fact"
    path.write_bytes(fact_script(sys.executable))
    path.chmod(0o755)
    return path


def run(script, **settings):
    return subprocess.run([str(script)], capture_output=True, timeout=60, check=False, **settings)


def names(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist()


def test_it_prints_what_the_module_returns(script):
    done = run(script)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == json.loads(json.dumps(observe_running(LocalHost()).as_facts()))


def test_nothing_comes_from_outside_of_it(script, tmp_path):
    """Modules that would be found first by an ordinary Python: they end it at once."""
    traps = tmp_path / "traps"
    (traps / "ansible_collections").mkdir(parents=True)
    for name in ("json", "dataclasses", "sitecustomize", "ansible_collections/__init__"):
        for folder in (traps, script.parent):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / f"{name}.py").write_text("raise SystemExit(99)\n", encoding="ascii")
    done = run(script, cwd=str(traps), env={**os.environ, "PYTHONPATH": str(traps), "PYTHONSTARTUP": str(traps)})
    assert done.returncode == 0
    assert json.loads(done.stdout)["boot"]


def test_flags_isolate_and_write_no_bytecode():
    program = "import sys; print(sys.flags.isolated, sys.dont_write_bytecode, sys.flags.no_site)"
    done = subprocess.run([sys.executable, FLAGS, "-c", program], stdout=subprocess.PIPE, timeout=60, check=True)
    assert done.stdout == b"1 True 1\n"


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full"])
def test_standard_output_that_takes_nothing(script, redirection):
    done = subprocess.run(
        ["sh", "-c", f'"$0" {redirection}', str(script)], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_reader_that_is_gone(script):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([str(script)], stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_it_holds_what_the_facts_import_and_no_more():
    # The last are imported only when they are needed.
    later = f"{PACKAGE}._host.pipe, {PACKAGE}._fact_script.announce"
    program = f"import sys, {PACKAGE}._observe.running, {later}\n"
    program += "files = (name for name, module in sys.modules.items() if not hasattr(module, '__path__'))\n"
    program += f"print(*(name for name in files if name.startswith('{PACKAGE}._')))"
    environment = {**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, timeout=60, check=True
    )
    imported = {name.replace(".", "/") + ".py" for name in done.stdout.decode().split()}
    found = names(fact_script("/usr/bin/python3"))
    assert found == sorted(found)
    assert {name for name in found if not name.endswith("__init__.py")} == imported | {"__main__.py"}
    folders = {str(folder) for name in imported for folder in PurePosixPath(name).parents} - {"."}
    assert {name for name in found if name.endswith("__init__.py")} == {f"{folder}/__init__.py" for folder in folders}


def test_the_same_bytes_each_time_and_on_each_python():
    program = (
        "import sys, hashlib\n"
        "from ansible_collections.kho.kexec.plugins.module_utils._fact_script.archive import fact_script\n"
        "print(hashlib.sha256(fact_script('/usr/bin/python3')).hexdigest())"
    )
    path = ":".join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, timeout=60, check=True
    )
    data = fact_script("/usr/bin/python3")
    assert done.stdout.decode().strip() == hashlib.sha256(data).hexdigest()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.compress_type == zipfile.ZIP_STORED
            assert (entry.create_system, entry.create_version, entry.extra) == (3, 20, b"")


def test_the_first_line_names_the_interpreter():
    data = fact_script("/opt/python3.12")
    assert data.startswith(b"#!/opt/python3.12 -IBS\nPK")
    assert interpreter_of(data) == "/opt/python3.12"
    assert interpreter_of(b"PK") is None
    assert interpreter_of(b"#!\nPK") is None


@pytest.mark.parametrize("data", [b"", b'{"kho": {}}', b"#!/bin/sh\necho {}\n", MARK])
def test_other_files_are_not_taken_for_it(data):
    assert not is_fact_script(data)


def test_other_archives_are_not_taken_for_it():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("__main__.py", "print({})")
    assert not is_fact_script(stream.getvalue())
    assert is_fact_script(fact_script("/usr/bin/python3"))
    assert not is_fact_script(fact_script("/usr/bin/python3")[:-1000])
