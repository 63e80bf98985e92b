# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that need nothing else: no scripts, no resources from elsewhere. Templates escape all that they are given.

A template lies beside the file that fills it. Drawings are made in Python, and are handed over as `Markup`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).parents[1]
_LONG_WORD = re.compile(r"[\w.-]{24,}")
_JOINT = re.compile(r"[.-](?=\w)")
_QUANTITY = re.compile(r"(\d) (?=(?:s|%)(?!\w))")


def render(template: str, **values: Any) -> str:
    """Return the page that a template makes; ``template`` is its path below ``plugin_utils``, without suffixes.

    Raises jinja2.TemplateError for a template that asks for what it is not given.
    """
    return _environment().get_template(f"{template}.html.j2").render(values)


def breakable(value: Any) -> Markup:
    """Return a text that breaks at good places only: long names at dots and hyphens, arrows and units nowhere."""
    text = str(escape(value)).replace("-&gt;", "\N{RIGHTWARDS ARROW}")
    text = _QUANTITY.sub("\\1\N{NO-BREAK SPACE}", text)
    return Markup(_LONG_WORD.sub(lambda word: _JOINT.sub(r"\g<0><wbr>", word[0]), text))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["breakable"] = breakable
    return made
