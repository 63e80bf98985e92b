# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules support, by where they work. A module says itself where it differs; put this before Ansible's own."""

from __future__ import annotations


class ModuleDocFragment:
    # Of modules whose half on the controller only checks what they answer.
    DOCUMENTATION = r"""
attributes:
  action:
    support: full
  async:
    support: full
    details: With C(poll) above 0 only. The controller checks what the host answers.
  bypass_host_loop:
    support: none
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    support: full
    platforms: linux
"""

    # Of modules whose half on the controller does more.
    ACTION = r"""
attributes:
  action:
    support: full
  async:
    support: none
  become:
    support: full
  bypass_host_loop:
    support: none
  check_mode:
    support: full
  connection:
    support: full
  delegation:
    support: full
  diff_mode:
    support: none
  platform:
    support: full
    platforms: linux
"""

    # Of those that ask no host.
    CONTROLLER = r"""
attributes:
  action:
    support: full
  async:
    support: none
  become:
    support: none
  bypass_host_loop:
    support: none
  check_mode:
    support: full
  connection:
    support: none
  delegation:
    support: none
  diff_mode:
    support: N/A
  platform:
    support: full
    platforms: all
"""
