# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bet that a gate makes: how much is on which way in which a jump may do harm. Pure."""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.exposure import DOUBT, Past, won_by_deaths
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.sequential import (
    LIMIT,
    Watched,
    won_at_any_time,
    won_soon,
)

ON_DEATHS, ON_SOON, ON_ANY_TIME = 0.6, 0.2, 0.2
"""Parts of the stake: on kernels that die after the jump, beside how often hosts crash at all; on hosts that crash more
often than those that wait in the same minutes, soon after the jump, and at any time."""
ON_SYMPTOMS = 0.2
"""Part of the stake that is on symptoms, where they are wanted; what is on crashes then is the rest."""
KEPT = 1 - DOUBT * LIMIT
"""What is left of the stake when the doubt about how often hosts crash is paid for."""


def evidence(jumped: Watched, waiting: Watched, past: Past, by_symptoms: float | None = None) -> float:
    """Return what speaks for it that hosts that jumped are worse off; from ``LIMIT`` on, that is enough.

    ``by_symptoms`` is what a stake of 1 on symptoms has become, None where these are not wanted.
    """
    won = ON_DEATHS * won_by_deaths(jumped, waiting, past)
    won += ON_SOON * won_soon(jumped, waiting) + ON_ANY_TIME * won_at_any_time(jumped, waiting)
    if by_symptoms is not None:
        won = (1 - ON_SYMPTOMS) * won + ON_SYMPTOMS * by_symptoms
    return KEPT * won
