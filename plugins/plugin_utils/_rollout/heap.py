# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the processes small that Ansible forks, one for each task of each host.

They share the controller's memory until one of them writes to it, and Python's garbage collector writes to every object
that it looks at. A process that collects has a copy of nearly all that the controller holds, and took the time to make
it; with 20 forks, that is gigabytes. Objects that are frozen are not looked at (``gc.freeze``, made for programs that
fork). The system has to copy the page tables of all that the controller has not given back, too.
"""

from __future__ import annotations

import ctypes
import gc


def freeze_new() -> None:
    """Collect what is new since the last time, and freeze what is left. A cycle that is frozen is not freed."""
    gc.collect()
    gc.freeze()
    give_back()


def freeze_all() -> None:
    """Collect all that there is, cycles that were frozen and are not used any more too, and freeze what is left."""
    gc.unfreeze()
    freeze_new()


def give_back() -> None:
    """Give memory that was freed back to the system: malloc_trim(3) of the GNU C library, where that is the one."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
