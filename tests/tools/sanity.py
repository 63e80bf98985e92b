# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the whole of ansible-test sanity without containers and without anything but the package index.

ansible-test makes virtual environments of its own and fetches the script get-pip.py for each. It takes the script from
its cache when it is there; tests/sanity/get_pip.py is put there, which installs pip from a wheel of the right version.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

from . import interpreters
from .layout import COLLECTION, ROOT, SANITY
from .runner import Context, StepFailed
from .venvs import Environment

GET_PIP = ROOT / "tests" / "sanity" / "get_pip.py"
# global.index-url='https://...' or :env:.timeout='60', as `pip config list` writes them
PIP_SETTING = re.compile(r"^(?:global|install|:env:)\.([\w-]+)=(['\"].*['\"])$")

SKIPPED = re.compile(r"^WARNING: (Skipping|Unable)")


def copy_tree(target: Path) -> None:
    """Copy what git knows of the tree, plus new files that are not ignored, and make it a repository of its own.

    ansible-test wants to run below ansible_collections/ and asks git which files there are.
    """
    shutil.rmtree(target, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.exists() or source.is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)
    subprocess.run(["git", "add", "--all"], cwd=target, check=True)


def link_interpreters(folder: Path) -> list[str]:
    """Put the real interpreters into a folder for PATH; return the versions of managed hosts that the machine lacks."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lacking = []
    for version in interpreters.MODULE_VERSIONS:
        python = interpreters.find(version)
        if python:
            (folder / f"python{interpreters.spell(version)}").symlink_to(python)
        else:
            lacking.append(interpreters.spell(version))
    return lacking


def wanted_pip(environment: Environment) -> str:
    """Return the version of pip that this ansible-test installs, read from its source."""
    (source,) = environment.folder.glob("lib/python3.*/site-packages/ansible_test/_internal/python_requirements.py")
    found = re.search(r"\bpip='([\d.]+)'", source.read_text(encoding="utf-8"))
    if not found:
        raise StepFailed(f"{source} does not say which pip it wants; tests/tools/sanity.py looks for pip='VERSION'")
    return found.group(1)


def prepare_home(context: Context, environment: Environment, home: Path) -> None:
    """Make the home folder that ansible-test sees: pip's settings and wheel, and the stand-in for get-pip.py."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    version = wanted_pip(environment)
    if not list(cache.glob(f"pip-{version}-*.whl")):
        context.tool("pip", "download", "--quiet", "--no-deps", "--dest", cache, f"pip=={version}")
    shutil.copyfile(GET_PIP, cache / f"get_pip_{version.replace('.', '_')}.py")
    write_pip_settings(environment, home / ".config" / "pip" / "pip.conf")


def write_pip_settings(environment: Environment, path: Path) -> None:
    """Write pip's settings into a file, because ansible-test hides the variables that may hold them."""
    shown = subprocess.run(
        [environment.tool("pip"), "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    # A variable (:env:.name) wins over a file (global.name), so it comes last.
    found = filter(None, map(PIP_SETTING.match, sorted(shown.splitlines(), key=lambda line: line.startswith(":env:"))))
    settings = {match[1]: str(ast.literal_eval(match[2])).replace("\n", "\n  ") for match in found}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["[global]", *(f"{key} = {value}" for key, value in settings.items()), ""]), "utf-8")


def check(every_python: bool, context: Context) -> None:
    """Run every sanity test with the ansible-core of the step's environment; report what it left out.

    What is compiled and imported, is so on every Python, or on that of the environment.
    """
    environment = context.environment
    if environment is None:
        raise StepFailed("sanity needs an environment with ansible-core")
    work = SANITY / environment.name
    tree = work / "tree" / COLLECTION
    copy_tree(tree)
    for version in link_interpreters(work / "bin"):
        context.report(f"sanity with {environment.name}: imports on Python {version} (no such interpreter)")
    home = work / "home"
    unfinished = work / "unfinished"
    if unfinished.exists():
        # The last run was killed, perhaps while ansible-test was making its environments.
        shutil.rmtree(home, ignore_errors=True)
    unfinished.touch()
    prepare_home(context, environment, home)
    path = f"{work / 'bin'}:{environment.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    variables = {"HOME": str(home), "PATH": path, "PYTHONPATH": "", "ANSIBLE_COLLECTIONS_PATH": ""}
    pythons = [] if every_python else ["--python", interpreters.spell(environment.version)]
    try:
        context.run([environment.tool("ansible-test"), "sanity", "--color", "no", *pythons], env=variables, cwd=tree)
    except StepFailed:
        unfinished.unlink()
        raise
    unfinished.unlink()
    for line in context.lines():
        if SKIPPED.match(line):
            context.report(f"sanity with {environment.name}: {line}")
