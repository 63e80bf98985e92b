# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What options about the health are refused for: after the jump it would be too late."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._health.troubles import TROUBLES
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.words import TROUBLE_CODES
from ansible_collections.kho.kexec.plugins.module_utils._options.health import require_health_options
from ansible_collections.kho.kexec.plugins.module_utils._options.jump import jump_spec

USUAL = {name: option.get("default") for name, option in jump_spec().items()}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"health_soak": -1}, "time_invalid"),
        ({"health_command_timeout": 0}, "time_invalid"),
        ({"health_commands": [[]]}, "command_invalid"),
        ({"health_commands": [[""]]}, "command_invalid"),
        ({"health_commands": [["true"], ["curl --fail http://x"]]}, "command_invalid"),
        ({"health_commands": [["a", "b\0c"]]}, "command_invalid"),
        ({"health_ignore": ["kernel_warning", "kernel_warnings"]}, "trouble_unknown"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, code):
    with pytest.raises(Refusal) as caught:
        require_health_options({**USUAL, **options})
    assert caught.value.code == code


@pytest.mark.parametrize(
    "options",
    [{}, {"health_commands": [["a", "", "b c"], ["sleep", 1]], "health_soak": 1, "health_ignore": ["kernel_warning"]}],
)
def test_what_can_be_meant_is_not(options):
    require_health_options({**USUAL, **options})


def test_every_trouble_has_a_word():
    assert sorted(TROUBLES) == sorted(TROUBLE_CODES)
