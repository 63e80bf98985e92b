# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is looked at before upgrades, and what is said of it."""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.command_line import BootCommandLine
from ansible_collections.kho.kexec.plugins.module_utils._kernel.scratch import MIB
from ansible_collections.kho.kexec.plugins.module_utils._prepare.arguments import Wishes
from ansible_collections.kho.kexec.plugins.module_utils._prepare.observe import Kernels, Readiness, SavedDefault
from ansible_collections.kho.kexec.plugins.module_utils._prepare.readiness import conclude
from ansible_collections.kho.kexec.tests.unit.support.transitions import running, site

# For 2 GiB of memory, a kernel of 63 MiB and an initrd of 20 MiB.
SCRATCH = "kho_scratch=16M,116M,56M"

GOOD_LINE = f"root=/dev/vda2 kho=on {SCRATCH} panic=10"

SMALL = {"scratch_bytes": 64 * MIB, "largest_scratch_bytes": 32 * MIB}


def readiness(configured=GOOD_LINE, current=GOOD_LINE, kernel=None, **changes):
    """A host that lacks nothing, but for the changes."""
    facts = {
        "running": running(**(kernel or {})),
        "site": site(memory_bytes=2048 * MIB, crash_bytes=0, command_line=current),
        "boot": BootCommandLine("grub", "7.2.13-kho", configured),
        "kernels": Kernels(63 * MIB, 20 * MIB, ()),
        "nodes": 1,
        "watchdog": None,
        "stop_on_reboot": None,
        "journal": True,
        "debugfs": True,
        "saved_default": SavedDefault(None, "a>b", None),
    }
    return Readiness(**{**facts, **changes})


def result(seen, **wishes):
    """Return what the module says of it."""
    return conclude(seen, Wishes(**wishes)).as_result()


def missing(seen, **wishes):
    """Return the codes of what is missing, each with who deals with it."""
    return [(one["code"], one["remedy"]) for one in result(seen, **wishes)["missing"]]


def arguments(seen, **wishes):
    """Return the arguments that are named."""
    return [one["argument"] for one in result(seen, **wishes)["arguments"]]
