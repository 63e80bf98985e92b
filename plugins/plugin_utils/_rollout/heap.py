# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the processes small that Ansible forks, one for each task of each host.

They share the controller's memory until one of them writes to it, and Python's garbage collector writes to every object
that it looks at. A process that collects has a copy of nearly all that the controller holds, and took the time to make
it; with 20 forks, that is gigabytes. Objects that are frozen are not looked at (``gc.freeze``, made for programs that
fork).
"""

from __future__ import annotations

import gc


def freeze() -> None:
    """Keep the collector from all that exists now, here and in processes that are forked. Costs nothing."""
    gc.freeze()


def collect_and_freeze() -> None:
    """The same, once what nobody uses is gone: nothing that is frozen ever is. Takes tenths of a second."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
