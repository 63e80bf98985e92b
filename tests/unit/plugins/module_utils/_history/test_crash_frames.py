# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a crash was: frames, and what it is known again by."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_frames import (
    frame,
    pointer,
    signature,
)


@pytest.mark.parametrize(
    ("line", "function"),
    [
        (" do_idle+0x1d1/0x210", "do_idle"),
        (" nvme_poll.constprop.0.isra.0+0x1/0x2 [nvme 5a1f]", "nvme_poll"),
        (" [<ffffffff81000000>] do_idle+0x1/0x2", "do_idle"),
        ("lkdtm_EXCEPTION+0x10/0x20 [lkdtm] (P)", "lkdtm_EXCEPTION"),
        ("_RNvNtCshGpAVYOtgW1_4core9panicking9panic_fmt+0x1/0x2", "_RNvNtC4core9panicking9panic_fmt"),
        (" ? do_idle+0x1/0x2", None),
        (" 0xffffffffc0000000", None),
        (" do_idle+0x1", None),
        ("a message of do_idle+0x1/0x2", None),
    ],
)
def test_frames(line, function):
    assert frame(line) == function


@pytest.mark.parametrize(
    ("line", "function"),
    [
        ("RIP: 0010:lkdtm_BUG+0x9/0x10 [lkdtm]", "lkdtm_BUG"),
        ("RIP: 0010:[<ffffffff81000000>] do_idle+0x1/0x2", "do_idle"),
        ("pc : do_idle+0x30/0x58", "do_idle"),
        ("RIP: 0033:0x7f8a1303a300", None),
        ("pc : ffff800080000000", None),
    ],
)
def test_where_the_cpu_was(line, function):
    assert pointer(line) == function


def test_without_frames_the_numbers_of_the_message_do_not_count():
    assert signature("oops", (), "CPU 3: bad ffffffff81000000 0x12") == signature(
        "oops", (), "CPU 11: bad deadbeef 0x1"
    )
    assert signature("oops", (), "one thing") != signature("oops", (), "another thing")
    assert signature("oops", (), "one thing") != signature("bug", (), "one thing")
