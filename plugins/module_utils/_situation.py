# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan is made from: the host, the installed kernels, and what the operator wants. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._kernel_image import ImageHeader
from ansible_collections.kho.kexec.plugins.module_utils._releases import latest_release
from ansible_collections.kho.kexec.plugins.module_utils._running import RunningKernel
from ansible_collections.kho.kexec.plugins.module_utils._text import printable
from ansible_collections.kho.kexec.plugins.module_utils._transition import TEXT_LIMIT, Transition

LATEST = "latest"


@dataclass(frozen=True)
class Policy:
    """What the operator wants: a release or ``latest``, seconds for ``panic=``, and whether an older one will do."""

    release: str = LATEST
    panic: int = 10
    allow_downgrade: bool = False


@dataclass(frozen=True)
class Site:
    """What the host allows, beside its kernel.

    ``container``: what says that this is a container, or None. ``architecture``: as ``uname -m``, None when unknown.
    ``load_disabled`` and ``load_limit``: the sysctls kernel.kexec_load_disabled and kernel.kexec_load_limit_reboot,
    None when the kernel has no such file; the limit is -1 for none. ``tools_problem``: why kexec-tools cannot be used,
    or None. ``releases``: those with an image in /boot. ``command_line``: the running kernel's.
    """

    container: str | None
    root: bool
    architecture: str | None
    load_disabled: bool | None
    load_limit: int | None
    tools_problem: str | None
    releases: tuple[str, ...]
    command_line: str


@dataclass(frozen=True)
class Target:
    """The kernel that the plan wants to run next, as found in the file system.

    ``initrd`` is None when there is none. ``header`` is None when the image cannot be read, and ``image_problem`` says
    why. ``unsafe`` names the paths that others than root may write. ``kho_built`` is None when the target's config is
    not there. ``needs_initrd`` and ``needs_modules`` are True unless there is evidence that the target does without.
    """

    release: str
    image: str
    initrd: str | None
    command_line: str
    header: ImageHeader | None
    image_problem: str | None
    unsafe: tuple[str, ...]
    kho_built: bool | None
    needs_initrd: bool
    needs_modules: bool
    has_modules: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the target in the shape that modules return."""
        return {
            "release": self.release,
            "image": self.image,
            "initrds": [] if self.initrd is None else [self.initrd],
            "command_line": printable(self.command_line, TEXT_LIMIT),
        }


@dataclass(frozen=True)
class Situation:
    """All that a plan is made from. ``target`` is None when no image of the wanted release is installed."""

    running: RunningKernel
    site: Site
    target: Target | None
    policy: Policy
    transition: Transition | None


def choose_release(policy: Policy, releases: tuple[str, ...]) -> str | None:
    """The release that the policy means, or None when no image of it is installed."""
    if policy.release == LATEST:
        return latest_release(releases)
    return policy.release if policy.release in releases else None
