# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan is made from: the host, the installed kernels, and what the operator wants. Data only."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import FileIdentity
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._image.read import KernelImage
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import Choice
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._observe.site import Site
from ansible_collections.kho.kexec.plugins.module_utils._observe.unlock import Passphrase
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.root_device import RootDevice
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import Claim
from ansible_collections.kho.kexec.plugins.module_utils._record.failures import Failure
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import TEXT_LIMIT, Transition


class Target(NamedTuple):
    """The kernel that the plan wants to run next, as it is installed.

    ``image`` is what its image says; None when that cannot be read, and ``image_problem`` says why. ``files`` are those
    that would be loaded, as they were before they were read. ``unsafe`` names the paths that others than root may
    write. ``initrd_bytes`` is the size of all initrds together. ``needs_initrd`` and ``needs_modules`` are True unless
    there is evidence that the target does without. ``root`` is the device that the command line's ``root=`` names.
    """

    candidate: Candidate
    image: KernelImage | None
    image_problem: str | None
    command_line: str
    files: tuple[tuple[str, FileIdentity], ...]
    unsafe: tuple[str, ...]
    initrd_bytes: int | None
    needs_initrd: bool
    needs_modules: bool
    root: RootDevice

    @property
    def release(self) -> str:
        """The release that must run."""
        return self.candidate.release

    @property
    def fingerprint(self) -> str:
        """What tells the files from later ones with the same names."""
        return " ".join(f"{one.size}:{one.mtime_ns}:{one.inode}" for _path, one in self.files)

    @property
    def has_initrd(self) -> bool:
        """Whether there is an initrd, beside the image or, in a UKI, in it."""
        uki = self.image.uki if self.image else None
        return bool(self.candidate.initrds) or (uki is not None and uki.initrd is not None)

    def as_dict(self) -> dict[str, Any]:
        """Return the target in the shape that modules return."""
        return {
            "release": self.candidate.release,
            "image": self.candidate.image,
            "uki": self.candidate.uki,
            "initrds": list(self.candidate.initrds),
            "modules": self.candidate.modules,
            "found_in": list(self.candidate.found_in),
            "command_line": printable(self.command_line, TEXT_LIMIT),
            "kernel": self.image.as_dict() if self.image else None,
        }


class Situation(NamedTuple):
    """All that a plan is made from. ``target`` is None when ``choice`` has chosen none.

    ``claim`` is that of another run which has to be respected. ``failures`` are targets that have failed here.
    ``luo_handlers`` are the kinds of files whose live update the running kernel understands, None when that is unknown
    or of no account. ``busy`` says who must not be broken off. ``commit_problem`` is what
    keeps the target from becoming the boot loader's default later, None when nothing does or nobody wants that.
    ``built_in`` are the arguments that the running kernel adds to those that it is given, None when that is unknown.
    ``boot_config_unclear`` says that a boot configuration has added arguments, and that it is not known which.
    ``initrd_left`` says that the firmware keeps the address of an initrd, looked for where the target has none.
    ``passphrase`` says what asks for one when the host starts, ``firmware`` names updates that wait for a reset.
    """

    running: RunningKernel
    site: Site
    choice: Choice
    target: Target | None
    policy: Policy
    transition: Transition | None
    claim: Claim | None = None
    failures: tuple[Failure, ...] = ()
    luo_handlers: tuple[str, ...] | None = None
    busy: tuple[Note, ...] = ()
    commit_problem: str | None = None
    built_in: str | None = ""
    boot_config_unclear: bool = False
    initrd_left: bool = False
    passphrase: Passphrase | None = None
    firmware: tuple[str, ...] = ()

    def candidates(self) -> list[dict[str, Any]]:
        """Return all installed kernels in the shape that modules return: the chosen one, then the others with why."""
        chosen = self.choice.chosen
        first = [{**chosen.as_dict(), "chosen": True, "code": None, "message": None}] if chosen else []
        others = (
            {**rejected.candidate.as_dict(), "chosen": False, **rejected.why.as_dict()}
            for rejected in self.choice.rejected
        )
        return [*first, *others]
