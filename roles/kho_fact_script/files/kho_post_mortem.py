# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which transition a kernel came from, read from its dump, or from the kernel that runs, with drgn.

Prints one JSON object in the words of the facts (``ansible_facts.kho``). What is not known is null, and a note says
why. The exit code is 0 when the kernel told whether it was executed from another, else 1.

The kernel keeps what it was told in ``kho_in`` (kernel/liveupdate/kexec_handover.c, Linux 7.1 and newer), which lives
as long as it does; its log, which has the line ``KHO: exec from``, may have been overwritten.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

FIELDS = ("release", "boot", "previous_release", "kexec_count", "source", "built", "enabled")
SOURCE_FILE = "kexec_handover.c"  # in kernel/liveupdate/, and before Linux 6.19 in kernel/
LOADER_KEXEC = 0xD  # Documentation/admin-guide/sysctl/kernel.rst, bootloader_type
RELEASE_LIMIT = 64  # characters (__NEW_UTS_LEN)


class Trouble(Exception):
    """What stands in the way of reading the kernel: a code, and what to do."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def printable(data):
    """Return the text of a dump, which nobody vouches for: short and printable, and nothing that begins a template."""
    text = data.decode("ascii", "replace")[:RELEASE_LIMIT]
    return "".join(sign if "!" <= sign <= "~" and sign != "{" else "?" for sign in text)


def opened(drgn, given):
    """Return the kernel as drgn's program."""
    what = given.core or "the running kernel (/proc/kcore)"
    try:
        program = drgn.Program(vmcoreinfo=Path(given.vmcoreinfo).read_bytes() if given.vmcoreinfo else None)
        if given.core is None:
            program.set_kernel()
        else:
            program.set_core_dump(given.core)
    except PermissionError as error:
        raise Trouble("not_permitted", f"{error}. Only root may read a kernel's memory: run it as root.") from error
    except (OSError, ValueError) as error:
        # drgn knows dumps of QEMU, and that they lack what it needs.
        if "vmcoreinfo" in str(error) and not given.vmcoreinfo:
            raise not_a_kernel(what) from error
        which = getattr(error, "filename", None) or what
        raise Trouble("core_unreadable", f"{which} cannot be read: {error}. Name a dump of a Linux kernel.") from error
    if not program.flags & drgn.ProgramFlags.IS_LINUX_KERNEL:
        raise not_a_kernel(what)
    return program


def not_a_kernel(what):
    """Return what is said of a dump that is of a program, or hides that it is a kernel's."""
    return Trouble(
        "not_a_kernel",
        f"{what} is not known as a Linux kernel: it has no VMCOREINFO, as dumps of hypervisors without the device "
        "vmcoreinfo, or is of a program. Give the kernel's with --vmcoreinfo.",
    )


def find_symbols(drgn, program, vmlinux):
    """Have the debug information of the kernel itself; that of its modules is not asked for."""
    missing = "nothing was found"
    try:
        program.load_debug_info(vmlinux, main=vmlinux is None)
    except (drgn.MissingDebugInfoError, OSError, ValueError) as error:
        missing = str(error).splitlines()[0]
    try:
        program.type("struct list_head")
    except LookupError as error:
        raise Trouble(
            "symbols_missing",
            f"The debug information of this kernel is not there ({missing}). Install its package "
            "(linux-image-RELEASE-dbg, kernel-debuginfo), or name the vmlinux of the very same build with --vmlinux.",
        ) from error


def read(program, facts):
    """Fill in what the kernel says."""
    release, facts["boot"] = facts["release"], started(program)
    try:
        incoming = program.variable("kho_in", SOURCE_FILE)
        facts["enabled"] = bool(program.variable("kho_enable", SOURCE_FILE))
    except LookupError as error:
        raise Trouble(
            "kernel_without_kho",
            f"The kernel {release} has no kho_in: it is older than Linux 6.16, or was built without "
            "CONFIG_KEXEC_HANDOVER. Only a kernel with it says which one it was executed from.",
        ) from error
    facts["built"] = True
    try:
        previous, count = incoming.previous_release.string_(), int(incoming.kexec_count)
    except AttributeError as error:
        raise Trouble(
            "metadata_unsupported",
            f"The kernel {release} keeps no record of the kernel before it, as Linux 7.1 and newer do.",
        ) from error
    if not facts["enabled"]:
        facts["kexec_count"] = 0
        note(facts, "running_kho_off", "Kexec HandOver was off in this kernel (kho=on is needed): it accepted nothing.")
    elif not incoming.fdt_phys:
        facts["kexec_count"] = 0
    elif previous:
        facts.update(boot="handover", previous_release=printable(previous), kexec_count=count)
    else:
        facts["boot"] = "handover"
        note(facts, "metadata_missing", "A handover was accepted, and brought no record of the kernel before.")


def started(program):
    """Return cold or kexec, as the loader said (x86); None where nothing tells."""
    try:
        loader = int(program["bootloader_type"])
    except LookupError:
        return None
    if loader in (0, 0xFF):
        return None
    return "kexec" if loader >> 4 == LOADER_KEXEC else "cold"


def note(facts, code, message):
    """Add a note."""
    facts["notes"].append({"code": code, "message": message})


def main(arguments=None):
    """Print the facts; return the exit code."""
    parser = argparse.ArgumentParser(prog="kho_post_mortem.py", description=__doc__.splitlines()[0])
    parser.add_argument("core", nargs="?", metavar="VMCORE", help="the dump; without it, the kernel that runs")
    parser.add_argument("--vmlinux", action="append", metavar="FILE", help="where its debug information is")
    parser.add_argument("--vmcoreinfo", metavar="FILE", help="what VMCOREINFO says, for dumps that have none")
    given = parser.parse_args(arguments)
    facts = {**dict.fromkeys(FIELDS), "source": "live" if given.core is None else "dump", "notes": []}
    try:
        drgn = debugger()
        program = opened(drgn, given)
        facts["release"] = printable(program["UTS_RELEASE"].string_())
        find_symbols(drgn, program, given.vmlinux)
        try:
            read(program, facts)
        except drgn.FaultError as error:
            message = f"The dump does not have all of the kernel's memory ({error}): it was not written to its end."
            raise Trouble("dump_incomplete", message) from error
    except Trouble as trouble:
        note(facts, trouble.code, str(trouble))
        print(json.dumps(facts))
        return 1
    print(json.dumps(facts))
    return 0


def debugger():
    """Return the module drgn."""
    try:
        import drgn
    except ImportError as error:
        message = f"drgn is not there ({error}): install it from PyPI (pip install drgn)."
        raise Trouble("drgn_missing", message) from error
    return drgn


if __name__ == "__main__":
    sys.exit(main())
