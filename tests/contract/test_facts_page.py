# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/facts.md shows the files of the example inventory as they are, and has every field."""

from __future__ import annotations

import re

import pytest
import yaml
from contract.tree import ROOT, strings

PAGE = ROOT / "docs" / "facts.md"
EXAMPLE = ROOT / "playbooks" / "inventory" / "facts"
# "... `NAME`:", then the file's content in a block.
SHOWN = re.compile(r"`([\w./]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
FIELD = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
# hosts.yml is written by everybody anew.
FILES = {"ansible.cfg", "group_vars/all.yml", "zz_kho.constructed.yml"}


@pytest.fixture
def page():
    return PAGE.read_text(encoding="utf-8")


def content(name):
    """Return a file without the lines that say nothing to a reader."""
    lines = (EXAMPLE / name).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("# SPDX-", "---")))


def test_files_are_shown_as_they_are(page):
    assert dict(SHOWN.findall(page)) == {name: content(name) for name in FILES}


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


def test_every_group_is_explained(page):
    constructed = yaml.safe_load((EXAMPLE / "zz_kho.constructed.yml").read_text(encoding="utf-8"))
    prefixes = [keyed["prefix"] + "_" for keyed in constructed["keyed_groups"]]
    explained = set(re.findall(r"`(kho_\w+)`", page.split("| group | hosts |")[1]))
    assert set(constructed["groups"]) <= explained
    assert all(any(name.startswith(prefix) for name in explained) for prefix in prefixes)


def test_links_lead_somewhere(page):
    for path, anchor in LINK.findall(page):
        target = (PAGE.parent / path).resolve() if path else PAGE
        assert target.is_file(), path
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, f"{path}#{anchor}"
