# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the target speaks against starting it: one row a code."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._plan import check_target
from ansible_collections.kho.kexec.plugins.module_utils._plan.root_device import RootDevice
from ansible_collections.kho.kexec.tests.unit.support.checks import assert_refused, assert_warned, ids
from ansible_collections.kho.kexec.tests.unit.support.transitions import (
    NEW,
    candidate,
    image,
    running,
    site,
    target,
)

IMAGE = "/boot/vmlinuz-" + NEW


def long_line(length):
    return "kho=on ".ljust(length, "x")


# code, what is different, and what the message must name: what was found, why it matters, what to do instead.
REFUSALS = [
    (
        "image_unreadable",
        {"target": target(image=None, image_problem="it is an ELF file\x1b")},
        ["/boot/vmlinuz-" + NEW, "it is an ELF file?", "kexec would refuse", "Install"],
    ),
    (
        "image_release_mismatch",
        {"target": target(image=image(release="7.3.5"))},
        ["/boot/vmlinuz-" + NEW, "7.3.5", "another kernel", "Install"],
    ),
    (
        "architecture_mismatch",
        {"target": target(image=image(architecture="aarch64"))},
        ["aarch64", "x86_64", "cannot run", "Install"],
    ),
    (
        "page_size_differs",
        {"site": site(page_bytes=4096), "target": target(image=image(page_bytes=65536))},
        [NEW, "65536", "4096", "could not read", "Choose"],
    ),
    (
        "image_unsafe",
        {"target": target(unsafe=("/boot", "/boot/vmlinuz-x\n"))},
        ["/boot, /boot/vmlinuz-x?", "controls the next kernel", "root"],
    ),
    (
        "initrd_missing",
        {"target": target(candidate=candidate(initrds=()))},
        [NEW, IMAGE, "root file system", "update-initramfs"],
    ),
    (
        "initrd_left_by_firmware",
        {
            "initrd_left": True,
            "target": target(candidate=candidate(initrds=()), needs_initrd=False),
        },
        [NEW, "INITRD=", "panics before its console", "Make an initrd"],
    ),
    (
        "modules_missing",
        {"target": target(candidate=candidate(modules=None))},
        [NEW, "/lib/modules/", "depmod", "Install"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(2000), image=image(config={"CONFIG_CMDLINE": "console=ttyS0 ro"}))},
        ["2000", "1999", "16 bytes that it adds itself", "command_line_remove"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(2017)), "built_in": None},
        ["2017", "It is not known which arguments"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(2017))},
        ["2017 bytes", "takes 2016", "refuse", "Remove parameters"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(2017), image=image(command_line_limit=None))},
        ["2017 bytes", "takes 2016", "refuse", "Remove parameters"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line=long_line(225), image=image(command_line_limit=255))},
        ["225 bytes", "takes 224", "refuse", "Remove parameters"],
    ),
    (
        "command_line_too_long",
        {"target": target(command_line="kho=on " + "\u00e9" * 1006)},
        ["2019 bytes", "takes 2016", "refuse", "Remove parameters"],
    ),
    (
        "root_device_missing",
        {"target": target(root=RootDevice("LABEL=x", False, "There is no /dev/disk/by-label/x."))},
        ["root=LABEL=x", "There is no /dev/disk", "would not find", "command_line_replace"],
    ),
    ("lockdown", {"site": site(lockdown="integrity")}, ["integrity", IMAGE, "no signature", "signed kernel"]),
]

WARNINGS = [
    (
        "built_in_arguments_unknown",
        {"built_in": None, "running": running(boot="handover")},
        ["CONFIG_CMDLINE", "longer", "/boot/config-7.2.13-kho"],
    ),
    (
        "boot_config_unclear",
        {"boot_config_unclear": True},
        ["/proc/bootconfig", "twice", "longer", "command_line_remove"],
    ),
    (
        "image_release_unknown",
        {"target": target(image=image(release=None))},
        ["/boot/vmlinuz-" + NEW, "its name", "verdict"],
    ),
    (
        "panic_never_restarts",
        {"target": target(command_line="kho=on panic=0")},
        ["panic=0", "it stops until", "Remove it"],
    ),
]


@pytest.mark.parametrize(("code", "changes", "says"), REFUSALS, ids=ids(REFUSALS))
def test_refusals(code, changes, says):
    assert_refused(code, changes, says)


@pytest.mark.parametrize(("code", "changes", "says"), WARNINGS, ids=ids(WARNINGS))
def test_warnings(code, changes, says):
    assert_warned(code, changes, says)


def test_every_check_is_in_a_table():
    checks = [check for row in check_target.CHECKS for check in row[-1]]
    assert {check.__name__ for check in checks} == {row[0] for row in REFUSALS + WARNINGS}
