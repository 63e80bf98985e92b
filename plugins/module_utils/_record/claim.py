# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time works on a host: its claim says who it is, and until when others keep away.

A claim ends when it is released, when its time is over, or when the run that asks knows that its holder is dead.
"""

from __future__ import annotations

import errno
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, Iterator, Mapping, NamedTuple, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.store import JsonFile, field
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

CLAIM_PATH = "/var/lib/kho-kexec/claim.json"
LOCK_PATH = "/var/lib/kho-kexec/lock"
# What a file system says that has failed, or is full.
UNWRITABLE = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
FILE = JsonFile(CLAIM_PATH, 1 << 12, lambda why: HostError(CLAIM_PATH, "failed", why))


class RunIdentity(NamedTuple):
    """Who wants to do something to the host: ``now`` is the host's time (UTC, ISO 8601).

    ``run`` tells one run of a controller from all others, ``owner`` names it to people. With ``seconds`` above 0 the
    host is claimed for that long. ``over`` lists runs that are known to be dead.
    """

    now: str
    run: str = ""
    owner: str = ""
    seconds: int = 0
    over: Tuple[str, ...] = ()


def run_identity_of(options: Mapping[str, Any], now: str) -> RunIdentity:
    """Who asks, as a module's options say; a module that was run without the controller's half is nobody's."""
    asked = options["run_identity"] or {}
    return RunIdentity(
        now,
        run=asked.get("run") or "",
        owner=asked.get("owner") or "somebody",
        seconds=options["claim_timeout"],
        over=tuple(asked.get("over") or ()),
    )


class Claim(NamedTuple):
    """Who works on the host. ``since`` and ``until`` are UTC in ISO 8601, by the host's clock."""

    owner: str
    run: str
    since: str
    until: str

    def holds_against(self, run_identity: RunIdentity) -> bool:
        """Whether the run that asks has to keep away."""
        return self.run != run_identity.run and self.run not in run_identity.over and run_identity.now < self.until

    def as_dict(self) -> dict[str, Any]:
        """Return the claim in the shape that modules return."""
        return {name: printable(value) for name, value in self._asdict().items()}

    def as_note(self) -> Note:
        """``host_claimed``."""
        return Note(
            "host_claimed",
            f"Another run works on this host: {printable(self.owner)}, since {printable(self.since)}, and until "
            f"{printable(self.until)} at the latest (the host's time). Two runs at once would each take the other's "
            "jump for its own. Wait until it has ended, and run this again.",
        )


def read_claim(host: Host) -> Claim | None:
    """The claim on the host, None when there is none or when nothing can be made of it: its time would not end."""
    try:
        return FILE.read(host, _claim)
    except HostError:
        return None


def _claim(fields: Any) -> Claim:
    return Claim(*(field(fields, name, str) for name in ("owner", "run", "since", "until")))


def claim_in_the_way(host: Host, run_identity: RunIdentity) -> Claim | None:
    """The claim that the run that asks has to respect, or None."""
    claim = read_claim(host)
    return claim if claim is not None and claim.holds_against(run_identity) else None


@contextmanager
def alone(host: Host, check_mode: bool, judges: bool = False) -> Iterator[None]:
    """Keep other modules out while this one works on the host; what only looks disturbs nobody.

    A module goes on after its controller died, and the next run must not work beside it. One that ``judges`` works
    without the lock on a host that cannot write, where nobody else can either. Raises HostError.
    """
    with ExitStack() as held:
        try:
            if not check_mode:
                held.enter_context(host.locked(LOCK_PATH))
        except HostError as error:
            if not judges or getattr(error.__cause__, "errno", None) not in UNWRITABLE:
                raise
        yield


def respect_claims(host: Host, run_identity: RunIdentity) -> None:
    """Raises Refusal ``host_claimed`` when another run works on the host."""
    _refuse(claim_in_the_way(host, run_identity))


def take_claim(host: Host, run_identity: RunIdentity) -> None:
    """Claim the host, or renew the claim; without ``seconds``, only look. To be called ``alone``.

    Raises Refusal ``host_claimed`` and HostError.
    """
    if not run_identity.seconds:
        respect_claims(host, run_identity)
        return
    existing = read_claim(host)
    _refuse(existing if existing is not None and existing.holds_against(run_identity) else None)
    since = existing.since if existing is not None and existing.run == run_identity.run else run_identity.now
    claim = Claim(run_identity.owner, run_identity.run, since, later(run_identity.now, run_identity.seconds))
    FILE.write(host, claim._asdict())


def release_claim(host: Host, run_identity: RunIdentity) -> None:
    """Give the host free, if the run that asks holds it. Raises HostError."""
    claim = read_claim(host)
    if claim is not None and claim.run == run_identity.run:
        FILE.remove(host)


def later(now: str, seconds: int) -> str:
    """The time so many seconds after ``now``, in the same format."""
    moment = datetime.strptime(now, TIME_FORMAT).replace(tzinfo=timezone.utc)
    return (moment + timedelta(seconds=seconds)).strftime(TIME_FORMAT)


def time_of_day() -> str:
    """The host's time in that format."""
    return datetime.now(timezone.utc).strftime(TIME_FORMAT)


def _refuse(claim: Claim | None) -> None:
    if claim is not None:
        note = claim.as_note()
        raise Refusal(note.code, note.message, {"claim": claim.as_dict()})
