# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option by which kexec_reboot hears what kernels complain about after cold boots of the fleet."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  health_own_troubles:
    description:
      - What kernels complain about after cold boots, RV(kho.kexec.kexec_ledger#module:own_troubles) unchanged. Such a
        trouble is told to be the kernel's own, as M(kho.kexec.kernel_health_info) does by this host's journal too.
    type: list
    elements: dict
    suboptions:
      release:
        description: The release. Those of others than the target are passed over.
        type: str
        required: true
      code:
        description: The code of the trouble.
        type: str
        required: true
      signature:
        description: What stays the same when it is said again.
        type: str
        required: true
      boots:
        description: After how many cold boots it was said.
        type: int
      hosts:
        description: On how many hosts these were.
        type: int
    default: []
"""
