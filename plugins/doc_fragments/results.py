# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters recovery and upgrade_result are given of the tasks of a host."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  transition:
    description:
      - What M(kho.kexec.kexec_reboot) returned.
    type: dict
    default: {}
  commit:
    description:
      - What M(kho.kexec.kexec_commit) returned.
    type: dict
    default: {}
  rollback:
    description:
      - What M(kho.kexec.kexec_reboot) returned for the way back.
    type: dict
    default: {}
"""
