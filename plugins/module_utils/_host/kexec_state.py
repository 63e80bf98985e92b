# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a kernel is staged for the next kexec or for a crash."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, line_of

# Since Linux 6.19 the first, which leaves the second as a symbolic link "deprecated and [to] be removed after 2028"
# (Documentation/ABI/obsolete/sysfs-kernel-kexec-kdump); before 6.19 only the second.
LOADED = ("/sys/kernel/kexec/loaded", "/sys/kernel/kexec_loaded")
CRASH_LOADED = ("/sys/kernel/kexec/crash_loaded", "/sys/kernel/kexec_crash_loaded")


class KexecState(NamedTuple):
    """What is loaded; None when the kernel does not say, as one without CONFIG_KEXEC_CORE does not."""

    image_loaded: Optional[bool]
    crash_image_loaded: Optional[bool]


def read_kexec_state(host: Host) -> KexecState:
    """Ask sysfs; every user may."""
    return KexecState(_flag(host, *LOADED), _flag(host, *CRASH_LOADED))


def foreign_image() -> Note:
    """``image_already_loaded``: an image is loaded, and no record of this boot says that it is ours."""
    return Note(
        "image_already_loaded",
        "An image is loaded for the next kexec, and no transition record of this boot says that it was loaded here. "
        "Somebody else wants to start it, and which one it is cannot be read back. Find out who, and unload it with "
        "'kexec -s -u' if it is not wanted.",
    )


def _flag(host: Host, *paths: str) -> Optional[bool]:
    """Return the first of the files that holds 0 or 1, as a bool."""
    flags = (line_of(host, path) for path in paths)
    return next((flag == "1" for flag in flags if flag in ("0", "1")), None)
