# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a plan: each comes alone, and says what was found, why it matters, and what to do instead."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.kho.kexec.plugins.module_utils._plan.decide import decide
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import Promise
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW, OLD, situation

PROMISE = Promise(NEW, OLD, 1, "kho-v4")


def ids(table):
    """Return a name for each row of a table whose first column is a code."""
    return [f"{number}-{row[0]}" for number, row in enumerate(table)]


def assert_refused(code, changes, says):
    """A host that differs so is refused for this reason alone, and the message says all of ``says``."""
    plan = decide(situation(**changes))
    assert (plan.action, [note.code for note in plan.reasons], plan.promise) == ("refuse", [code], None)
    assert [part for part in says if part not in plan.reasons[0].message] == []
    assert plan.reasons[0].message.isprintable()


def assert_warned(code, changes, says):
    """A host that differs so gets the promise of a handover, with this warning alone."""
    plan = decide(situation(**changes))
    expected = replace(PROMISE, abi=plan.promise.abi)
    assert (plan.action, [note.code for note in plan.warnings], plan.promise) == ("handover", [code], expected)
    assert [part for part in says if part not in plan.warnings[0].message] == []
