# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host of the inventory a file of a collector is of. Pure.

Nothing is guessed: what could be two hosts is none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

# What collectors, kdump and logrotate put behind a host's name: a date, a kind of file and then perhaps a number, an
# id. A number alone is rather another host's.
_DATE = r"(?:\d{4}-\d\d-\d\d|\d{8,14})(?:[-T_][\d:.]+)?(?:Z|[+-]\d\d:?\d\d)?"
_KIND = r"(?:log|txt|gz|kmsg|kern|dmesg|console|netconsole|messages)(?:\.\d{1,6})?"
_BEHIND = re.compile(rf"(?:[-_.@](?:{_DATE}|{_KIND}|[0-9a-f]{{32}}[0-9a-f-]*))*", re.ASCII)
_ENDS = re.compile(r"[-_.@]")


class HostNames:
    """The names and addresses that hosts are known by."""

    def __init__(self, known: Mapping[str, Iterable[str]]) -> None:
        """``known``: each host of the inventory, with its addresses."""
        self._whole: defaultdict[str, set[str]] = defaultdict(set)
        self._short: defaultdict[str, set[str]] = defaultdict(set)
        for host, addresses in known.items():
            for name in filter(None, (host, *addresses)):
                self._whole[name.lower()].add(host)
                if not _is_address(name):
                    self._short[name.lower().partition(".")[0]].add(host)

    def host(self, name: str) -> str | None:
        """The host that is called so, with its domain or without it; None for none and for several."""
        asked = name.lower()
        found = self._whole.get(asked)
        if not found and not _is_address(asked):
            first, dot, _domain = asked.partition(".")
            # Two names with domains are two hosts, unless they are the same.
            found = (self._whole if dot else self._short).get(first)
        return next(iter(found)) if found and len(found) == 1 else None

    def host_of_file(self, name: str) -> str | None:
        """The host that a file or directory is named after, with a date or a kind behind it or not."""
        for end in (len(name), *(match.start() for match in reversed([*_ENDS.finditer(name)]))):
            if _BEHIND.fullmatch(name, end):
                host = self.host(name[:end])
                if host is not None:
                    return host
        return None


def _is_address(name: str) -> bool:
    """Whether a name is an IPv4 or IPv6 address, whose part before a dot is none of a host."""
    return ":" in name or name.replace(".", "").isdigit()
