# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing what a plan is made from: the host, the installed kernels, and the one that is the target."""

from __future__ import annotations

import re
from typing import Callable, Mapping, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.access import access_problem
from ansible_collections.kho.kexec.plugins.module_utils._host.busy import busy
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.ownership import writable_by_others
from ansible_collections.kho.kexec.plugins.module_utils._host.port import FileIdentity, Host, HostError, read_lossless
from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed
from ansible_collections.kho.kexec.plugins.module_utils._host.words import PREVIOUS, RUNNING
from ansible_collections.kho.kexec.plugins.module_utils._image.cache import read_image_cached
from ansible_collections.kho.kexec.plugins.module_utils._image.read import ImageError, KernelImage
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate, find_candidates
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import (
    Choice,
    Rejected,
    choose,
    header_problem,
)
from ansible_collections.kho.kexec.plugins.module_utils._kernel.bootconfig import NO_BOOT_CONFIG
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import (
    TEXT_LIMIT,
    built_in_arguments,
    running_options,
)
from ansible_collections.kho.kexec.plugins.module_utils._observe.firmware import pending_firmware
from ansible_collections.kho.kexec.plugins.module_utils._observe.initrd_left import initrd_left
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel, observe_running
from ansible_collections.kho.kexec.plugins.module_utils._observe.site import observe_site
from ansible_collections.kho.kexec.plugins.module_utils._observe.unlock import passphrase_needed
from ansible_collections.kho.kexec.plugins.module_utils._plan.boot_config import adds_boot_config, observe_boot_config
from ansible_collections.kho.kexec.plugins.module_utils._plan.command_line import for_target
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._plan.root_device import find_root_device
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation, Target
from ansible_collections.kho.kexec.plugins.module_utils._record.claim import RunIdentity, claim_in_the_way
from ansible_collections.kho.kexec.plugins.module_utils._record.failures import read_failures
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import (
    RECORD_PATH,
    Transition,
    read_transition,
)

_MODULE = regex(r"^CONFIG_\w+=m$", re.MULTILINE)
_INITRD = regex(r"^CONFIG_BLK_DEV_INITRD=y$", re.MULTILINE)


@timed("observing")
def observe_situation(host: Host, policy: Policy, run_identity: RunIdentity, remember: bool) -> Situation:
    """Everything that ``decide`` needs; reads, and changes nothing but, to ``remember``, the cache of images.

    In a container and without root, nothing but the running kernel is looked at: no plan would come of it.
    Raises Refusal ``record_unreadable``, ``failures_unreadable`` or ``command_line_edit_invalid``.
    """
    running = observe_running(host)
    try:
        site = observe_site(host)
        if access_problem(site.container, site.root) is not None:
            return Situation(running, site, Choice(None, (), None), None, policy, None)
        transition, failures = read_transition(host), read_failures(host)
        candidates = find_candidates(host)
        choice = _choose(host, candidates, policy, transition, running.release)
        built_in = _built_in(host, candidates, running, remember)
        boot_config = observe_boot_config(host, site.command_line)

        def command_line(own: str, has_boot_config: bool) -> str:
            added = boot_config if boot_config and has_boot_config else NO_BOOT_CONFIG
            sources = [added.kernel, built_in or "", own]
            return for_target(site.command_line, policy.panic, policy.edits, sources, added.init)

        command_line("", False)  # what is wrong with the edits is said whatever the target is
        bare = _runs_without_initrd(candidates, running)
        target = observe_target(host, choice.chosen, command_line, bare, remember) if choice.chosen else None
    except Refusal as refusal:
        refusal.findings["running"] = running.as_facts()
        raise
    handlers = _luo_handlers(host, candidates, running, remember) if site.live_update else None
    claim = claim_in_the_way(host, run_identity)
    situation = Situation(
        running,
        site,
        choice,
        target,
        policy,
        transition,
        claim,
        failures,
        handlers,
        built_in=built_in,
        boot_config_unclear=boot_config is None,
        initrd_left=target is not None and not target.has_initrd and initrd_left(host),
    )
    if policy.release == PREVIOUS:  # the way back is not held up: where nobody goes it, the guard resets the host
        return situation
    return situation._replace(
        busy=busy(host),
        passphrase=passphrase_needed(host, site.command_line),
        firmware=pending_firmware(host),
    )


def _built_in(host: Host, candidates: Sequence[Candidate], running: RunningKernel, remember: bool) -> str | None:
    """What the running kernel adds to its arguments, by its configuration, or by its image; None when neither tells."""
    options: Mapping[str, str] | None = running_options(host, running.release)
    if options is None:
        image = _running_image(host, candidates, running, remember)
        options = image.config if image and image.config else None
    return None if options is None else built_in_arguments(options)


def _running_image(
    host: Host, candidates: Sequence[Candidate], running: RunningKernel, remember: bool
) -> KernelImage | None:
    for candidate in candidates:
        if candidate.release == running.release and candidate.obstacle is None:
            return _image(host, candidate, remember)[0]
    return None


def _luo_handlers(
    host: Host, candidates: Sequence[Candidate], running: RunningKernel, remember: bool
) -> tuple[str, ...] | None:
    """Only the image tells what the running kernel understands."""
    image = _running_image(host, candidates, running, remember)
    return image.luo_handlers if image else None


def _choose(
    host: Host, candidates: Sequence[Candidate], policy: Policy, transition: Transition | None, running: str | None
) -> Choice:
    """The candidate that is wanted; ``previous`` is what the record says that ran before, ``running`` what runs now."""
    if policy.release == RUNNING:
        return choose(candidates, running or "")
    if policy.release != PREVIOUS:
        return choose(candidates, policy.release, running, header_problem(host))
    if transition is not None and not transition.is_rebuild:
        return choose(candidates, transition.before)
    note = _previous_replaced(transition) if transition is not None else _previous_unknown()
    return Choice(None, tuple(Rejected(candidate, note) for candidate in candidates), note)


def _previous_replaced(transition: Transition) -> Note:
    return Note(
        "previous_replaced",
        f"The kernel that ran before was {transition.before}, too: it was started anew, or its files were replaced by "
        "those of another build. The way back would start the same files once more. Name another release, or let a "
        "cold boot begin anew; to go back to an older build, install its package again first.",
    )


def _previous_unknown() -> Note:
    return Note(
        "previous_unknown",
        f"There is nothing to go back to: no transition record ({RECORD_PATH}) says which kernel ran before. Name the "
        "release that is wanted instead.",
    )


def observe_target(
    host: Host, candidate: Candidate, line_for: Callable[[str, bool], str], bare: bool, remember: bool
) -> Target:
    """What the file system holds of this kernel; ``bare`` says that the running one does without an initrd.

    ``line_for`` makes its command line, for a kernel that adds the arguments which are given, and those of a boot
    configuration or not.
    """
    files = _identities(host, (candidate.image, *candidate.initrds))
    image, problem = _image(host, candidate, remember)
    options = read_lossless(host, candidate.config, TEXT_LIMIT) if candidate.config else ""
    own = built_in_arguments(image.config) if image else ""
    command_line = line_for(own, adds_boot_config(host, candidate, image))
    return Target(
        candidate=candidate,
        image=image,
        image_problem=problem,
        command_line=command_line,
        files=files,
        unsafe=tuple(sorted(writable_by_others(host, candidate.image, *candidate.initrds))),
        initrd_bytes=_initrd_bytes(candidate, image, files),
        needs_initrd=not (bare or (options and not _INITRD.search(options))),
        needs_modules=not options or _MODULE.search(options) is not None,
        root=find_root_device(host, command_line),
    )


def _runs_without_initrd(candidates: Sequence[Candidate], running: RunningKernel) -> bool:
    """Whether the running kernel is installed, without an initrd, and booted."""
    same = [one for one in candidates if one.release == running.release and one.obstacle is None]
    return bool(same) and not any(one.initrds or one.uki for one in same)


def _image(host: Host, candidate: Candidate, remember: bool) -> tuple[KernelImage | None, str | None]:
    try:
        return read_image_cached(host, candidate.image, candidate.config, remember), None
    except (HostError, ImageError) as error:
        return None, error.message


def _identities(host: Host, paths: Sequence[str]) -> tuple[tuple[str, FileIdentity], ...]:
    """The files as they are before they are read; one that cannot be looked at is left out, and cannot be loaded."""
    found = []
    for path in paths:
        try:
            found.append((path, host.identity(path)))
        except HostError:
            continue
    return tuple(found)


def _initrd_bytes(
    candidate: Candidate, image: KernelImage | None, files: tuple[tuple[str, FileIdentity], ...]
) -> int | None:
    if image is not None and image.uki is not None:
        return image.uki.initrd[1] if image.uki.initrd else 0
    sizes = [identity.size for path, identity in files if path in candidate.initrds]
    return sum(sizes) if len(sizes) == len(candidate.initrds) else None
