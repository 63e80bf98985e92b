# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception tree of the collection, and the note that facts carry.

Every refusal, warning and note has a ``code`` (snake_case, stable, for machines) and a ``message`` (a sentence for
people: what is wrong, what was found, why it matters, what to do instead).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional

CODES_PAGE = "docs/reference/codes.md"
"""The page of the collection on which each code has a heading."""


@dataclass(frozen=True)
class Note:
    """Something that an operator should know about a result that is otherwise usable."""

    code: str
    message: str

    def as_dict(self) -> Dict[str, str]:
        """Return the note in the shape that modules return: ``{code, message}``."""
        return {"code": self.code, "message": self.message}


class KhoError(Exception):
    """Base of everything that the collection raises on purpose.

    ``findings`` holds what was learned before the error. It is returned to the user beside the message, so it must
    hold only what JSON can express.
    """

    def __init__(self, code: str, message: str, findings: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.findings: Dict[str, Any] = dict(findings or {})

    def as_note(self) -> Note:
        """Return what is wrong as a note, for those who go on without what was asked for."""
        return Note(self.code, self.message)


class Refusal(KhoError):
    """What was asked for is not done, on purpose, and the host was left as it was."""


def with_reference(code: str, message: str) -> str:
    """Return the message with the place at which its code is explained, given once."""
    reference = f" ({CODES_PAGE}#{code})"
    return message if message.endswith(reference) else message + reference


def failed_with(code: str, message: str) -> Dict[str, Any]:
    """Return what a task returns that fails with a code."""
    return {"failed": True, "code": code, "msg": with_reference(code, message)}
