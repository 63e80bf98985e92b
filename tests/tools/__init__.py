# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver behind the Makefile: knows the steps of the test suite, what each needs, and runs them.

Standard library only, because it runs on a fresh machine's python3 before any environment exists.
"""

from __future__ import annotations
