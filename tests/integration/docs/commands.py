# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that the documentation tells its readers to type."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.layout import ROOT

PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md")), *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = ("ansible", "ansible-playbook", "ansible-doc", "ansible-galaxy", "ansible-inventory", "molecule")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command, as its words; ``page`` is where it was seen first."""

    words: tuple[str, ...]
    page: str

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"

    @property
    def program(self) -> str:
        """The program's name."""
        return self.words[0]

    def values(self, *options: str) -> list[str]:
        """Return what is given to an option, each time that it stands there."""
        return [value for option, value in zip(self.words, self.words[1:], strict=False) if option in options]

    def variables(self) -> Iterator[str]:
        """Yield the names of the variables that are given with ``-e``, but for those in files."""
        for given in self.values("-e", "--extra-vars"):
            if given.startswith("{"):
                yield from json.loads(given)
            elif not given.startswith("@"):
                yield given.partition("=")[0]


def blocks(page: Path, language: str) -> list[str]:
    """Return what stands in the blocks of a page that are in one language."""
    return [text for word, text in BLOCK.findall(page.read_text(encoding="utf-8")) if word == language]


def commands(pages: list[Path]) -> list[Command]:
    """Return the commands of Ansible and Molecule on these pages in their order, each once."""
    found: dict[tuple[str, ...], Command] = {}
    for page in pages:
        for line in "".join(blocks(page, "console")).splitlines():
            if line.startswith("$ "):
                for words in _split(line[2:]):
                    found.setdefault(words, Command(words, str(page.relative_to(ROOT))))
    return [command for command in found.values() if command.program in PROGRAMS]


def settings(pages: list[Path]) -> dict[str, str]:
    """Return what is exported on these pages."""
    lines = [line for page in pages for block in blocks(page, "console") for line in block.splitlines()]
    exported = [shlex.split(line, comments=True)[2] for line in lines if line.startswith("$ export ")]
    return dict(one.split("=", 1) for one in exported)


def shown_file(page: Path, name: str) -> Any:
    """Return the YAML file that a page shows with ``cat``."""
    (text,) = [block for block in blocks(page, "console") if f"$ cat {name}\n" in block]
    return yaml.safe_load(text.split(f"$ cat {name}\n")[1].split("\n$ ")[0])


def _split(line: str) -> Iterator[tuple[str, ...]]:
    """Yield the commands of a line, which ``&&`` joins."""
    words: list[str] = []
    for word in [*shlex.split(line, comments=True), "&&"]:
        if word != "&&":
            words.append(word)
        elif words:
            yield tuple(words)
            words = []
