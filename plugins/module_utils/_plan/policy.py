# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator wants, and what is enough for it. Data only."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Mapping, NamedTuple, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.words import (
    COLD_BOOT,
    CRASHES_ON_ONE_HOST,
    LATEST,
    NEVER,
    REFUSE,
    REQUIRE,
    WARN,
)
from ansible_collections.kho.kexec.plugins.module_utils._plan.command_line import NO_EDITS, CommandLineEdits


class Denial(NamedTuple):
    """A transition that the operator forbids: globs for both releases, the action (or ``any``), and why."""

    left: str
    to: str
    action: str
    reason: str

    def forbids(self, left: str, to: str) -> bool:
        """Whether this is about the transition from one release to the other."""
        return fnmatchcase(left, self.left) and fnmatchcase(to, self.to)


class CrashRisk(NamedTuple):
    """A transition that crashes more often than a cold boot of the same release, as the ledger found.

    ``boot``: ``handover``, or ``kexec`` without one, of which nobody knows ``previous_release``. ``longest_chain``: up
    to so many handovers in a row no difference was seen, and all else is about longer chains; None when it is about all
    of them. ``at_least``: it crashes at least so many times as often as a cold boot. ``sentence``: the same in words.
    ``cautions``: what to keep in mind.
    """

    boot: str
    previous_release: str | None
    release: str
    longest_chain: int | None
    at_least: float
    sentence: str
    cautions: Tuple[Note, ...] = ()

    @property
    def rests_on_one_host(self) -> bool:
        """Whether most of the crashes are one host's, which must not decide for all others."""
        return any(caution.code == CRASHES_ON_ONE_HOST for caution in self.cautions)


class Policy(NamedTuple):
    """What the operator wants.

    ``release``: a release, a glob of releases, ``latest``, ``running`` (which is started anew), or ``previous``.
    ``panic``: seconds for ``panic=``.
    ``handover``: ``require``, ``prefer`` (else a kexec without one), or ``ignore`` (a kexec is enough).
    ``fallback``: ``refuse`` or ``cold_boot``, when there can be no kexec. ``on_unknown``: ``warn`` or ``refuse``, when
    something about the handover cannot be known. ``max_kexec_count``: the longest chain, 0 for any.
    ``crash_risks``: what the ledger found. ``on_crash_risk``: ``warn``, or ``refuse`` those that crash at least
    ``crash_risk_threshold`` times as often as a cold boot.
    ``boot_default``: whether the kernel is to become the boot loader's default later, ``require``, ``prefer`` or
    ``never``.
    ``on_pending_firmware``: ``warn``, ``refuse``, or ``cold_boot`` instead of a kexec, where updates of firmware wait.
    ``accept``: codes of ``ACCEPTABLE`` that are no reason to refuse.
    """

    release: str = LATEST
    panic: int = 10
    allow_downgrade: bool = False
    handover: str = REQUIRE
    fallback: str = REFUSE
    on_unknown: str = WARN
    max_kexec_count: int = 0
    denied: Tuple[Denial, ...] = ()
    crash_risks: Tuple[CrashRisk, ...] = ()
    on_crash_risk: str = REFUSE
    crash_risk_threshold: float = 1.0
    accept: Tuple[str, ...] = ()
    edits: CommandLineEdits = NO_EDITS
    boot_default: str = NEVER
    on_pending_firmware: str = WARN

    @property
    def may_cold_boot(self) -> bool:
        """Whether a cold boot will do when there can be no kexec."""
        return self.fallback == COLD_BOOT


def policy_of(options: Mapping[str, Any]) -> Policy:
    """The policy that a module's options describe."""
    return Policy(
        release=options["release"],
        panic=options["panic"],
        allow_downgrade=options["allow_downgrade"],
        handover=options["handover"],
        fallback=options["fallback"],
        on_unknown=options["on_unknown"],
        max_kexec_count=options["max_kexec_count"],
        denied=tuple(
            Denial(denial["from"], denial["to"], denial["action"], denial["reason"])
            for denial in options["denied_transitions"]
        ),
        crash_risks=tuple(
            CrashRisk(
                risk["boot"],
                risk["previous_release"],
                risk["release"],
                risk["longest_chain"],
                risk["relative_risk_low"],
                risk["sentence"],
                tuple(Note(caution["code"], caution["sentence"]) for caution in risk["cautions"]),
            )
            for risk in options["crash_risks"]
        ),
        on_crash_risk=options["on_crash_risk"],
        crash_risk_threshold=options["crash_risk_threshold"],
        accept=tuple(options["accept"]),
        boot_default=options["boot_default"],
        on_pending_firmware=options["on_pending_firmware"],
        edits=CommandLineEdits(
            append=tuple(options["command_line_append"]),
            replace={
                str(name): None if value is None else str(value)
                for name, value in options["command_line_replace"].items()
            },
            remove=tuple(options["command_line_remove"]),
        ),
    )
