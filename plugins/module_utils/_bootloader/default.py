# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot loader's default: which kernel a cold boot starts, how to choose it, and how to put back what was there."""

from __future__ import annotations

from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.default_record import (
    RecordedDefault,
    read_record,
    record_of,
    remove_record,
    write_record,
)
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.detect import boot_loader_of
from ansible_collections.kho.kexec.plugins.module_utils._bootloader.loader import (
    BootDefault,
    BootLoader,
    shown,
    unreadable,
)
from ansible_collections.kho.kexec.plugins.module_utils._host.access import require_access
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Note, Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host
from ansible_collections.kho.kexec.plugins.module_utils._host.timings import timed


def boot_default_of(host: Host) -> BootDefault:
    """What a cold boot of this host starts. Raises nothing: what is not known is None, and ``why`` says why."""
    try:
        loader = boot_loader_of(host)
    except KhoError as error:
        return BootDefault(None, why=error.message)
    try:
        return loader.default()
    except KhoError as error:
        return BootDefault(loader.name, why=error.message)


@timed("writing")
def select(host: Host, release: str, now: str, check_mode: bool, is_good: bool = False) -> dict[str, Any]:
    """Make this release the default, by an entry that stays right when kernels come and go.

    ``now`` (UTC in ISO 8601) is the time that the record of the old default gets. ``is_good``: the kernel is proven,
    so that a boot loader that counts its boots can stop. Returns what the module returns.
    Raises Refusal (``container``, ``not_root``, ``boot_loader_unknown``, ``boot_entry_not_found``,
    ``boot_entry_ambiguous``, ``saved_default_off``, ``boot_default_unreadable``, ``boot_default_record_unreadable``)
    before anything is changed, KhoError ``boot_default_not_set``, and HostError.
    """
    require_access(host)
    record = read_record(host)
    loader = boot_loader_of(host)
    before = loader.default()
    setting = loader.setting_for(release, before.entry if before.is_pinned else None)
    marked = loader.mark_good(setting, check_mode) if is_good else None
    notes = () if marked is None else (marked,)
    if marked is not None:  # what was said of the counter is no longer so
        before = before._replace(notes=tuple(note for note in before.notes if note.code != "boot_entry_marked_bad"))
    wanted = loader.meaning_of(setting)
    if wanted.release != release:
        raise unreadable(f"an entry starts {shown(release)}, and it would not be the default: {wanted.why}")
    if before.is_pinned and before.entry == wanted.entry:
        return _result(before, before, bool(notes), record, notes)
    loader.require_changeable()
    if check_mode:
        return _result(before, wanted, True, record, notes)
    record = record_of(before, now)
    write_record(host, record)
    return _result(before, _set(loader, wanted), True, record, notes)


def restore(host: Host, check_mode: bool) -> dict[str, Any]:
    """Put back the default that was recorded before the last change, and forget the record.

    What was written down is put back as it was, unless it means another kernel by now: then the recorded release is
    selected. Returns what the module returns; without a record, nothing is changed and a note says so. Raises as
    ``select``, and Refusal ``boot_default_gone``.
    """
    require_access(host)
    record = read_record(host)
    if record is None:
        default = boot_default_of(host)
        return _result(default, default, False, None, (_not_recorded(),))
    loader = boot_loader_of(host)
    before = loader.default()
    wanted = _recorded_default(loader, record)
    changed = before.setting != wanted.setting
    if changed:
        loader.require_changeable()
    if check_mode:
        return _result(before, wanted, changed, record)
    after = _set(loader, wanted) if changed else before
    remove_record(host)
    return _result(before, after, changed, None)


def _recorded_default(loader: BootLoader, record: RecordedDefault) -> BootDefault:
    """What is to be the default again. Raises Refusal ``boot_default_gone``."""
    if record.loader != loader.name:
        raise _gone(record, f"It was a default of {shown(record.loader)}, and the boot loader is {loader.name} now.")
    meant = loader.meaning_of(record.setting)
    if record.release is None or meant.release == record.release:
        return meant
    try:
        return loader.meaning_of(loader.setting_for(record.release))
    except Refusal as refusal:
        raise _gone(record, refusal.message) from refusal


def _set(loader: BootLoader, wanted: BootDefault) -> BootDefault:
    """Write the setting, and read back what it means now. Raises KhoError ``boot_default_not_set``."""
    done = loader.write(wanted.setting)
    after = loader.default()
    if wanted.entry is None:
        is_set = after.setting == wanted.setting
    else:
        is_set = (after.entry, after.release) == (wanted.entry, wanted.release)
    if is_set:
        return after
    raise KhoError(
        "boot_default_not_set",
        f"The default was to become {shown(wanted.entry)} ({wanted.release}), and is {shown(after.entry)} "
        f"({after.release or after.why}). The boot loader's program {done.ending()}. A cold "
        "boot starts what the default is now. Look at it, and set it by hand.",
        {"loader": loader.name, "after": after.as_result()},
    )


def _result(
    before: BootDefault,
    after: BootDefault,
    changed: bool,
    record: RecordedDefault | None,
    notes: tuple[Note, ...] = (),
) -> dict[str, Any]:
    unknown = (Note("boot_default_unreadable", after.why),) if after.why else ()
    return {
        "changed": changed,
        "loader": before.loader,
        "before": before.as_result(),
        "after": after.as_result(),
        "recorded": record.as_result() if record else None,
        "notes": [note.as_dict() for note in (*notes, *before.notes, *unknown)],
        "diff": {"before": before.as_result(), "after": after.as_result()},
    }


def _not_recorded() -> Note:
    return Note(
        "boot_default_not_recorded",
        "No default was recorded, because this collection changed none since the last time that it put one back. "
        "Nothing is changed. To choose a kernel, name its release.",
    )


def _gone(record: RecordedDefault, why: str) -> Refusal:
    return Refusal(
        "boot_default_gone",
        f"The default that was recorded, {shown(record.entry)} ({shown(record.release)}), cannot be put back. {why} "
        "Nothing is changed. Select another kernel.",
    )
