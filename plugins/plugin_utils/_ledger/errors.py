# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with the ledger: its libraries, its address, and what databases answer."""

from __future__ import annotations

import importlib
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with, with_reference
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

with suppress(ImportError):  # require() says so
    from sqlalchemy.exc import DBAPIError

ANSWER_LIMIT = 300
"""Characters of a database's answer that a message repeats."""

# What cannot be done without a library.
_LACKS = {
    "sqlalchemy": "no ledger can be opened",
    "psycopg": "no ledger in PostgreSQL can be opened",
    "scipy": "there are no statistics; boots and transitions are recorded without it",
}
# What is installed for an import.
REQUIREMENTS = {"sqlalchemy": "SQLAlchemy>=2.0.28", "psycopg": "psycopg[binary]>=3.1", "scipy": "scipy>=1.11"}

# By SQLSTATE or its class, which is its first two characters (PostgreSQL manual, appendix A).
_BY_STATE = {
    "08": "ledger_away",
    "28": "ledger_away",
    "3D": "ledger_away",
    "53300": "ledger_away",
    "57": "ledger_away",
    "25006": "ledger_read_only",
    "25P03": "ledger_away",
    "42501": "ledger_read_only",
    "40": "ledger_locked",
    "55P03": "ledger_locked",
}
# By what SQLite says (sqlite3_errstr); its codes can only be asked for since Python 3.11. Of a connection that did not
# come about, or broke, psycopg has no SQLSTATE.
_BY_WORDS = {
    "locked": "ledger_locked",
    "readonly": "ledger_read_only",
    "unable to open": "ledger_away",
    "not a database": "ledger_damaged",
    "malformed": "ledger_damaged",
    "connect": "ledger_away",
    # The server's name: "failed to resolve host" (psycopg), "could not translate host name" (libpq).
    "resolve host": "ledger_away",
    "host name": "ledger_away",
}
_WORDS = re.compile("|".join(_BY_WORDS))
_ADVICE = {
    "ledger_away": (
        "cannot be reached, so nothing was read or written. Check whether the server runs and lets this user in, or "
        "whether the file's directory is there. What was not written can be written later; imports are repeatable."
    ),
    "ledger_read_only": (
        "may be read but not written, so nothing was written. Give this user the right to write, or name another "
        "ledger by `url`."
    ),
    "ledger_locked": (
        "was kept busy by other writers for too long, so nothing was written. Run this again; if it happens often, "
        "keep the ledger in PostgreSQL."
    ),
    "ledger_damaged": (
        "is not a ledger, or is damaged, and was left as it is. Put the file back from a backup, or move it away and "
        "import the hosts' histories again."
    ),
    "ledger_failed": "answered with an error, so nothing was written.",
}


class LedgerError(KhoError):
    """The ledger was not read or written; what was written before is whole."""


def require(*names: str) -> None:
    """Make sure that libraries can be imported. Raises LedgerError ``ledger_library_missing``."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise LedgerError(
                "ledger_library_missing",
                f"The Python that runs Ansible here, {sys.executable}, has no usable {name} ({printable(str(error))}), "
                f"and without it {_LACKS[name]}. Install it there: {sys.executable} -m pip install "
                f"'{REQUIREMENTS[name]}'; if pipx installed Ansible: pipx inject ansible-core '{REQUIREMENTS[name]}'; "
                "if pip refuses because the system manages that Python (PEP 668): the distribution's package. Hosts "
                "need nothing.",
            ) from error


@contextmanager
def understood(place: str, secret: str | None = None) -> Iterator[None]:
    """Turn what the database at ``place`` answers into LedgerErrors; ``secret`` is not repeated."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        # While a connection is being made, SQLAlchemy hands on what the driver raises.
        answer = getattr(error, "orig", error)
        raise _error(place, str(answer), getattr(answer, "sqlstate", None), secret) from error


def _error(place: str, answer: str, state: str | None, secret: str | None) -> LedgerError:
    code = _code(answer, state)
    said = " ".join(answer.replace(secret, "***").split() if secret else answer.split())
    message = f"The ledger in {place} {_ADVICE[code]} The database says: {printable(said, ANSWER_LIMIT)}"
    return LedgerError(code, message)


def _code(answer: str, state: str | None) -> str:
    if state is not None:
        return _BY_STATE.get(state) or _BY_STATE.get(state[:2], "ledger_failed")
    words = _WORDS.search(answer)
    return _BY_WORDS.get(words.group() if words else "", "ledger_failed")


def told(error: LedgerError, on_error: str) -> dict[str, Any]:
    """Return the error as a failure, or as a warning of a task that goes on."""
    if on_error != "warn":
        return {"changed": False, **failed_with(error.code, error.message)}
    message = with_reference(error.code, error.message)
    return {"changed": False, "code": error.code, "msg": message, "warnings": [message]}
