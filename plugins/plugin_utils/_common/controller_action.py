# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What action plugins have in common that work on the controller, and ask no host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, failed_with
from ansible_collections.kho.kexec.plugins.plugin_utils._common.one_line import in_one_line


class ControllerAction(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """Checks the options by ``SPEC``; a KhoError is a failure with its code, and with what was found until then.

    A task runs once for all hosts of a batch, unless ``BYPASS_HOST_LOOP`` is false.
    """

    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    SPEC: Mapping[str, Any] = {}
    REQUIRED_IF: Sequence[Any] = ()

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(self.SPEC, required_if=self.REQUIRED_IF)
        try:
            return {**result, "changed": False, **self._done(options, task_vars or {})}
        except KhoError as error:
            return {**result, "changed": False, **error.findings, **failed_with(error.code, error.message)}

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Do the work, and return what the task returns."""
        raise NotImplementedError


class RefusingAction(ControllerAction):
    """For what is refused on purpose: a failure is one line."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = super().run(tmp, task_vars)
        return in_one_line(self._task, answer)
