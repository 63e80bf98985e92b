# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot configurations, as the kernel's own tools/bootconfig (7.2) showed and rendered them."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._kernel.bootconfig import (
    NO_BOOT_CONFIG,
    BootConfig,
    has_bootconfig,
    parse_bootconfig,
    was_added,
)

SHOWN = """kernel.root = "UUID=1 2"
kernel.console = "ttyS0", "tty1"
kernel.panic = "10"
kernel.quiet = ""
kernel.empty = ""
kernel.module-x.opt_a = "it's"
kernel.multi = "a
b"
init.splash = ""
init.other = "b c"
ftrace.event = "x", 'say "y"'
"""
RENDERED = 'root="UUID=1 2" console=ttyS0 console=tty1 panic=10 quiet empty= module-x.opt_a=it\'s multi="a\nb"'
ADDED = BootConfig(RENDERED.replace("empty=", "empty"), 'splash other="b c"')
GIVEN = "# Parameters from bootloader:\n# root=/dev/vda bootconfig\n"


@pytest.mark.parametrize("given", ["", GIVEN])
def test_what_is_shown(given):
    assert parse_bootconfig(SHOWN + given) == ADDED


@pytest.mark.parametrize("shown", ["", GIVEN, 'ftrace.event = "x"\nkernel-x.y = "1"\n'])
def test_what_adds_nothing(shown):
    assert parse_bootconfig(shown) == NO_BOOT_CONFIG
    assert was_added(NO_BOOT_CONFIG, "root=/dev/vda")
    assert was_added(NO_BOOT_CONFIG, "")


@pytest.mark.parametrize(
    "shown",
    ["kernel.a = 1\n", 'kernel.a = "1\n', "kernel.a\n", 'kernel = "1"\n', "kernel.a = 'say \"x\"'\n", "\0", "x" * 9000],
)
def test_what_is_not_clear(shown):
    assert parse_bootconfig(shown) is None


@pytest.mark.parametrize("line", [RENDERED, RENDERED.replace("console=ttyS0", 'console="ttyS0"')])
def test_what_the_kernel_added_is_found_however_it_was_quoted(line):
    assert was_added(BootConfig(ADDED.kernel), line + " root=/dev/vda bootconfig")
    assert was_added(ADDED, line + ' bootconfig -- splash other="b c" mine')
    assert not was_added(ADDED, line + " bootconfig")
    assert not was_added(ADDED, line + ' bootconfig -- mine splash other="b c"')
    assert not was_added(ADDED, "bootconfig " + line + ' -- splash other="b c"')


@pytest.mark.parametrize(
    ("end", "has"),
    [
        (b"\xab\0\0\0#BOOTCONFIG\n", True),
        (b"\xab\0\0\0#BOOTCONFIG\n\0\0\0", True),
        (b"\xab\0\0\0#BOOTCONFIG\n\0\0\0\0", False),
        (b"#BOOTCONFIG", False),
        (b"", False),
    ],
)
def test_the_end_of_an_initrd(end, has):
    assert has_bootconfig(end) is has
