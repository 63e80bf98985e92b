# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot loaders other than GRUB: a cold boot starts what is proven, and its boots are no longer counted."""

from __future__ import annotations

from matrix.cells import SYSTEMD_BOOT

from .stage import ROLLBACK, Stage
from .story import causes, ends, is_quiet, require, require_in, story

ENTRIES = "/boot/efi/loader/entries"


def is_default(stage: Stage, release: str) -> None:
    """systemd-boot itself calls this kernel's entry the default, and no longer counts its boots."""
    said = stage.sh("bootctl list --no-pager")
    default = next((part for part in said.split("\n\n") if "(default)" in part), said)
    require_in(f"debian-{release}.conf", default, "default of the boot loader")
    require(stage.sh(f"cd {ENTRIES}; ls debian-{release}*"), f"debian-{release}.conf", "file of the entry")


def upgraded(stage: Stage, release: str) -> None:
    """The host goes to this kernel by kexec, in good health, and its entry is marked as good."""
    before = len(stage.boots())
    told = stage.play(kexec_upgrade_target=release)
    ends(stage, told, "handover_verified", release)
    require(told.result["committed"], True, "committed", told)
    require(causes(stage, before), ["kexec"], "boots")
    is_default(stage, release)


def rolled_back(stage: Stage, release: str) -> None:
    """The host goes back to this kernel, which a cold boot starts again."""
    told = stage.play(ROLLBACK)
    require(told.status, 0, "exit status of the rollback", told)
    require(stage.running(), release, "release after the rollback")
    stage.cold_boot()
    require(stage.running(), release, "release of a cold boot after the rollback")
    is_quiet(stage)


@story(kind=SYSTEMD_BOOT, representative=True)
def systemd_boot_that_counts(stage: Stage) -> None:
    """An upgrade, a power cut and a rollback where systemd-boot counts the boots of each entry."""
    require(stage.sh(f"cd {ENTRIES}; ls debian-{stage.new}*"), f"debian-{stage.new}+3.conf", "entry before the jump")
    upgraded(stage, stage.new)
    stage.cold_boot()
    require(stage.running(), stage.new, "release of a cold boot after the commit")
    rolled_back(stage, stage.old)


@story(kind=SYSTEMD_BOOT, kernels=["pstore"])
def systemd_boot_twice(stage: Stage) -> None:
    """Two upgrades in a row, with a power cut between them: the rollback goes to the first of both."""
    upgraded(stage, stage.new)
    stage.cold_boot()
    require(stage.running(), stage.new, "release of a cold boot after the commit")
    upgraded(stage, stage.releases["pstore"])
    rolled_back(stage, stage.new)
