# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel releases (``uname -r``) and their order, and builds (``uname -v``), which tell kernels of a release apart."""

from __future__ import annotations

from typing import Optional, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex

# The kernel's `struct new_utsname` has room for 64 characters (include/uapi/linux/utsname.h).
# The set of characters is the one that distributions use; it keeps blanks, slashes and shell syntax out.
RELEASE_LIMIT = 64
_RELEASE = regex(r"[0-9][A-Za-z0-9._+~-]*")

# What `make install`, package managers and editors leave beside real images, and the compressed ELF files that SUSE
# installs for debuggers (vmlinux-RELEASE.xz), as the end of a file's name.
_LEFTOVER = regex(
    r"(\.(old|new|prev|bak|backup|orig|save|hmac|sig|asc|(un)?signed|tmp|gz|xz|zst|bz2|lz4|md5(sum)?|sha[0-9]+(sum)?"
    r"|b2(sum)?|rpm(new|save|orig)|dpkg-[a-z]+)|~)$"
)

_NUMBERS = regex(r"[0-9]+(?:\.[0-9]+)*")
# A release candidate comes before its final release, whether it is written 7.3-rc7, 7.3.0-0.rc7 (Fedora), 7.3~rc7, or
# 7.3.0-070300rc7 (Ubuntu's mainline builds).
_CANDIDATE = regex(r"(?:(?:-0)?[-._~]|-[0-9]{6}|^)(?=rc[0-9])")
# Gentoo's revision comes after the release that it revises: 7.3.4-gentoo-r1-x86_64 after 7.3.4-gentoo-x86_64.
_REVISION = regex(r"-r(?=[0-9]+(?:-|$))")
# Fedora's and RHEL's debug builds come before the kernel that they are built from, as in their boot menus
# (/usr/lib/kernel/install.d/20-grub.install), so the latest kernel is one for production.
_DEBUG = regex(r"[+.-](?=debug$)")
# Characters that separate do not count: an RPM's 503.11.1.el9_5 is newer than its 503.el9, because a number is newer
# than a word (rpmvercmp).
_PIECE = regex(r"~|[0-9]+|[A-Za-z]+")

# Ranks of what may stand at one place of a suffix: "~" is before the end, everything else is after it.
_TILDE, _END, _TEXT, _NUMBER = range(4)

# The kernel has room for 64 characters (include/uapi/linux/utsname.h).
BUILD_LIMIT = 64
# init/version-timestamp.c and arch/x86/boot/version.c end their text with it: "… (root@build) #1 SMP DATE".
_BUILD = regex(rf"\) (#[!-~][ -~]{{0,{BUILD_LIMIT - 2}}})$")

_Digits = Tuple[int, str]
_Piece = Tuple[int, _Digits, str]
ReleaseKey = Tuple[Tuple[_Digits, ...], Tuple[_Piece, ...], str]


def is_release(text: str) -> bool:
    """Whether the text can be a kernel release, and is not the name of a leftover such as ``7.3.4.old``."""
    return len(text) <= RELEASE_LIMIT and _RELEASE.fullmatch(text) is not None and not is_leftover(text)


def is_leftover(file_name: str) -> bool:
    """Whether the file's name says that it was left beside real images, and is not there to be started."""
    return _LEFTOVER.search(file_name) is not None


def release_key(release: str) -> ReleaseKey:
    """Sort key for releases: a total order, in which only equal strings have equal keys.

    ``6.12.9 < 6.12.10``, ``7.3~rc7 < 7.3`` and ``7.3.0-rc7 < 7.3.0``; ``7.3`` and ``7.3.0`` count as one version.
    Numbers in suffixes count as numbers, so ``-9-amd64 < -10-amd64``, and are newer than words, so
    ``-70.el9 < -70.1.el9``.
    """
    numbers = _NUMBERS.match(release)
    version = numbers.group() if numbers else ""
    fields = [_digits(field) for field in version.split(".")]
    while fields and fields[-1] == _digits("0"):
        fields.pop()
    suffix = _DEBUG.sub("~", _CANDIDATE.sub("~", _REVISION.sub(".", release[len(version) :])))
    pieces = tuple(_piece(piece) for piece in _PIECE.findall(suffix))
    return tuple(fields), (*pieces, (_END, _digits("0"), "")), release


def build_in(banner: str) -> Optional[str]:
    """The build in a kernel's version text, such as ``#1 SMP PREEMPT_DYNAMIC Debian 7.3.4-1 (2026-11-20)``; or None."""
    match = _BUILD.search(banner.strip())
    return match.group(1).strip() if match else None


def is_build(text: str) -> bool:
    """Whether the text is a build as ``build_in`` returns it."""
    return build_in(") " + text) == text


def _digits(text: str) -> _Digits:
    """A number as (length, digits): compares like the number, and has no limit of length."""
    significant = text.lstrip("0")
    return len(significant), significant


def _piece(text: str) -> _Piece:
    if text == "~":
        return _TILDE, _digits("0"), ""
    if text[0] in "0123456789":
        return _NUMBER, _digits(text), ""
    return _TEXT, _digits("0"), text
