# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one among the installed kernels that is meant."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import LATEST
from ansible_collections.kho.kexec.plugins.module_utils._image.read import IMAGE_LIMIT, ImageError, open_image
from ansible_collections.kho.kexec.plugins.module_utils._installed.candidates import Candidate
from ansible_collections.kho.kexec.plugins.module_utils._kernel.flavour import flavour_of
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import RELEASE_LIMIT, release_key

SHOWN = 10  # releases and images that a message names
_GLOB = frozenset("*?[")

HeaderProblem = Callable[[Candidate], Optional[str]]


class Rejected(NamedTuple):
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


class Choice(NamedTuple):
    """The candidate that is meant, or the refusal that says why there is none; and all others, each with its reason.

    The refusal's code is ``target_not_found`` or ``target_ambiguous``. ``passed_over`` says which kernels are newer
    than the chosen one, and were not meant.
    """

    chosen: Optional[Candidate]
    rejected: Tuple[Rejected, ...]
    refusal: Optional[Note]
    passed_over: Optional[Note] = None


def header_problem(host: Host) -> HeaderProblem:
    """What keeps an image from being the kernel that its name promises, as its header tells: words, or None."""

    def problem(candidate: Candidate) -> Optional[str]:
        try:
            image = open_image(host.read_bytes(candidate.image, IMAGE_LIMIT))
        except (HostError, ImageError) as error:
            return f"its image {printable(candidate.image)} cannot be read as a kernel: {error.message.rstrip('.')}"
        if image.header.release in (None, candidate.release):
            return None
        return f"its image {printable(candidate.image)} holds {image.header.release}"

    return problem


def choose(
    candidates: Sequence[Candidate],
    wanted: str,
    running: Optional[str] = None,
    problem_of: HeaderProblem = lambda _candidate: None,
) -> Choice:
    """The candidate that ``wanted`` means: ``latest``, a release, or a glob (the newest release that matches).

    Releases hold no ``*``, ``?`` and ``[``: a text is either a release or a glob. Unless a release is named,
    the kernel is of the ``running`` one's flavour, or of one that the glob spells out, and intact: it has modules and
    an initrd where its siblings have them, and ``problem_of`` finds nothing. Where none is intact, the newest is meant,
    for the plan to say what is wrong with it.
    """
    able = [candidate for candidate in candidates if candidate.obstacle is None]
    matching = [candidate for candidate in able if _matches(candidate, wanted)]
    fitting = [candidate for candidate in matching if _fits(candidate, wanted, running)]
    meant, broken = _newest(fitting, lambda one: None if _is_named(wanted) else _lack(one, able, running, problem_of))
    rejected = tuple(
        Rejected(candidate, broken.get(candidate) or _why_not(candidate, fitting, meant, wanted, running))
        for candidate in candidates
        if candidate not in meant
    )
    if not meant:
        return Choice(None, rejected, _not_found(candidates, matching, wanted, running))
    passed_over = None if _is_named(wanted) else _passed_over(meant[0].release, rejected)
    if len(meant) == 1:
        return Choice(meant[0], rejected, None, passed_over)
    refusal = _ambiguous(meant)
    return Choice(None, (*(Rejected(candidate, refusal) for candidate in meant), *rejected), refusal, passed_over)


def _newest(fitting: Sequence[Candidate], lack_of: HeaderProblem) -> Tuple[List[Candidate], Dict[Candidate, Note]]:
    """The images of the newest release that is intact, and those that were looked at before, with what they lack."""
    broken: Dict[Candidate, Note] = {}
    for release in sorted({candidate.release for candidate in fitting}, key=release_key, reverse=True):
        images = [candidate for candidate in fitting if candidate.release == release]
        lacks = {image: lack_of(image) for image in images}
        broken.update({image: _incomplete(image, lack) for image, lack in lacks.items() if lack})
        intact = [image for image in images if image not in broken]
        if intact:
            # What is more than the name of a file counts more.
            return [image for image in intact if not image.only_named] or intact, broken
    newest = max((candidate.release for candidate in fitting), key=release_key, default=None)
    return [candidate for candidate in fitting if candidate.release == newest], {}


def _is_named(wanted: str) -> bool:
    return wanted != LATEST and not _GLOB & set(wanted)


def _matches(candidate: Candidate, wanted: str) -> bool:
    return wanted == LATEST or fnmatchcase(candidate.release, wanted)


def _fits(candidate: Candidate, wanted: str, running: Optional[str]) -> bool:
    """Whether its flavour is meant; a glob names another one by all of its words."""
    if running is None or _is_named(wanted):
        return True
    flavour = flavour_of(candidate.release)
    if flavour.key == flavour_of(running).key:
        return True
    return wanted != LATEST and bool(flavour.words) and all(word in wanted.lower() for word in flavour.words)


def _lack(
    candidate: Candidate, able: Sequence[Candidate], running: Optional[str], problem_of: HeaderProblem
) -> Optional[str]:
    """What keeps a kernel from being intact, in words. The one that runs is, whatever became of its files."""
    if candidate.release == running:
        return None
    siblings = [one for one in able if one.release != candidate.release and _is_sibling(one, candidate)]
    if candidate.modules is None and any(one.modules for one in siblings):
        return "it has no modules, and its siblings have them"
    if not (candidate.initrds or candidate.uki) and any(one.initrds for one in siblings):
        return "it has no initrd, and its siblings have one"
    return problem_of(candidate)


def _is_sibling(one: Candidate, other: Candidate) -> bool:
    return flavour_of(one.release).key == flavour_of(other.release).key


def _incomplete(candidate: Candidate, lack: str) -> Note:
    return Note(
        "incomplete",
        f"{candidate.release} is not installed as a whole: {lack}. Install its package again, or name the release if "
        "it is wanted as it is.",
    )


def _why_not(
    candidate: Candidate,
    fitting: Sequence[Candidate],
    meant: Sequence[Candidate],
    wanted: str,
    running: Optional[str],
) -> Note:
    if candidate.obstacle is not None:
        return candidate.obstacle
    if not _matches(candidate, wanted):
        return Note("not_wanted", f"{candidate.release} is not what is wanted, {_shown(wanted)}.")
    if candidate not in fitting:
        return _other_flavour(candidate, running or "")
    if candidate.release == meant[0].release:
        return _incomplete(candidate, f"nothing but the name of {printable(candidate.image)} tells its release")
    return Note("not_latest", f"{candidate.release} is older than {meant[0].release}, and the newest is wanted.")


def _other_flavour(candidate: Candidate, running: str) -> Note:
    return Note(
        "other_flavour",
        f"{candidate.release} is of the flavour {flavour_of(candidate.release)}, and the running kernel "
        f"{printable(running, RELEASE_LIMIT)} is of the flavour {flavour_of(running)}. Another flavour is taken only "
        "by its name: name the release if it is wanted.",
    )


def _passed_over(chosen: str, rejected: Sequence[Rejected]) -> Optional[Note]:
    """What a reader would take for the newest kernel, and is not what was meant."""
    age = flavour_of(chosen).age[:2]
    newer = [
        one
        for one in rejected
        if one.code in ("other_flavour", "incomplete") and flavour_of(one.candidate.release).age[:2] > age
    ]
    if not newer:
        return None
    return Note(
        "newer_passed_over",
        f"{chosen} is taken for the newest kernel. Newer ones are installed and were passed over: "
        + " ".join(one.message for one in newer[:3])
        + (f" So were {len(newer) - 3} more." if len(newer) > 3 else ""),
    )


def _ambiguous(meant: Sequence[Candidate]) -> Note:
    images = " and ".join(printable(candidate.image) for candidate in meant[:SHOWN])
    return Note(
        "target_ambiguous",
        f"{meant[0].release} is the release of more than one image: {images}. They differ, and only one of them can be "
        "meant. Remove the one that is not (dpkg -S or rpm -qf tells whose it is), or name another release.",
    )


def _not_found(
    candidates: Sequence[Candidate], matching: Sequence[Candidate], wanted: str, running: Optional[str]
) -> Note:
    """Say what is there instead, and what comes near to what is wanted."""
    from difflib import get_close_matches  # here, because few tasks need it

    releases = list(dict.fromkeys(candidate.release for candidate in candidates if candidate.obstacle is None))
    near = get_close_matches(wanted[:RELEASE_LIMIT], releases, 3)
    obstacles = [
        candidate.obstacle.message for candidate in candidates if candidate.obstacle and _is(candidate, wanted)
    ]
    obstacles += [_other_flavour(candidate, running or "").message for candidate in matching]
    what = "kernel" if wanted == LATEST else f"kernel {printable(wanted, RELEASE_LIMIT)}"
    parts = [
        f"No {what} is installed that could be started: there is nothing to plan for.",
        f"Found: {listed(releases, SHOWN) or 'nothing, in /boot, /usr/lib/modules, /efi and the menu of GRUB'}.",
        *([f"Nearest: {', '.join(near)}."] if near else []),
        *obstacles[:SHOWN],
        "Install the kernel's package, or name a release or a glob of what is there.",
    ]
    return Note("target_not_found", " ".join(parts))


def _is(candidate: Candidate, wanted: str) -> bool:
    return bool(candidate.release) and _matches(candidate, wanted)


def _shown(wanted: str) -> str:
    return "the latest" if wanted == LATEST else printable(wanted, RELEASE_LIMIT)
