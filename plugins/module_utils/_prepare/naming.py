# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that names each boot in the kernel's log: the role kexec_prepare installs it, and this looks at it.

It runs the fact script with the argument ``name`` (``_fact_script.main``), from a folder of its own: the one from which
setup takes facts is the operator's.
"""

from __future__ import annotations

from typing import Optional

from ansible_collections.kho.kexec.plugins.module_utils._fact_script.archive import fact_script, interpreter_of
from ansible_collections.kho.kexec.plugins.module_utils._fact_script.install import FILE_LIMIT, FILE_NAME
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, read_lossless

SERVICE = "kho-kexec-name.service"
SCRIPT = f"/etc/kho-kexec/{FILE_NAME}"
UNIT = f"/etc/systemd/system/{SERVICE}"
ENABLED = f"/etc/systemd/system/multi-user.target.wants/{SERVICE}"
COMMAND = f"ExecStart=/usr/bin/python3 -IBS {SCRIPT} name"


def naming_lacks(host: Host) -> Optional[str]:
    """Say what is missing or is of another version, as a sentence; None when all is as it should be."""
    if COMMAND not in read_lossless(host, UNIT).splitlines():
        return f"there is no {UNIT} that runs {SCRIPT}."
    if not host.exists(ENABLED):
        return f"{SERVICE} is not enabled."
    try:
        script = host.read_bytes(SCRIPT, FILE_LIMIT)
    except HostError as error:
        return str(error)
    interpreter = interpreter_of(script)
    if interpreter is None or script != fact_script(interpreter):
        return f"{SCRIPT} is not that of this version of the collection."
    return None
