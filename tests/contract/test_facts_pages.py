# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages about facts show the files of the example inventory as they are, and have every field."""

from __future__ import annotations

import re

import pytest
import yaml
from contract.tree import ROOT, strings

HOWTO = ROOT / "docs" / "howto" / "facts.md"
REFERENCE = ROOT / "docs" / "reference" / "facts.md"
EXAMPLE = ROOT / "playbooks" / "inventory" / "facts"
# "... `NAME`:", then the file's content in a block.
SHOWN = re.compile(r"`([\w./]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
FIELD = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
# hosts.yml is written by everybody anew.
FILES = {"ansible.cfg", "group_vars/all.yml", "zz_kho.constructed.yml"}


@pytest.fixture
def howto():
    return HOWTO.read_text(encoding="utf-8")


@pytest.fixture
def page():
    return REFERENCE.read_text(encoding="utf-8")


def content(name):
    """Return a file without the lines that say nothing to a reader."""
    lines = (EXAMPLE / name).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("# SPDX-", "---")))


def test_files_are_shown_as_they_are(howto):
    assert dict(SHOWN.findall(howto)) == {name: content(name) for name in FILES}


def test_there_is_no_other_file_in_the_example():
    found = {str(path.relative_to(EXAMPLE)) for path in EXAMPLE.rglob("*") if path.is_file()}
    assert found == FILES | {"hosts.yml"}


def test_every_field_is_explained(page):
    section = page.split("## What they say")[1].split("\n##")[0]
    returned = yaml.safe_load(strings("modules", "kho_facts")["RETURN"])
    assert FIELD.findall(section) == list(returned["ansible_facts"]["contains"]["kho"]["contains"])


def test_every_kind_of_boot_is_explained(page):
    section = page.split("### Kinds of boots")[1].split("\n##")[0]
    returned = yaml.safe_load(strings("modules", "kho_facts")["RETURN"])
    kinds = returned["ansible_facts"]["contains"]["kho"]["contains"]["boot"]["choices"]
    assert FIELD.findall(section.split("---|")[-1]) == kinds


def test_every_group_is_explained(howto):
    constructed = yaml.safe_load((EXAMPLE / "zz_kho.constructed.yml").read_text(encoding="utf-8"))
    prefixes = [keyed["prefix"] + "_" for keyed in constructed["keyed_groups"]]
    explained = set(re.findall(r"`(kho_\w+)`", howto.split("| group | hosts |")[1]))
    assert set(constructed["groups"]) <= explained
    assert all(any(name.startswith(prefix) for name in explained) for prefix in prefixes)
