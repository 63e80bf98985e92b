# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: seconds
short_description: The seconds of a time such as 10m
version_added: 0.1.0
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
description:
  - Options of roles that are times take seconds, or days, hours, minutes and seconds with a unit, such as V(10m), V(2h)
    or V(1h30m). Modules take seconds.
options:
  _input:
    description:
      - A number of seconds, or a text as above.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Wait
  ansible.builtin.pause:
    seconds: "{{ '10m' | kho.kexec.seconds }}"
"""

RETURN = r"""
_value:
  description: The seconds.
  type: int
  sample: 600
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.kho.kexec.plugins.plugin_utils._common.duration import seconds


def to_seconds(value: Any) -> int:
    try:
        return seconds(value)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"seconds": to_seconds}
