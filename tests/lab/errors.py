# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in the lab, told to the person who started it."""

from __future__ import annotations


class LabError(Exception):
    """Something that the lab cannot do; its text says what was found and what to do instead."""
