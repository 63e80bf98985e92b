# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds and installs the collection as an operator would get it, and looks at the result."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

from .layout import BUILD, COLLECTION, DIST, INSTALLED, ROOT
from .runner import Context, StepFailed

# Everything else in the artefact is a mistake in galaxy.yml's build_ignore.
SHIPPED = frozenset(
    [
        *("CHANGELOG.md", "CONTRIBUTING.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "SECURITY.md"),
        "requirements.txt",
        *("changelogs", "docs", "meta", "playbooks", "plugins", "roles"),
    ]
)
NEVER_SHIPPED = ("__pycache__", "tests", "molecule", "build", "fragments")
# The tests are not in the artefact: they are made visible beside it, without the tree's plugins.
TESTS_BESIDE = BUILD / "installed-tests"
# With the tree in sight, Ansible would take that for the installed collection.
WITHOUT_TREE = {"ANSIBLE_COLLECTIONS_PATH": str(INSTALLED), "PYTHONPATH": ""}


LOADED = ("modules", "action", "callback", "filter", "lookup")
"""The folders of plugins that Ansible itself loads."""


def unwanted(names: list[str]) -> list[str]:
    """Return the paths of an artefact that do not belong in it."""
    return [
        name
        for name in names
        if Path(name).parts[0] not in SHIPPED or any(part in NEVER_SHIPPED for part in Path(name).parts)
    ]


def build(context: Context) -> Path:
    """Build the artefact and return its path."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    context.tool("ansible-galaxy", "collection", "build", "--output-path", DIST, ROOT)
    (artefact,) = DIST.glob("kho-kexec-*.tar.gz")
    return artefact


def check_content(artefact: Path) -> None:
    """StepFailed when the artefact holds what does not belong in it."""
    with tarfile.open(artefact) as archive:
        found = unwanted([name for name in archive.getnames() if name not in ("", ".")])
    if found:
        raise StepFailed(f"galaxy.yml's build_ignore lets these into the artefact: {', '.join(sorted(found)[:20])}")


def install(context: Context, artefact: Path) -> Path:
    """Install the artefact into build/installed and return the collection's folder there."""
    shutil.rmtree(INSTALLED, ignore_errors=True)
    to = ["--collections-path", str(INSTALLED)]
    context.tool("ansible-galaxy", "collection", "install", "--offline", "--no-deps", *to, artefact, env=WITHOUT_TREE)
    return INSTALLED / COLLECTION


def documented(context: Context, collection: Path) -> None:
    """Let ansible-doc show every plugin and role of the installed collection."""
    for kind, folder in (("module", "modules"), ("callback", "callback")):
        names = [f"kho.kexec.{path.stem}" for path in sorted((collection / "plugins" / folder).glob("[!_]*.py"))]
        if not names:
            raise StepFailed(f"the artefact holds no {kind}")
        context.tool("ansible-doc", "--type", kind, "--json", *names, env=WITHOUT_TREE)
    roles = [f"kho.kexec.{path.name}" for path in sorted((collection / "roles").iterdir())]
    context.tool("ansible-doc", "--type", "role", "--json", *roles, env=WITHOUT_TREE)


def unit_tests(context: Context, folders: Iterable[str]) -> None:
    """Run unit tests of the plugins against the installed copy."""
    beside = TESTS_BESIDE / COLLECTION
    shutil.rmtree(TESTS_BESIDE, ignore_errors=True)
    beside.mkdir(parents=True)
    (beside / "tests").symlink_to(ROOT / "tests")
    paths = f"{INSTALLED} {TESTS_BESIDE} {ROOT / 'tests'}"
    context.tool(
        "pytest",
        *("--override-ini", f"pythonpath={paths}"),
        *(ROOT / "tests" / "unit" / "plugins" / folder for folder in folders),
        env={**WITHOUT_TREE, "PYTHONPATH": paths.replace(" ", ":")},
    )


def check(everything: bool, context: Context) -> None:
    """Build, look inside, install, show the documentation, test the installed copy.

    Of the tests those of what Ansible loads, which import all the rest, or all.
    """
    artefact = build(context)
    check_content(artefact)
    collection = install(context, artefact)
    documented(context, collection)
    unit_tests(context, ["."] if everything else LOADED)
