# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others name is never the kernel's word."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._health.log import complaints


@pytest.mark.parametrize(
    "name", ["kernel BUG at x", "BUG: ", "BUG: bad", "UBSAN: ", "refcount_t: ", "Oops [#1", "INFO: task a"]
)
@pytest.mark.parametrize(
    "rest",
    [
        "[812]: segfault at 0 ip 0000000000401136 sp 00007ffd error 6 in x[401000+1000] likely on CPU 0",
        "[812]: unhandled exception: DABT (lower EL), ESR 0x0000000092000046, level 2 translation fault in x",
        "[812] bad frame in rt_sigreturn frame:00007ffd ip:401136 sp:7ffd orax:ffffffffffffffff in x[401000+1000]",
        "/812: potentially unexpected fatal signal 11.",
        " (812): drop_caches: 3",
        ": page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), nodemask=(null)",
        " invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0",
    ],
)
def test_the_name_of_a_process_is_not_the_kernels_word(name, rest):
    """Any user may call a program so; where the kernel names it first: arch/x86/mm/fault.c, mm/oom_kill.c, ..."""
    assert complaints([name + rest]) == ()
