# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the ledger ask of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError

Ask = Callable[[str], list[Any]]


def refusal(act: Callable[[], Any]) -> LedgerError:
    """Return the error that it ends with."""
    with pytest.raises(LedgerError) as caught:
        act()
    return caught.value
