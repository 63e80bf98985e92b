# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of the fact script: a ``#!`` line and a zip archive, which Python runs as it is (see its zipapp).

The archive holds ``main.py`` as ``__main__.py``, and the core modules that it imports, as they are here: in
a checkout, in an installed collection, or in what Ansible sent to this host. The same sources give the same bytes,
on every version of Python: fixed times, sorted names, nothing compressed.
"""

from __future__ import annotations

import ast
import inspect
import io
import posixpath
import zipfile
from importlib import import_module
from typing import Dict, Iterator, Optional, Set

from ansible_collections.kho.kexec.plugins.module_utils._fact_script import main as script

PACKAGE = "ansible_collections.kho.kexec.plugins.module_utils"
# Isolated (no PYTHON* variables, no modules from the current directory or the user's home), no .pyc files, and
# nothing from site-packages. In one word, since the kernel hands everything behind the program on as one argument.
FLAGS = "-IBS"
MARK = b"kho.kexec fact script"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # zip knows no earlier time


def fact_script(interpreter: str) -> bytes:
    """Return the fact script for the Python at this path."""
    stream = io.BytesIO()
    stream.write(f"#!{interpreter} {FLAGS}\n".encode("ascii"))
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = MARK
        for name, text in sorted(_members().items()):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return stream.getvalue()


def is_fact_script(data: bytes) -> bool:
    """Whether this is a fact script of this collection, of any version."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.comment == MARK
    except zipfile.BadZipFile:
        return False


def interpreter_of(data: bytes) -> Optional[str]:
    """Return the path of the Python that runs the script; None when its first line does not name one."""
    first_line = data.split(b"\n", 1)[0]
    words = first_line[2:].decode("ascii", "replace").split()
    return words[0] if first_line.startswith(b"#!") and words else None


def _members() -> Dict[str, str]:
    """Return the text of each file by its name in the archive."""
    main = inspect.getsource(script)
    members = {"__main__.py": main}
    for module, text in _with_imports(_imported(main)).items():
        path = module.replace(".", "/") + ".py"
        members[path] = text
        # Older versions of Python see no package in an archive where there is no such file.
        members.update((posixpath.join(folder, "__init__.py"), "") for folder in _folders_above(path))
    return members


def _with_imports(modules: Set[str]) -> Dict[str, str]:
    """Return the sources of these core modules, and of all that they import, by name."""
    texts: Dict[str, str] = {}
    wanted = set(modules)
    while wanted:
        module = wanted.pop()
        texts[module] = inspect.getsource(import_module(module))
        wanted |= _imported(texts[module]) - set(texts)
    return texts


def _imported(text: str) -> Set[str]:
    """Return the core modules that a source imports, at its top or in functions."""
    found: Set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE + "."):
            found.update(_modules_of(node))
    return found


def _modules_of(node: ast.ImportFrom) -> Iterator[str]:
    """Yield the modules that one import needs: what names come from, or what is taken from a package."""
    module = str(node.module)
    if hasattr(import_module(module), "__path__"):
        yield from (f"{module}.{name.name}" for name in node.names)
    else:
        yield module


def _folders_above(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
