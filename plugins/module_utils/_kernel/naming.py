# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line in the kernel's log that says which boot this is, and what it came of: written by this collection.

The kernel's own line (``KHO: exec from``) stands at the start of its log, and a crash record often holds only the end.
So the host writes another one, through /dev/kmsg (as a program, never as the kernel), and to netconsole's targets as
data that goes with each message (Documentation/networking/netconsole.rst, *userdata*). Root can write any such line,
and on a console nothing tells who wrote one: nothing here is proof.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import COUNT_LIMIT, Record

NAME = "kho-kexec"
LINE_PREFIX = NAME + ": "
USERDATA_PREFIX = f" {NAME}="
USERDATA_LIMIT = 199
"""Characters of a value of netconsole's (MAX_EXTRADATA_VALUE_LEN of drivers/net/netconsole.c, with its end)."""

_KINDS = ("cold", "kexec", "handover", "unknown")
_RELEASE = r"[A-Za-z0-9_.+~-]{1,64}"
_VALUE = regex(
    rf"boot ([0-9a-f]{{32}}) of ({_RELEASE}) began ([0-9]{{1,10}}): ({'|'.join(_KINDS)})"
    rf"(?: from ({_RELEASE}) count ([0-9]{{1,10}}))?"
)


class Naming(NamedTuple):
    """What such a line says: boot id (32 digits), when it began (seconds since 1970), its kind, the incoming record.

    ``boot`` is cold, kexec, handover or unknown.
    """

    boot_id: str
    release: str
    began: int
    boot: str
    record: Optional[Record]

    @property
    def value(self) -> str:
        """The words, without what stands before them."""
        record = self.record
        origin = "" if record is None else f" from {record.previous_release} count {record.kexec_count}"
        return f"boot {self.boot_id} of {self.release} began {self.began}: {self.boot}{origin}"

    @property
    def knows_transition(self) -> bool:
        """Whether the host could tell what was before the boot; of a handover, that is its record."""
        return self.record is not None or self.boot in ("cold", "kexec")

    @property
    def is_writable(self) -> bool:
        """Whether it would be read as it was meant: a release may be any text."""
        return naming_in(LINE_PREFIX + self.value) == self


def naming_in(line: str) -> Optional[Naming]:
    """Read a line, from its first to its last character; None when it is none of these."""
    prefix = next((one for one in (LINE_PREFIX, USERDATA_PREFIX) if line.startswith(one)), None)
    match = None if prefix is None else _VALUE.fullmatch(line[len(prefix) :])
    if match is None:
        return None
    boot_id, release, began, boot, previous, count = match.groups()
    # A record comes by a handover, and a handover brings one or none.
    if previous is not None and (boot != "handover" or int(count) > COUNT_LIMIT):
        return None
    record = None if previous is None else Record(previous, int(count))
    return Naming(boot_id, release, int(began), boot, record)
