# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that need nothing else: no scripts, no resources from elsewhere. Templates escape all that they are given.

A template lies beside the file that fills it. Drawings are made in Python, and are handed over as `Markup`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parents[1]


def render(template: str, **values: Any) -> str:
    """Return the page that a template makes; ``template`` is its path below ``plugin_utils``, without suffixes.

    Raises jinja2.TemplateError for a template that asks for what it is not given.
    """
    return _environment().get_template(f"{template}.html.j2").render(values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
