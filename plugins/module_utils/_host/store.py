# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept on a host: files of JSON, for root alone, each replaced as a whole."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Tuple, TypeVar

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed

Stored = TypeVar("Stored")
Kinds = Tuple[type, ...]


class JsonFile(NamedTuple):
    """A file of at most ``limit`` bytes; ``unreadable`` makes the error of one that is there and cannot be used.

    ``indent`` None: what is too long for people to read takes no more room than it must.
    """

    path: str
    limit: int
    unreadable: Callable[[str], KhoError]
    indent: Optional[int] = 1

    def read(self, host: Host, parse: Callable[[Any], Stored]) -> Optional[Stored]:
        """Return what ``parse`` makes of the content, None when there is no file.

        Raises the ``unreadable`` error, also for the ValueError by which ``parse`` says what is wrong.
        """
        try:
            return parse(json.loads(host.read_text(self.path, self.limit)))
        except HostError as error:
            if error.reason == "absent":
                return None
            raise self.unreadable(str(error)) from error
        except (ValueError, RecursionError) as error:
            raise self.unreadable(str(error)) from error

    @timed("writing")
    def write(self, host: Host, content: Any) -> None:
        """Store it, readable for root alone; it survives a crash whole. Raises HostError."""
        text = json.dumps(content, indent=self.indent, sort_keys=True)
        host.write_atomically(self.path, text.encode("utf-8") + b"\n")

    @timed("writing")
    def remove(self, host: Host) -> None:
        """Remove the file, if there is one. Raises HostError."""
        host.remove(self.path)


def field(fields: Any, name: str, *kinds: type) -> Any:
    """Return one field of a JSON object, of exactly one of these types (so that true is not taken for 1).

    Raises ValueError.
    """
    if not isinstance(fields, dict) or name not in fields:
        raise ValueError(f"it has no field {name!r}")
    value = fields[name]
    if type(value) not in kinds:
        raise ValueError(f"its field {name!r} is {type(value).__name__}")
    return value


def record(stored: Any, schema: int, kinds: Mapping[str, Kinds]) -> Dict[str, Any]:
    """Return the fields of an object of this schema, which has these and no others. Raises ValueError."""
    if not isinstance(stored, dict) or stored.get("schema") != schema:
        raise ValueError(f"it is not a record of schema {schema}")
    if set(stored) != {"schema", *kinds}:
        raise ValueError("its fields are not " + ", ".join(sorted(kinds)))
    return {name: field(stored, name, *of) for name, of in kinds.items()}
