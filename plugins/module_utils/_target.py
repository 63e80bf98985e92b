# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing what a plan is made from: the host's settings, the installed kernels, and the one that is the target."""

from __future__ import annotations

import posixpath
import re

from ansible_collections.kho.kexec.plugins.module_utils._access import is_root
from ansible_collections.kho.kexec.plugins.module_utils._build_config import TEXT_LIMIT, installed_build_config
from ansible_collections.kho.kexec.plugins.module_utils._cmdline import for_target
from ansible_collections.kho.kexec.plugins.module_utils._container import container_manager
from ansible_collections.kho.kexec.plugins.module_utils._errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._kernel_image import ImageError, ImageHeader, parse_image_header
from ansible_collections.kho.kexec.plugins.module_utils._ownership import writable_by_others
from ansible_collections.kho.kexec.plugins.module_utils._releases import is_release
from ansible_collections.kho.kexec.plugins.module_utils._running import RunningKernel, observe_running
from ansible_collections.kho.kexec.plugins.module_utils._situation import (
    Policy,
    Site,
    Situation,
    Target,
    choose_release,
)
from ansible_collections.kho.kexec.plugins.module_utils._transition import read_transition

BOOT = "/boot"
IMAGE_PREFIX = "vmlinuz-"
# The names that Debian and Ubuntu, Fedora and its relatives, and SUSE give to the initrd of a release.
INITRDS = ("/boot/initrd.img-{}", "/boot/initramfs-{}.img", "/boot/initrd-{}")
IMAGE_LIMIT = 1 << 28


def observe_situation(host: Host, policy: Policy) -> Situation:
    """Everything that ``decide`` needs. Raises Refusal ``record_unreadable``; reads, and changes nothing."""
    running = observe_running(host)
    site = observe_site(host)
    release = choose_release(policy, site.releases)
    target = observe_target(host, release, running, for_target(site.command_line, policy.panic)) if release else None
    try:
        transition = read_transition(host) if site.root else None
    except Refusal as refusal:
        refusal.findings["running"] = running.as_facts()
        raise
    return Situation(running, site, target, policy, transition)


def observe_site(host: Host) -> Site:
    """What the host allows, beside its kernel."""
    load_disabled = _sysctl(host, "kexec_load_disabled")
    return Site(
        container=container_manager(host),
        root=is_root(host),
        architecture=_text(host, "/proc/sys/kernel/arch").strip() or None,
        load_disabled=None if load_disabled is None else load_disabled != 0,
        load_limit=_sysctl(host, "kexec_load_limit_reboot"),
        tools_problem=_tools_problem(host),
        releases=installed_releases(host),
        command_line=_text(host, "/proc/cmdline"),
    )


def installed_releases(host: Host) -> tuple[str, ...]:
    """The releases that have an image in /boot."""
    try:
        names = host.listdir(BOOT)
    except HostError:
        return ()
    releases = (name[len(IMAGE_PREFIX) :] for name in names if name.startswith(IMAGE_PREFIX))
    return tuple(release for release in releases if is_release(release))


def observe_target(host: Host, release: str, running: RunningKernel, command_line: str) -> Target:
    """What the file system holds of this release."""
    image = image_path(release)
    initrd = _initrd(host, release)
    header, problem = _header(host, image)
    config = installed_build_config(host, release)
    options = _text(host, config.path, TEXT_LIMIT) if config else None
    return Target(
        release=release,
        image=image,
        initrd=initrd,
        command_line=command_line,
        header=header,
        image_problem=problem,
        unsafe=tuple(sorted(writable_by_others(host, image, *filter(None, [initrd])))),
        kho_built=config.handover if config else None,
        needs_initrd=not _boots_without_initrd(host, running, options),
        needs_modules=options is None or re.search(r"^CONFIG_\w+=m$", options, re.MULTILINE) is not None,
        has_modules=host.exists(f"/lib/modules/{release}/modules.dep"),
    )


def image_path(release: str) -> str:
    """Where the image of a release is installed."""
    return posixpath.join(BOOT, IMAGE_PREFIX + release)


def _initrd(host: Host, release: str) -> str | None:
    return next((path for path in (pattern.format(release) for pattern in INITRDS) if host.exists(path)), None)


def _boots_without_initrd(host: Host, running: RunningKernel, options: str | None) -> bool:
    """Whether the target cannot use an initrd, or the running kernel was installed without one and booted."""
    if options is not None and re.search(r"^CONFIG_BLK_DEV_INITRD=y$", options, re.MULTILINE) is None:
        return True
    release = running.release
    return release is not None and host.exists(image_path(release)) and _initrd(host, release) is None


def _header(host: Host, image: str) -> tuple[ImageHeader | None, str | None]:
    try:
        return parse_image_header(host.read_bytes(image, IMAGE_LIMIT)), None
    except (HostError, ImageError) as error:
        return None, error.message


def _tools_problem(host: Host) -> str | None:
    try:
        version = host.run(["kexec", "--version"])
    except HostError as error:
        return error.message
    return None if version.rc == 0 else f"'kexec --version' ended with exit code {version.rc}."


def _sysctl(host: Host, name: str) -> int | None:
    """A number from /proc/sys/kernel; None when the kernel has no such setting."""
    try:
        return int(_text(host, "/proc/sys/kernel/" + name, 64))
    except ValueError:
        return None


def _text(host: Host, path: str, limit: int = 1 << 16) -> str:
    """A file's text, in which bytes that are not UTF-8 survive (as surrogates); empty when it cannot be read."""
    try:
        return host.read_bytes(path, limit).decode("utf-8", "surrogateescape")
    except HostError:
        return ""
