# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which modules say who asks."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  claim_timeout:
    description:
      - Claims the host for so many seconds, so no other run stages, jumps or unloads there at the same time.
        Each task of this run with this option renews the claim, and M(kho.kexec.kexec_commit) or
        O(kho.kexec.kexec_image#module:state=unloaded) ends it.
      - A host that another run has claimed is refused with the name and the time of that run. The claim of a run that
        is known to have died on this controller is taken over; any other ends after its time.
      - An image that is staged under a claim is unloaded by the host itself when that time is over, because a plain
        reboot would start it.
      - V(0) claims nothing, and respects the claims of others.
    type: int
    default: 0
  run_identity:
    description:
      - Who asks. The controller's half of this action sets it, and a task cannot.
    type: dict
    suboptions:
      run:
        description: Tells this run from all others.
        type: str
      owner:
        description: Names this run to people.
        type: str
      over:
        description: Runs that are known to be dead.
        type: list
        elements: str
"""
