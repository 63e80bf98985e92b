# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means when kexec(8) fails to load an image by kexec_file_load(2).

kexec prints ``kexec_file_load failed: `` and the error's text, and ends with 255. The causes are those of
kernel/kexec_file.c, kernel/kexec_core.c, kernel/liveupdate/kexec_handover.c and arch/x86/kernel/kexec-bzimage64.c.
"""

from __future__ import annotations

import errno
import os

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

_OUTPUT_LIMIT = 500
LOAD_FAILED = "load_failed"
SCRATCH_TOO_SMALL = "scratch_too_small"
_UNKNOWN = "Look in the kernel log for lines that begin with kexec."

_BAD_SIGNATURE = (
    "The kernel demands a valid signature of the image and did not find one. Install a kernel that is signed with a "
    "key that this host trusts."
)
_EXPLANATIONS = {
    errno.EADDRNOTAVAIL: "The image and its initrd do not fit into the scratch memory of Kexec HandOver. Its size is "
    "fixed for the whole chain. Put a larger kho_scratch= on the kernel command line and cold-boot the host.",
    errno.EPERM: "The kernel forbids it: kernel.kexec_load_disabled, an exhausted kernel.kexec_load_limit_reboot, "
    "lockdown with an image that is not signed, a security module, or a missing CAP_SYS_BOOT. Look at these settings "
    "and in the kernel log.",
    errno.EBUSY: "Another kexec operation is under way. Find out whose it is, and run this again.",
    errno.ENOEXEC: "The kernel does not know the format of the image. Install the kernel's package again.",
    errno.EINVAL: "The kernel refuses the image or its command line, for example because the latter is too long. Look "
    "in the kernel log for lines that begin with kexec.",
    errno.ENOMEM: "There is not enough memory for the image. Free some, and run this again.",
    errno.ENOSYS: "The running kernel was built without CONFIG_KEXEC_FILE, and no other way of loading hands anything "
    "over. Cold-boot a kernel that has it.",
    errno.ENODATA: _BAD_SIGNATURE,
    errno.ENOKEY: _BAD_SIGNATURE,
    errno.EKEYREJECTED: _BAD_SIGNATURE,
    errno.ELIBBAD: _BAD_SIGNATURE,
    errno.EBADMSG: _BAD_SIGNATURE,
}
# What kexec(8) itself prints for a kernel without the system call; it ends with 253 then.
_NOT_AVAILABLE = "syscall kexec_file_load not available"


def load_failure(done: Completed) -> KhoError:
    """The error for a ``kexec -s -l`` that ended with another exit code than 0: scratch_too_small or load_failed."""
    said = printable(" ".join((done.stderr or done.stdout).split()), _OUTPUT_LIMIT)
    number = _error_number(said)
    explanation = _EXPLANATIONS[number] if number else _UNKNOWN
    return KhoError(
        SCRATCH_TOO_SMALL if number == errno.EADDRNOTAVAIL else LOAD_FAILED,
        f"The image could not be loaded: kexec {done.ending(_OUTPUT_LIMIT)}. {explanation}",
    )


def _error_number(said: str) -> int | None:
    """Which error it was, by the English text that the C library has for it."""
    if _NOT_AVAILABLE in said:
        return errno.ENOSYS
    return next((number for number in _EXPLANATIONS if said.endswith(os.strerror(number))), None)
