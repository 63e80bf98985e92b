# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of those that wait for who is in the middle of something: kexec_image and kexec_reboot."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  busy_timeout:
    description:
      - Seconds to wait for holders of inhibitors and for package transactions. Then the host is refused, with the code
        V(shutdown_inhibited) or V(packages_locked), and not left. The way back is not held up by them.
    type: int
    default: 0
"""
