# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which targets have failed on this host, so no later run jumps into the same kernel again."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.store import JsonFile
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

FAILURES_PATH = "/var/lib/kho-kexec/failures.json"
# The oldest are forgotten: kernels that were given up long ago are not installed any more.
_KEPT = 20
_SIZE_LIMIT = 1 << 16


def _unreadable(why: str) -> Refusal:
    return Refusal(
        "failures_unreadable",
        f"The list of targets that have failed on this host, {FAILURES_PATH}, cannot be understood: {printable(why)}. "
        "Without it, a host could jump into a kernel from which it has been rolled back. Look at the file, and remove "
        "it when no kernel that is installed is known to fail here.",
    )


FILE = JsonFile(FAILURES_PATH, _SIZE_LIMIT, _unreadable)


class Failure(NamedTuple):
    """A target that was reached, or not, otherwise than was promised.

    ``fingerprint`` tells its files from later ones with the same names; empty when unknown. ``verdict`` is the word
    that it ended with, ``created`` when its transition was staged (UTC, ISO 8601).
    """

    release: str
    fingerprint: str
    verdict: str
    created: str

    def is_of(self, release: str, fingerprint: str) -> bool:
        """Whether these files have failed. A kernel that was built or installed anew has not."""
        return self.release == release and self.fingerprint in ("", fingerprint)


def read_failures(host: Host) -> tuple[Failure, ...]:
    """The targets that have failed, the latest last. Raises Refusal ``failures_unreadable``."""
    return FILE.read(host, _parse) or ()


def remember_failure(host: Host, failure: Failure) -> None:
    """Add a failure. Raises Refusal ``failures_unreadable`` and HostError."""
    others = [one for one in read_failures(host) if one.release != failure.release]
    _write(host, [*others, failure])


def forget_failures(host: Host, release: str) -> None:
    """Forget those of a release, once it is proven. Raises Refusal ``failures_unreadable`` and HostError."""
    failures = read_failures(host)
    kept = [one for one in failures if one.release != release]
    if len(kept) != len(failures):
        _write(host, kept)


def _write(host: Host, failures: list[Failure]) -> None:
    FILE.write(host, [one._asdict() for one in failures[-_KEPT:]])


def _parse(stored: Any) -> tuple[Failure, ...]:
    names = ("release", "fingerprint", "verdict", "created")
    if not isinstance(stored, list) or not all(
        isinstance(one, dict) and all(isinstance(one.get(name), str) for name in names) for one in stored
    ):
        raise ValueError("it is not a list of failures")
    return tuple(Failure(*(one[name] for name in names)) for one in stored)
