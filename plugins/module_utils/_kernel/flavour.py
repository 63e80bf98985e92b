# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flavour of a kernel release: what it is built for, whatever its version (``generic-64k``, ``rt-amd64``).

A release is a version, words and revisions, in an order that each distribution chooses for itself. The words that are
left without versions, revisions and the distribution's own tags are the flavour.
"""

from __future__ import annotations

from typing import FrozenSet, List, NamedTuple, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.text import regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import ReleaseKey, release_key

_VERSION = regex(r"[0-9]+(?:\.[0-9]+)*")
_PIECE = regex(r"([-+.~_]*)(x86_64|[A-Za-z0-9]+)")

# Processors, sizes of pages (64k; SUSE writes 64kb) and models have digits, and are no revisions.
_KEPT = regex(
    r"x86_64|i[3-6]86|amd64|a(?:arch|rm)64|armv[5-8][a-z]*|p(?:ower)?pc64(?:le|el)?|s390x?|riscv64|loong(?:arch)?64"
    r"|mips(?:32|64)[a-z0-9]*|ia64|sparc64|[0-9]+k[bc]?|[0-9]+bit"
)
# What numbers follow that count builds: arch1, zen2, rt50, xanmod1, rpi7 (Debian); Oracle's el9uek.
_COUNTED = regex(r"(arch|artix|zen|hardened|xanmod|rt|realtime|valve|alt|pclos|pf|ck|lqx|tkg|linode|rpi)[0-9]+")
_TAGGED = regex(r"el[0-9]+([a-z]{2,})")
# Candidates (rc7, 070300rc7), revisions (r1, p1), commits (g0123abc, 20241018git4d93), and the tags of distributions.
_DROPPED = regex(
    r"[0-9][0-9a-z]*|rc[0-9]+|[rp][0-9]+|g[0-9a-f]{6,40}|git[0-9a-f]*|dirty|unreleased"
    r"|(?:deb|bpo|rpt|kali|lp|ubuntu|el|fc)(?:[0-9]+(?:u[0-9]+)?)?"
)
_DIGIT = regex(r"[0-9]")
# Numbers that are names: of the Raspberry Pi 5's processor, and of old PCs.
_RASPBERRY_PI, _MODEL = "rpi", "2712"
_OLD_PCS = ("486", "586", "686")


class Flavour(NamedTuple):
    """The words of a release in their order, each once; and the release without them, to compare versions only."""

    words: List[str]
    rest: str

    @property
    def key(self) -> FrozenSet[str]:
        """Return what is equal for two releases of one flavour: distributions have changed the order of words."""
        return frozenset(self.words)

    @property
    def age(self) -> ReleaseKey:
        """Return the sort key of the version without the flavour."""
        return release_key(self.rest)

    def __str__(self) -> str:
        return "-".join(self.words) or "without a name"


def flavour_of(release: str) -> Flavour:
    """Take a release apart; whatever is not known to be a version or a revision belongs to the flavour."""
    match = _VERSION.match(release)
    version = match.group() if match else ""
    words: List[str] = []
    revisions: List[str] = []
    pieces = _PIECE.findall(release[len(version) :].lower())
    for number, (separator, text) in enumerate(pieces):
        last = number == len(pieces) - 1 or pieces[number + 1][1] == "pae"
        word = text if _is_number_and_name(text, separator, number == 0, last, words) else _word(separator, text)
        if word is None:
            revisions.append(text)
        elif word not in words:
            words.append(word)
    return Flavour(words, "-".join([version, ".".join(revisions)]) if revisions else version)


def _is_number_and_name(text: str, separator: str, first: bool, last: bool, words: List[str]) -> bool:
    if text == _MODEL:
        return words[-1:] == [_RASPBERRY_PI]
    return text in _OLD_PCS and separator == "-" and (last or not first)


def _word(separator: str, text: str) -> Optional[str]:
    """The word of a flavour that a piece is; None for a revision."""
    if _KEPT.fullmatch(text):
        return text
    counted = _COUNTED.fullmatch(text) or _TAGGED.fullmatch(text)
    if counted:
        return counted.group(1)
    # In an RPM's release, between dots, what has digits is a revision or a distribution: 24.4.v2101.ky10.x86_64.
    is_revision = separator == "." and _DIGIT.search(text) is not None
    return None if is_revision or _DROPPED.fullmatch(text) else text
