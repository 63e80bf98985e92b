# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other boot loaders and other roots: a cold boot starts what is proven, whatever starts and unlocks it."""

from __future__ import annotations

import time
from collections.abc import Callable

from matrix.cells import BTRFS, LUKS, LVM, SYSTEMD_BOOT, UKI, Kernel

from .show import StoryError
from .stage import ROLLBACK, Stage
from .story import causes, ends, is_quiet, is_untouched, require, require_in, story

FILES = {SYSTEMD_BOOT: ("/boot/efi/loader/entries", "conf"), UKI: ("/boot/efi/EFI/Linux", "efi")}


def files(stage: Stage, release: str) -> str:
    """The names of this kernel's entries."""
    folder, _kind = FILES[stage.guest.kind]
    return stage.sh(f"cd {folder}; ls debian-{release}*")


def is_default(stage: Stage, release: str) -> None:
    """systemd-boot itself calls this kernel's entry the default, and no longer counts its boots."""
    said = stage.sh("bootctl list --no-pager")
    default = next((part for part in said.split("\n\n") if "(default)" in part), said)
    name = f"debian-{release}.{FILES[stage.guest.kind][1]}"
    require_in(name, default, "default of the boot loader")
    require(files(stage, release), name, "file of the entry")


def upgraded(stage: Stage, release: str) -> None:
    """The host goes to this kernel by kexec, as planned, in good health, and a cold boot will start it."""
    before = len(stage.boots())
    planned = stage.planned(kexec_upgrade_target=release)
    require((planned.status, planned.result.get("action")), (0, "handover"), "plan", planned)
    told = stage.play(kexec_upgrade_target=release)
    ends(stage, told, "handover_verified", release)
    require(told.result["committed"], True, "committed", told)
    require(causes(stage, before), ["kexec"], "boots")
    if stage.guest.kind in FILES:
        is_default(stage, release)


def goes(stage: Stage) -> None:
    """An upgrade, and a power cut."""
    upgraded(stage, stage.new)
    stage.cold_boot()
    require(stage.running(), stage.new, "release of a cold boot after the commit")


def goes_and_comes_back(stage: Stage) -> None:
    """An upgrade, a power cut, a rollback, and another power cut."""
    goes(stage)
    rolled_back(stage, stage.old)


def rolled_back(stage: Stage, release: str) -> None:
    """The host goes back to this kernel, which a cold boot starts again."""
    told = stage.play(ROLLBACK)
    require(told.status, 0, "exit status of the rollback", told)
    require(stage.running(), release, "release after the rollback")
    stage.cold_boot()
    require(stage.running(), release, "release of a cold boot after the rollback")
    is_quiet(stage)


def waits_for(is_there: Callable[[], bool], what: str, seconds: float) -> None:
    """Return when it is there."""
    deadline = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > deadline:
            raise StoryError(f"{what} did not come within {seconds:.0f} s")
        time.sleep(2.0)


@story(kind=SYSTEMD_BOOT, representative=True)
def systemd_boot_that_counts(stage: Stage) -> None:
    """systemd-boot counts the boots of each entry: what is proven is marked as good, and a power cut starts it."""
    require(files(stage, stage.new), f"debian-{stage.new}+3.conf", "entry before the jump")
    goes(stage)


@story(kind=SYSTEMD_BOOT)
def systemd_boot_and_back(stage: Stage) -> None:
    """The same, and the way back."""
    goes_and_comes_back(stage)


@story(kind=SYSTEMD_BOOT, kernels=["pstore"])
def systemd_boot_twice(stage: Stage) -> None:
    """Two upgrades in a row, with a power cut between them: the rollback goes to the first of both."""
    upgraded(stage, stage.new)
    stage.cold_boot()
    require(stage.running(), stage.new, "release of a cold boot after the commit")
    upgraded(stage, stage.releases["pstore"])
    rolled_back(stage, stage.new)


@story(kind=UKI)
def unified_kernel_images(stage: Stage) -> None:
    """systemd-boot starts unified kernel images, whose boots are counted."""
    require(files(stage, stage.new), f"debian-{stage.new}+3.efi", "image before the jump")
    goes_and_comes_back(stage)
    # Without an initrd of its own, the next kernel would take the one of the firmware's table, which is gone.
    image, linux = f"/boot/efi/EFI/Linux/debian-{stage.new}.efi", f"/boot/vmlinuz-{stage.new}"
    stage.sh(f"rm -f {image} /boot/initrd.img-{stage.new}")
    stage.sh(f"ukify build --linux={linux} --uname={stage.new} --cmdline=@/etc/kernel/cmdline --output={image}")
    before = len(stage.boots())
    told = stage.play(kexec_upgrade_target=stage.new, kexec_upgrade_accept=["initrd_missing"])
    is_untouched(stage, told, "initrd_left_by_firmware", before)


@story(kind=LVM)
def root_in_a_logical_volume(stage: Stage) -> None:
    """GRUB reads /boot from a logical volume, too."""
    goes_and_comes_back(stage)


@story(kind=BTRFS)
def root_in_a_subvolume(stage: Stage) -> None:
    """btrfs, with a subvolume as root, and /boot for itself."""
    goes_and_comes_back(stage)


@story(kind=LUKS)
def root_that_is_encrypted(stage: Stage) -> None:
    """A host that unlocks its root itself is upgraded like any other."""
    goes_and_comes_back(stage)


@story(kind=LUKS, scars=True)
def root_that_waits_for_a_passphrase(stage: Stage) -> None:
    """The next kernel would wait for somebody to type: refused, and it is shown that it would have waited."""
    before = len(stage.boots())
    stage.sh("sed -i 's| /etc/keys/root.key | none |' /etc/crypttab")
    remade = "remade.service"
    stage.sh(f"systemd-run --quiet --unit {remade} update-initramfs -u -k {stage.new}")
    waits_for(lambda: stage.sh(f"systemctl is-active {remade} || true") != "active", "the new initramfs", 600.0)
    require(stage.sh(f"systemctl is-failed {remade} || true"), "inactive", "making of the initramfs")
    is_untouched(stage, stage.play(), "passphrase_needed", before)
    accepted = stage.planned(kexec_upgrade_accept=["passphrase_needed"])
    require((accepted.status, accepted.result.get("action")), (0, "handover"), "plan when accepted", accepted)
    problem = stage.guest.load(Kernel("new"), stage.new)
    require(problem, None, "loaded by hand")
    said = stage.guest.console_size()
    stage.guest.leave()
    waits_for(lambda: "unlock disk" in stage.guest.console_since(said), "the question for a passphrase", 300.0)
    # The older kernel's initramfs still has the key.
    stage.power_cut()
    stage.wait_for_boot(before + 1)
    require(stage.running(), stage.old, "release of a cold boot")
