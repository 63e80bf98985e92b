# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start of this host would wait for, or leave out: one small pure function for each code."""

from __future__ import annotations

from typing import Iterator

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed
from ansible_collections.kho.kexec.plugins.module_utils._host.words import COLD_BOOT, REFUSE
from ansible_collections.kho.kexec.plugins.module_utils._plan.check import (
    ADVICE,
    ANY_KEXEC,
    ANY_WAY,
    OBSTACLE,
    FailedCheck,
)
from ansible_collections.kho.kexec.plugins.module_utils._plan.situation import Situation, Target

FIRMWARE = "firmware_pending"


def passphrase_needed(_target: Target, situation: Situation) -> Iterator[FailedCheck]:
    """A host that waits at a prompt is not back, and its guard does not run yet; after a cold boot it waits again."""
    asks = situation.passphrase
    if asks is None:
        return
    note = Note(
        "passphrase_needed",
        f"{asks.why} The target would wait until somebody types a passphrase, and nobody could reach it before. Let "
        "it be unlocked without one (a TPM by systemd-cryptenroll, a server by clevis, a key file in the initrd), or "
        "accept passphrase_needed if somebody will be at the console, or has a way in (dropbear in the initrd).",
    )
    yield FailedCheck(note, ANY_KEXEC if asks.only_kexec else ANY_WAY, OBSTACLE)


def firmware_pending(_target: Target, situation: Situation) -> Iterator[FailedCheck]:
    """A kexec passes the firmware by, and with it what is to be installed then."""
    if not situation.firmware:
        return
    wish = situation.policy.on_pending_firmware
    note = Note(
        "firmware_pending",
        f"Firmware updates wait for the next start of the firmware: {listed(situation.firmware, 10)}. A kexec does "
        "not start it, so they stay uninstalled. Cold-boot the host, or let that be done (on_pending_firmware: "
        "cold_boot).",
    )
    yield FailedCheck(note, ANY_KEXEC, OBSTACLE if wish in (REFUSE, COLD_BOOT) else ADVICE)


CHECKS = (passphrase_needed, firmware_pending)
