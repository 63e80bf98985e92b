# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict and the commit in one round trip, for who wants to look at nothing in between."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity
from ansible_collections.kho.kexec.plugins.module_utils._transition.commit import commit, require_reached
from ansible_collections.kho.kexec.plugins.module_utils._transition.verify import Examine, verify


class Keeping(NamedTuple):
    """How a kernel that is accepted is kept: the options of kexec_commit."""

    boot_default: str
    release: str | None
    accept: tuple[str, ...]


def verify_and_commit(
    host: Host, examine: Examine | None, keeping: Keeping, run_identity: RunIdentity, check_mode: bool
) -> dict[str, Any]:
    """Judge as `verify` does, and commit what is accepted; returns the verdict, and ``commit`` where there was one.

    A commit that fails takes nothing from the verdict: ``commit`` is ``failed`` then, with its code. Raises what
    `verify` raises.
    """
    judged = verify(host, examine, check_mode)
    if not judged["verdict"]["accepted"]:
        return judged
    return {**judged, "commit": _kept(host, keeping, run_identity, check_mode)}


def _kept(host: Host, keeping: Keeping, run_identity: RunIdentity, check_mode: bool) -> dict[str, Any]:
    """What kexec_commit would have returned."""
    try:
        result = commit(host, keeping.boot_default, keeping.accept, run_identity, check_mode)
        require_reached(keeping.release, result)
    except KhoError as error:
        return {**error.findings, **failed_with(error.code, error.message)}
    return result
