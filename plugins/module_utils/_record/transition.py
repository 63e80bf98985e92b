# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transition record: what was promised before the jump, kept on the host so that any later run can verify it.

One JSON file, replaced atomically. Its ``state`` says how far the transition got:

``staging``
    the record was written, and the image may or may not be loaded;
``loaded``
    the image is loaded (for a cold boot: none has to be), and the host has not been told to leave;
``left``
    the host has been told to leave this boot;
``closed``
    the verdict is in.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Mapping

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.store import JsonFile, field
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._host.words import COLD_BOOT, HANDOVER, WAYS
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import RunningKernel

RECORD_PATH = "/var/lib/kho-kexec/transition.json"
SCHEMA = 5
# Records of schema 1 promise handovers only, and know one initrd at most; those before 3 know no rollback, those
# before 4 no commit, and those before 5 no build.
OLDEST_SCHEMA = 1
STATES = ("staging", "loaded", "left", "closed")
# No text in a record is longer than a command line, which is the longest.
TEXT_LIMIT = 4096
_SIZE_LIMIT = 1 << 18


def _unreadable(why: str) -> Refusal:
    return Refusal(
        "record_unreadable",
        f"The transition record {RECORD_PATH} cannot be understood: {printable(why)}. It may hold the only promise "
        "of a transition that is under way, so it is left alone and nothing is done. Look at the file; when no "
        "transition of this host awaits its verdict, remove it and run again.",
    )


RECORD = JsonFile(RECORD_PATH, _SIZE_LIMIT, _unreadable)


@dataclass(frozen=True)
class Left:
    """The boot that the transition leaves: its release, its boot id, and its count (None when it was unknown)."""

    release: str
    boot_id: str
    kexec_count: int | None


@dataclass(frozen=True)
class Promise:
    """What the target must report once it runs: its own release, the release that was left, and the count.

    ``abi`` is the KHO ABI over which the running kernel hands over, None when unknown. ``how`` is ``handover``,
    ``kexec`` (without handover) or ``cold_boot``; after the last two, ``previous_release`` is None and the count 0.
    """

    release: str
    previous_release: str | None
    kexec_count: int
    abi: str | None
    how: str = HANDOVER

    def as_dict(self) -> dict[str, Any]:
        """Return the promise in the shape that modules return."""
        return asdict(self)


@dataclass(frozen=True)
class StagedImage:
    """What was loaded: the paths of the kernel and of the initrds in their order, and the command line.

    ``fingerprint`` tells the files from later ones with the same names; empty in records of schema 1.
    """

    kernel: str
    initrds: tuple[str, ...]
    command_line: str
    fingerprint: str = ""


@dataclass(frozen=True)
class Transition:
    """One transition record.

    ``created`` is UTC in ISO 8601, ``image`` is None for a cold boot, ``verdict`` the verdict once it is closed.
    ``rollback`` says that it goes back to the kernel that an earlier transition left, ``committed`` that the run which
    got the verdict, or a later one, went on to its end. ``build`` is the target's (``uname -v``), None when unknown.
    """

    state: str
    created: str
    left: Left
    promise: Promise
    image: StagedImage | None
    verdict: Mapping[str, Any] | None = None
    rollback: bool = False
    committed: bool = False
    build: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the verdict is still to come."""
        return self.state != "closed"

    @property
    def is_rebuild(self) -> bool:
        """Whether it goes to another build of the release that was left, which has replaced the files of that one."""
        return self.left.release == self.promise.release

    @property
    def before(self) -> str:
        """The release that ran before the change that this record is about, also when it is the one of a rollback."""
        return self.promise.release if self.rollback else self.left.release

    def in_state(self, state: str) -> Transition:
        """The same record, further on."""
        return replace(self, state=state)

    @property
    def full_verdict(self) -> dict[str, Any]:
        """The verdict, with what those of earlier versions lack and the record has beside it."""
        given = self.verdict or {}
        known = given.get("evidence")
        evidence = {**(known if isinstance(known, Mapping) else {}), "release_left": self.left.release}
        return {**given, "promised": self.promise.as_dict(), "evidence": evidence}

    def closed(self, verdict: Mapping[str, Any]) -> Transition:
        """The same record with its verdict."""
        return replace(self, state="closed", verdict=dict(verdict))

    def as_dict(self) -> dict[str, Any]:
        """Return the record as it is stored."""
        stored = {"schema": SCHEMA, **asdict(self)}
        if self.image is not None:
            stored["image"]["initrds"] = list(self.image.initrds)
        return stored

    def as_result(self) -> dict[str, Any]:
        """Return the record as modules return it: the same, with texts reduced to printable ASCII."""
        result: dict[str, Any] = _shown(self.as_dict())
        return result


def awaits_verdict(transition: Transition | None, running: RunningKernel) -> bool:
    """Whether another boot than this one was left, so the jump has happened and is to be judged.

    A host that was not told to leave, and then a cold boot into the release that ran: its power was cut, or somebody
    reset it. The image is gone, and there is nothing to judge.
    """
    if transition is None or not transition.is_open or transition.left.boot_id == running.boot_id:
        return False
    if transition.state == "left" or running.boot != "cold":
        return True
    return transition.state == "loaded" and running.release != transition.left.release


def is_staged_here(transition: Transition | None, running: RunningKernel) -> bool:
    """Whether the record is open and of this boot."""
    return transition is not None and transition.is_open and transition.left.boot_id == running.boot_id


def is_uncommitted(transition: Transition | None, running: RunningKernel) -> bool:
    """Whether this boot's verdict was accepted, and then the run died before the commit."""
    if transition is None or transition.verdict is None or transition.committed:
        return False
    return bool(transition.verdict["accepted"]) and transition.verdict["reported"]["boot_id"] == running.boot_id


def unverified(transition: Transition, running: RunningKernel) -> Note:
    """``previous_transition_unverified``: the boot that this record leaves is over, and nobody has judged it."""
    return Note(
        "previous_transition_unverified",
        f"The transition from {transition.left.release} to {transition.promise.release} awaits its verdict: the boot "
        f"that it left is over, and {running.release} runs in another. It is judged before anything new is begun.",
    )


def not_accepted(transition: Transition | None, running: RunningKernel) -> Note | None:
    """``last_verdict_not_accepted`` for a kernel that this transition has brought otherwise than was promised."""
    verdict = transition.verdict if transition is not None else None
    if verdict is None or verdict["accepted"] or verdict["reported"]["boot_id"] != running.boot_id:
        return None
    return Note(
        "last_verdict_not_accepted",
        f"{running.release} runs, and the transition that brought this boot ended with the verdict "
        f"{printable(verdict['verdict'])}. Running the target is not enough: what it was promised did not come true, "
        "and other hosts would follow. Ask kho.kexec.kexec_verdict_info for the whole verdict and deal with its cause. "
        f"The next boot begins anew; to accept this one as it is, remove {RECORD_PATH}.",
    )


def owns_image(transition: Transition | None, running: RunningKernel) -> bool:
    """Whether an image that is loaded now was loaded by us."""
    return transition is not None and transition.image is not None and is_staged_here(transition, running)


def read_transition(host: Host) -> Transition | None:
    """The host's record, or None when there is none.

    Raises Refusal ``record_unreadable`` for a record that cannot be read or understood. It is never removed: it may be
    all that is known of a jump that has happened.
    """
    return RECORD.read(host, transition_of)


def write_transition(host: Host, transition: Transition) -> None:
    """Store the record, readable for root alone; it survives a crash whole. Raises HostError."""
    RECORD.write(host, transition.as_dict())


def remove_transition(host: Host) -> None:
    """Remove the record, if there is one. Raises HostError."""
    RECORD.remove(host)


def transition_of(fields: Any) -> Transition:
    """Return the transition that a record tells of. Raises ValueError for anything that is not exactly a record."""
    schema = field(fields, "schema", int)
    if not OLDEST_SCHEMA <= schema <= SCHEMA:
        raise ValueError(f"its schema is {schema}, and only those up to {SCHEMA} are known here")
    state = field(fields, "state", str)
    verdict = field(fields, "verdict", dict, type(None))
    if state not in STATES or (state == "closed") != (verdict is not None):
        raise ValueError("its state is not one of " + ", ".join(STATES) + ", or does not fit its verdict")
    if verdict is not None:
        _check_verdict(verdict)
    left = _left(field(fields, "left", dict))
    promise = _promise(field(fields, "promise", dict), schema)
    image = field(fields, "image", dict, type(None))
    if (image is None) != (promise.how == COLD_BOOT):
        raise ValueError(f"its image does not fit what was promised, {promise.how}")
    return Transition(
        state=state,
        created=field(fields, "created", str),
        left=left,
        promise=promise,
        image=None if image is None else _image(image, schema),
        verdict=verdict,
        rollback=schema > 2 and field(fields, "rollback", bool),
        committed=field(fields, "committed", bool) if schema > 3 else state == "closed",
        build=field(fields, "build", str, type(None)) if schema > 4 else None,
    )


def _left(fields: dict[str, Any]) -> Left:
    return Left(
        release=field(fields, "release", str),
        boot_id=field(fields, "boot_id", str),
        kexec_count=field(fields, "kexec_count", int, type(None)),
    )


def _promise(fields: dict[str, Any], schema: int) -> Promise:
    how = HANDOVER if schema == 1 else field(fields, "how", str)
    if how not in WAYS:
        raise ValueError("what was promised is not one of " + ", ".join(WAYS))
    return Promise(
        release=field(fields, "release", str),
        previous_release=field(fields, "previous_release", str if how == HANDOVER else type(None)),
        kexec_count=field(fields, "kexec_count", int),
        abi=field(fields, "abi", str, type(None)),
        how=how,
    )


def _image(fields: dict[str, Any], schema: int) -> StagedImage:
    if schema == 1:
        initrd = field(fields, "initrd", str, type(None))
        initrds = [] if initrd is None else [initrd]
    else:
        initrds = field(fields, "initrds", list)
    if not all(isinstance(path, str) for path in initrds):
        raise ValueError("its field 'initrds' holds something else than paths")
    return StagedImage(
        kernel=field(fields, "kernel", str),
        initrds=tuple(initrds),
        command_line=field(fields, "command_line", str),
        fingerprint="" if schema == 1 else field(fields, "fingerprint", str),
    )


def _check_verdict(verdict: dict[str, Any]) -> None:
    """What later runs look at must be there: the word, whether it was accepted, and the boot that was judged."""
    field(verdict, "verdict", str)
    field(verdict, "accepted", bool)
    field(field(verdict, "reported", dict), "boot_id", str, type(None))


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return printable(value, TEXT_LIMIT) if isinstance(value, str) else value


def promise_missing(found: str, running: RunningKernel) -> Refusal:
    """What to raise when there is no promise by which a jump could be judged; ``found`` says why."""
    return Refusal(
        "promise_missing",
        f"Nothing was promised for this boot: {found}. Without a promise the jump could not be proven. Stage the "
        "target with kho.kexec.kexec_image first.",
        {"running": running.as_facts()},
    )
