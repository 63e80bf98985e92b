# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against a handover: one row a code."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._plan import check_handover
from ansible_collections.kho.kexec.tests.unit.support.checks import assert_refused, assert_warned, ids
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    NEW,
    OLD,
    image,
    running,
    site,
    target,
)

NO_RECORD = {"next": None, "kexec_count": None}

TOO_FEW = Note("image_payload_unreadable", "There is no lz4 program.")


def with_image(**says):
    return {"target": target(image=image(**says))}


def with_crash_kernel(size):
    return {"target": target(command_line=f"kho=on panic=1 crashkernel={size}")}


def live(**facts):
    """The running kernel will hand over a state of live update."""
    return {"running": running(**{"luo_abi": "luo-v5", **facts}), "site": site(live_update=True)}


# code, what is different, and what the message must name: what was found, why it matters, what to do instead.
REFUSALS = [
    (
        "running_without_kho",
        {"running": running(built=False, enabled=False, next=None)},
        [OLD, "CONFIG_KEXEC_HANDOVER", "no handover can be proven", "Cold-boot"],
    ),
    (
        "running_without_kho",
        {"running": running(built=False, enabled=None, **NO_RECORD)},
        [OLD, "CONFIG_KEXEC_HANDOVER", "no handover can be proven", "Cold-boot"],
    ),
    (
        "running_kho_off",
        {"running": running(enabled=False, next=None), "site": site(command_line="quiet kho=off")},
        [OLD, "command line: off", "only be switched on at boot", "kho=on"],
    ),
    (
        "running_kho_off",
        {"running": running(enabled=False, **NO_RECORD), "site": site(command_line="quiet")},
        [OLD, "not given", "only be switched on at boot", "kho=on"],
    ),
    (
        "kexec_count_unknown",
        {"running": running(**NO_RECORD, notes=(Note("debugfs_denied", "debugfs is locked."),))},
        ["debugfs is locked.", "nothing can be proven", "debugfs", "journal"],
    ),
    (
        "kexec_count_unknown",
        {"running": running(**NO_RECORD, enabled=None)},
        ["neither a count", "nothing can be proven", "Mount debugfs"],
    ),
    (
        "target_without_kho",
        {"target": target(image=image(kho_built=False, kho_abi=None, luo_built=False, metadata=None))},
        [NEW, "CONFIG_KEXEC_HANDOVER", "learnt from: payload", "chain would end", "Choose"],
    ),
    ("target_kho_off", {"target": target(command_line="kho=off panic=1")}, [NEW, "off)", "chain would end", "kho=on"]),
    ("target_kho_off", {"target": target(command_line="panic=1")}, [NEW, "not given)", "chain would end", "kho=on"]),
    (
        "target_kho_off",
        with_image(config={"CONFIG_CMDLINE_OVERRIDE": "y", "CONFIG_CMDLINE": "quiet"}),
        [NEW, "not given)", "CONFIG_CMDLINE_OVERRIDE"],
    ),
    (
        "target_kho_off",
        with_image(config={"CONFIG_CMDLINE_FORCE": "y", "CONFIG_CMDLINE": "kho=0"}, kho_default=True),
        [NEW, "0)", "chain would end"],
    ),
    ("kho_abi_mismatch", with_image(kho_abi="kho-v9"), [OLD, "kho-v4", NEW, "kho-v9", "same ABI", "let it happen"]),
    ("kho_abi_mismatch", {**live(), **with_image(kho_abi="kho-v9")}, ["kho-v4", "kho-v9"]),
    (
        "metadata_not_offered",
        {"running": running(next=None, notes=(Note("metadata_not_offered", "It is older."),))},
        [OLD, "7.1", "nothing could be proven", "Cold-boot"],
    ),
    (
        "metadata_unsupported",
        {"running": running(next=None, notes=(Note("metadata_unsupported", "It has version 2."),))},
        [OLD, NEW, "version that is not known", "nothing could be proven", "Choose"],
    ),
    (
        "metadata_unsupported",
        with_image(metadata_version=2),
        [OLD, "version 1", NEW, "version 2", "nothing could be proven", "Choose"],
    ),
    ("metadata_unsupported", with_image(metadata=False), [NEW, "7.1", "nothing could be proven", "Choose"]),
    (
        "scratch_too_small",
        {"running": running(largest_scratch_bytes=(1 << 26) - 1)},
        [NEW, "its kernel needs 64 MiB", "has 64 MiB", "kho_scratch="],
    ),
    (
        "scratch_too_small",
        {"target": target(initrd_bytes=(3 << 26) + 1)},
        [NEW, "its initrd needs 193 MiB", "has 192 MiB", "kho_scratch=", "cold-boot"],
    ),
    (
        "scratch_too_small",
        {"target": target(initrd_bytes=1 << 30, image=image(init_size=1 << 30))},
        ["its kernel needs 1024 MiB and its initrd needs 1024 MiB"],
    ),
]

WARNINGS = [
    (
        "target_kho_unknown",
        with_image(kho_built=None, obstacles=(TOO_FEW,)),
        [NEW, "/boot/config-", "kexec_without_handover", "There is no lz4 program."],
    ),
    (
        "kho_abi_unknown",
        with_image(kho_abi=None, obstacles=(TOO_FEW,)),
        [f"target {NEW}", "no lz4 program", "kexec_without_handover"],
    ),
    ("kho_abi_unknown", {"running": running(abi=None)}, [f"running kernel {OLD}", "kexec_without_handover"]),
    ("metadata_unknown", with_image(metadata=None), [NEW, "7.1", "kexec_without_handover"]),
    ("metadata_unknown", with_image(metadata_version=None), [NEW, "which version", "kexec_without_handover"]),
    ("scratch_fit_unknown", with_image(init_size=None), [NEW, "how much memory", "stays as it is"]),
    (
        "scratch_fit_unknown",
        {"running": running(largest_scratch_bytes=None)},
        [NEW, "how large the scratch memory", "stays as it is"],
    ),
    (
        "scratch_tight",
        {"running": running(scratch_bytes=(1 << 26) + 4096 + (1 << 24) - 1)},
        [NEW, "has 81 MiB", "about 81 MiB", "may panic", "kho_scratch="],
    ),
    ("crashkernel_lost", with_crash_kernel("193M"), ["193 MiB", "192 MiB", "no dump", "kho_scratch="]),
    ("crashkernel_tight", with_crash_kernel("48M"), ["48 MiB", "192 MiB", "193 MiB", "no dump", "kho_scratch="]),
    (
        "running_kho_unknown",
        {"running": running(enabled=None, next=None)},
        [OLD, "cannot be read", "count of this boot", "Mount debugfs"],
    ),
]


@pytest.mark.parametrize(("code", "changes", "says"), REFUSALS, ids=ids(REFUSALS))
def test_refusals(code, changes, says):
    assert_refused(code, changes, says)


@pytest.mark.parametrize(("code", "changes", "says"), WARNINGS, ids=ids(WARNINGS))
def test_warnings(code, changes, says):
    assert_warned(code, changes, says)


def test_every_check_is_in_a_table():
    own = check_handover.__name__
    checks = [check for row in check_handover.CHECKS for check in row[-1] if check.__module__ == own]
    assert {check.__name__ for check in checks} == {row[0] for row in REFUSALS + WARNINGS}
