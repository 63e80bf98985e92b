# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of kho.kexec.kexec_plan_info: builds the host's answer anew."""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.plugin_utils._jump.module_action import PatientAction


class ActionModule(PatientAction):
    pass
