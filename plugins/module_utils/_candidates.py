# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed kernels, and the one among them that is meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host import Host
from ansible_collections.kho.kexec.plugins.module_utils._text import printable

OPTIONS_LIMIT = 4096


@dataclass(frozen=True)
class Candidate:
    """A kernel that is installed on the host, or what is left of one.

    ``release`` is what its name or its boot loader entry says, and empty when nothing does. ``image`` is the path that
    was looked at. ``initrds`` are in loading order. ``modules`` is the directory below /usr/lib/modules or /lib/modules
    that has a modules.dep, ``config`` the kernel's configuration; None when not there. ``found_in`` says who knows it:
    ``boot``, ``modules``, ``bls:PATH``, ``grub:PATH``. ``options`` is the command line of the boot loader's entry, for
    information only. ``obstacle`` says why it can never be chosen (leftover, no_image, release_not_named), or is None.
    """

    release: str
    image: str
    uki: bool
    initrds: Tuple[str, ...]
    modules: Optional[str]
    config: Optional[str]
    found_in: Tuple[str, ...]
    options: Optional[str]
    obstacle: Optional[Note] = None

    def as_dict(self) -> dict[str, Any]:
        """Return the candidate in the shape that modules return."""
        return {
            "release": self.release or None,
            "image": self.image,
            "uki": self.uki,
            "initrds": list(self.initrds),
            "modules": self.modules,
            "config": self.config,
            "found_in": list(self.found_in),
            "options": None if self.options is None else printable(self.options, OPTIONS_LIMIT),
        }


@dataclass(frozen=True)
class Rejected:
    """A candidate that was not chosen, and why."""

    candidate: Candidate
    why: Note

    @property
    def code(self) -> str:
        """Return the reason for machines."""
        return self.why.code

    @property
    def message(self) -> str:
        """Return the reason for people."""
        return self.why.message

    def as_dict(self) -> dict[str, Any]:
        """Return the candidate's release and image, and the reason, in the shape that modules return."""
        return {"release": self.candidate.release or None, "image": self.candidate.image, **self.why.as_dict()}


@dataclass(frozen=True)
class Choice:
    """The candidate that is meant, or the refusal that says why there is none; and all others, each with its reason.

    The refusal's code is ``target_not_found`` or ``target_ambiguous``.
    """

    chosen: Optional[Candidate]
    rejected: Tuple[Rejected, ...]
    refusal: Optional[Note]


def find_candidates(host: Host) -> Tuple[Candidate, ...]:
    """Every kernel that the host's files and boot loader entries name: newest first, then those with an obstacle."""
    raise NotImplementedError


def choose(candidates: Sequence[Candidate], wanted: str) -> Choice:
    """The candidate that ``wanted`` means: ``latest``, a release, or a glob (the newest release that matches)."""
    raise NotImplementedError
