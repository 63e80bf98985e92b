# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of rollouts and ledgers, to be looked at in a browser."""
