# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_frames import (
    is_frameless,
    is_user,
    link,
    named_place,
    pointer,
    read_frame,
)


@pytest.mark.parametrize(
    ("line", "function"),
    [
        (" do_idle+0x1d1/0x210", "do_idle"),
        (" nvme_poll.constprop.0.isra.0+0x1/0x2 [nvme 5a1f]", "nvme_poll"),
        (" [<ffffffff81000000>] do_idle+0x1/0x2", "do_idle"),
        (" <IRQ>  [<ffffffff81000000>] do_idle+0x1/0x2", "do_idle"),
        ("[c000000003a8b9a0] [c000000000a1d3c4] do_idle+0xb0/0xf0 (unreliable)", "do_idle"),
        (" ([<000000000011e4b4>] do_idle+0x44/0x50)", "do_idle"),
        ("lkdtm_EXCEPTION+0x10/0x20 [lkdtm] (P)", "lkdtm_EXCEPTION"),
        ("_RNvNtCshGpAVYOtgW1_4core9panicking9panic_fmt+0x1/0x2", "_RNvNtC4core9panicking9panic_fmt"),
        (" ? do_idle+0x1/0x2", None),
        (" [<ffffffff81000000>] ? do_idle+0x1/0x2", None),
        (" 0xffffffffc0000000", None),
        (" do_idle+0x1", None),
        ("a message of do_idle+0x1/0x2", None),
        ("", None),
    ],
)
def test_frames(line, function):
    read = read_frame(line)
    assert (read.functions if read else ()) == ((function,) if function else ())


@pytest.mark.parametrize("line", [" ? do_idle.cold+0x1/0x2", " <IRQ>  [<ffffffff81000000>] ? do_idle+0x1/0x2"])
def test_what_is_unreliable_is_no_function(line):
    assert read_frame(line)[::2] == ((), "do_idle")


@pytest.mark.parametrize(
    ("line", "frameless"),
    [
        ("RIP: 0010:lkdtm_BUG+0x0/0x2 [lkdtm]", True),
        ("EIP: do_idle.isra.0+0x3/0x9", True),
        ("RIP: 0010:[<ffffffff81000000>]  [<ffffffff81000000>] do_idle+0x1/0x9", True),
        ("EIP is at do_idle+0x0/0x9", True),
        ("RIP: 0010:[<ffffffff81000000>]  [<ffffffff81000000>] do_idle+0x10/0x90", False),
        ("RIP: 0010:do_idle+0x4/0x9", False),
        ("RIP: 0010:do_idle+0x30/0x90", False),
        ("pc : do_idle+0x0/0x9", False),
        ("RIP: 0033:0x47b7a0", False),
    ],
)
def test_a_function_that_was_just_entered_has_no_frame(line, frameless):
    assert is_frameless(line) == frameless


@pytest.mark.parametrize(
    "line",
    [
        "[<c0109bb8>] (n_tty_open) from [<c010d0a8>] (tty_open+0x10/0x14)",
        "[<c0109bb8>] (n_tty_open+0x0/0xf0) from [<c010d0a8>] (tty_open+0x10/0x14)",
        " n_tty_open from tty_open+0x10/0x14",
    ],
)
def test_frames_of_arm_name_their_callers(line):
    assert read_frame(line).functions == ("n_tty_open", "tty_open")


@pytest.mark.parametrize(
    ("line", "stack"),
    [
        (" <TASK>", "TASK"),
        (" </IRQ>", "/IRQ"),
        (" <#DF>", "#DF"),
        (" <EOI>  [<ffffffff81000000>] do_idle+0x1/0x2", "/EOI"),
        (" <<EOE>>  [<ffffffff81000000>] do_idle+0x1/0x2", "/EOE"),
        (" do_idle+0x1/0x2", None),
    ],
)
def test_stacks(line, stack):
    assert read_frame(line).stack == stack


@pytest.mark.parametrize(
    ("line", "function"),
    [
        ("RIP: 0010:lkdtm_BUG+0x9/0x10 [lkdtm]", "lkdtm_BUG"),
        ("RIP: 0010:[<ffffffff81000000>] do_idle+0x1/0x2", "do_idle"),
        ("RIP: 0010:[<ffffffff81000000>]  [<ffffffff81000000>] do_idle+0x1/0x2", "do_idle"),
        ("IP: [<ffffffff81000000>] do_idle+0x1/0x2", "do_idle"),
        ("EIP is at do_idle+0x1/0x2", "do_idle"),
        ("pc : do_idle+0x30/0x58", "do_idle"),
        ("PC is at do_idle+0x30/0x58", "do_idle"),
        ("epc : do_idle+0x30/0x58", "do_idle"),
        ("NIP [c000000000a1d3c4] do_idle+0x30/0x58", "do_idle"),
        ("RIP: 0033:0x7f8a1303a300", None),
        ("pc : ffff800080000000", None),
        ("lr : do_idle+0x30/0x58", None),
    ],
)
def test_where_the_cpu_was(line, function):
    assert pointer(line) == function


def test_who_called_where_the_cpu_was():
    assert link("lr : nova_read.isra.0+0x24/0x48 [nova]") == "nova_read"
    assert link("lr : 0xffff800080473b10") is None
    assert link("pc : nova_read+0x24/0x48") is None


def test_a_program_of_a_user():
    assert is_user("RIP: 0033:0x7f8a1303a300")
    assert not is_user("RIP: 0010:do_idle+0x1/0x2")


@pytest.mark.parametrize(
    ("message", "function"),
    [
        ("BUG: KASAN: slab-use-after-free in sock_poll.isra.0+0x1/0x2 [x]", "sock_poll"),
        (
            "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: ktime_get+0x3f2/0x400",
            "ktime_get",
        ),
        ("Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: ffffffff81000000", None),
    ],
)
def test_a_first_line_may_name_the_place(message, function):
    assert named_place(message) == function
