# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of hosts: everything that the facts were learned from, as one JSON document.

On the controller, ``python recording.py FILE`` packs what a host needs to be recorded. There, ``python3 FILE`` prints
the recording. ``replay`` makes a host of it again.

A recording is ``{"files": {path: text, or {"base64": ...}}, "directories": [path], "denied": [path],
"runs": [{"argv", "rc", "stdout", "stderr"}], "facts": {...}}``: ``directories`` are the empty ones, ``denied`` is what
the user may not read, and ``facts`` is what the host itself made of it.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Dict, Union

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import observe_running
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.recorder import Recorder

COLLECTION = "ansible_collections/kho/kexec"
PACKED = ("plugins/module_utils", "tests/unit/support")
START = f"from {COLLECTION.replace('/', '.')}.tests.unit.support.recording import main\nmain()\n"

Content = Union[str, Dict[str, str]]


def record(host: Host) -> Dict[str, Any]:
    """Observe the host and return its recording."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        recorder = Recorder(host, tree)
        facts = observe_running(recorder).as_facts()
        found = sorted(tree.rglob("*"))
        return {
            "files": {_path(tree, file): _content(file.read_bytes()) for file in found if file.is_file()},
            "directories": [_path(tree, path) for path in found if path.is_dir() and not any(path.iterdir())],
            "denied": sorted(recorder.denied),
            "runs": [{"argv": list(argv), **done._asdict()} for argv, done in recorder.runs],
            "facts": facts,
        }


def replay(recording: Dict[str, Any], root: Path) -> FakeRoot:
    """Make a host of the recording, in the empty folder ``root``."""
    host = FakeRoot(root)
    for path, content in recording["files"].items():
        host.add(path, content if isinstance(content, str) else base64.b64decode(content["base64"]))
    for path in recording["directories"]:
        host.add_directory(path)
    for run in recording["runs"]:
        host.expect_run(**run)
    return host.deny(*recording["denied"])


def pack(file: Path) -> None:
    """Write a Python archive that prints the recording of the host on which it is run."""
    repository = Path(__file__).resolve().parents[3]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("__main__.py", START)
        # Python finds a package in an archive only when its folder has an entry.
        sources = [source for folder in PACKED for source in sorted((repository / folder).rglob("*.py"))]
        names = {source: Path(COLLECTION, source.relative_to(repository)) for source in sources}
        for package in sorted({str(package) for name in names.values() for package in name.parents} - {"."}):
            archive.writestr(f"{package}/", "")
        for source, name in names.items():
            archive.write(source, str(name))


def main() -> None:
    """Print the recording of this host."""
    json.dump(record(LocalHost()), sys.stdout, indent=1, sort_keys=True)


def _path(tree: Path, path: Path) -> str:
    return "/" + str(path.relative_to(tree))


def _content(data: bytes) -> Content:
    text = data.decode("ascii", "replace")
    readable = text.encode("ascii", "replace") == data and "\0" not in text
    return text if readable else {"base64": base64.b64encode(data).decode()}


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
