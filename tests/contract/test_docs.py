# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages have their places, and every link between them leads somewhere."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
from contract.tree import ROOT, files, relative, texts

DOCS = ROOT / "docs"
PAGES = [path for path in texts() if path.suffix == ".md" and path.name != "CHANGELOG.md"]
# To learn, to do, to look up, to understand (https://diataxis.fr).
FOLDERS = {"howto", "reference", "explanation"}
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)")
FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`[^`\n]+`")
# A page that code or a playbook names by its path from the root.
NAMED = re.compile(r"\bdocs/[\w/]+\.(?:md|json)\b")


@functools.cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    titles = [re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return frozenset(re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles)


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    text = INLINE.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))
    return [f"{path}#{anchor}" for path, anchor in LINK.findall(text) if not leads_somewhere(page, path, anchor)]


def leads_somewhere(page: Path, path: str, anchor: str) -> bool:
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page):
    assert broken(page) == []


@pytest.mark.parametrize("link", ["nowhere.md", "page.md#nowhere", "#nowhere"])
def test_links_that_lead_nowhere_are_found(tmp_path, link):
    page = tmp_path / "page.md"
    page.write_text(f"# A [good](page.md) page: `x`\n\n[here](#a-good-page-x), [there]({link})\n", encoding="utf-8")
    assert broken(page) == [link if "#" in link else f"{link}#"]


def test_pages_that_are_named_elsewhere_exist():
    named = {
        (relative(path), name)
        for path in texts()
        if path.suffix in {".py", ".yml", ".md"} and "changelogs" not in path.parts
        for name in NAMED.findall(path.read_text(encoding="utf-8"))
    }
    assert {(path, name) for path, name in named if not (ROOT / name).is_file()} == set()


def test_every_page_has_its_place():
    pages = [path.relative_to(DOCS) for path in files() if path.is_relative_to(DOCS)]
    assert {path.parts[0] for path in pages} == {"tutorial.md", *FOLDERS}
    assert all(len(path.parts) <= 2 for path in pages)


def test_readme_leads_to_every_page():
    linked = {(ROOT / path).resolve() for path, _anchor in LINK.findall((ROOT / "README.md").read_text("utf-8"))}
    assert {path for path in PAGES if path.is_relative_to(DOCS)} - linked == set()
