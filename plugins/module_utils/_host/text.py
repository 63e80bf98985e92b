# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text: regular expressions, and reducing what a kernel, a boot loader or a program wrote to what is safe to show.

What the previous kernel handed over is untrusted: it may hold escape sequences for terminals, line ends that forge
log lines, or no end at all. It may also hold a template, and ansible-core 2.16 runs those in cached facts on the
controller, when a constructed inventory looks at them.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, Pattern, Sequence, Union, cast

REPLACEMENT = "?"


class _LateRegex:
    """A regular expression whose methods are those of the compiled one, which is made when the first is asked for."""

    def __init__(self, expression: Any, flags: int) -> None:
        self._made_of = expression, flags

    def __getattr__(self, name: str) -> Any:
        method = getattr(re.compile(*self._made_of), name)
        setattr(self, name, method)
        return method


def regex(expression: AnyStr, flags: int = 0) -> Pattern[AnyStr]:
    """Return a regular expression that is compiled at its first use: a task starts anew, and needs few of all."""
    return cast(Pattern[AnyStr], _LateRegex(expression, flags))


_TEMPLATE_START = regex(r"\{(?=[{%#])")


def printable(text: Union[str, bytes], limit: int = 200) -> str:
    """Return ``text`` with everything but printable ASCII replaced by ``?``, cut after ``limit`` characters.

    Each byte (of bytes) or character (of str) that is not printable becomes one ``?``, and so does a brace that would
    begin a template (``{{``, ``{%``, ``{#``), so positions and lengths stay as they were.
    """
    characters = text[:limit].decode("latin-1") if isinstance(text, bytes) else text[:limit]
    # Most text is all right, and the kernel's log is long.
    if not (characters.isascii() and characters.isprintable()):
        characters = "".join(char if " " <= char <= "~" else REPLACEMENT for char in characters)
    return _TEMPLATE_START.sub(REPLACEMENT, characters)


def listed(texts: Sequence[str], most: int, between: str = ", ") -> str:
    """Return the first ``most`` of the texts, and how many more there are: ``a, b and 3 more``."""
    more = len(texts) - most
    return between.join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with the word for what is counted: ``1 host``, ``2 hosts``; ``many`` where an s is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def until_nul(field: bytes, limit: int) -> str:
    """Return the C string in a fixed-size ``field`` as printable ASCII of at most ``limit`` characters.

    A field without a NUL byte is taken whole, as the kernel's ``strscpy()`` would, up to ``limit``.
    """
    return printable(field.split(b"\0", 1)[0], limit)
