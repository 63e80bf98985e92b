# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of pages that need nothing else: no scripts, no resources from elsewhere. Text is escaped here. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = """
body{font:16px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#111;background:#fff}
table{border-collapse:collapse}td,th{border:1px solid #999;padding:.2rem .5rem;text-align:right}
td:first-child,th:first-child{text-align:left}.wide{overflow-x:auto}svg text{font:13px system-ui,sans-serif}
li{margin:.3rem 0}
.words{font-size:.85rem}.words td,.words th{text-align:left;white-space:nowrap}
@media print{tr{break-inside:avoid}.wide{overflow:visible}svg{max-width:100%;height:auto}
body{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def page(title: str, body: str, style: str = "") -> str:
    """Return a whole page; ``body`` and ``style`` are HTML and CSS as they are."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_STYLE}{style}</style></head><body>\n<h1>{escape(title)}</h1>\n{body}</body></html>\n"
    )


def items(lines: Sequence[str]) -> str:
    """Return a list with an item for each line of text."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """Return a table of texts; ``kind`` is its class."""
    lines = "".join(f"<tr>{_cells('td', row)}</tr>\n" for row in rows)
    opening = f'<table class="{kind}">' if kind else "<table>"
    # What is in thead is repeated on each page that is printed.
    return f"{opening}<thead><tr>{_cells('th', header)}</tr></thead>\n{lines}</table>\n"


def _cells(kind: str, cells: Sequence[str]) -> str:
    return "".join(f"<{kind}>{escape(cell)}</{kind}>" for cell in cells)
