# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The curves of boots without a crash: what the ledger counts, and how they are drawn."""

from __future__ import annotations

import pytest
from unit.plugins.plugin_utils.correlations import Page
from unit.plugins.plugin_utils.histories import BEGIN, NEW, NOW, OLD, before, boot, cold, history, some_id

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_fleet
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.crash_counts import Way
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import fleet_as_dict, render_reports
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.survival import Lives, compared, kaplan_meier, lives

HANDOVER = Way("handover", OLD, NEW)


def lasting(number: int, hours: float, ending: str, **changes: object) -> dict[str, object]:
    """A boot that began so long before that it does not touch the others."""
    begin = before(BEGIN, 100.0 * number)
    times = {"begin": begin, "end": before(begin, -hours), "ending": ending}
    return boot(boot_id=some_id(number), **{**times, **changes})


def some() -> Lives:
    return lives([("a", 1.0, True), ("b", 2.0, False), ("c", 3.0, True), ("d", 4.0, False)])


def test_share_without_a_crash_by_hand() -> None:
    hours, share = kaplan_meier(some())
    assert list(hours) == [1.0, 3.0]
    assert list(share) == [pytest.approx(3 / 4), pytest.approx(3 / 4 * 1 / 2)]


def test_a_crash_loop_weighs_as_one_host() -> None:
    loop = [("a", 1.0, True)] * 30
    others = [(f"host{number}", 5.0, False) for number in range(9)]
    assert kaplan_meier(lives([*loop, *others]))[1][-1] == pytest.approx(9 / 10)


def test_curve_ends_where_few_are_left() -> None:
    of = lives([(str(number), float(number), number == 19) for number in range(20)])
    found = compared(HANDOVER, of, some()).after
    assert (found.until, found.hours, found.at_risk) == (15.0, (), (20, 17, 14, 11, 8, 5))


def test_the_ledger_tells_hours_of_boots(ledger: Ledger) -> None:
    for number in range(6):
        ended = lasting(1, 2.0, "crash") if number < 2 else lasting(1, 10.0, "clean")
        other = lasting(2, 8.0, "clean", boot="cold", previous_release=None, kexec_count=0)
        ledger.import_history(f"web{number}", history(ended, other, cold(3, release=OLD)), NOW)
    (found,) = count_fleet(ledger).curves
    assert (found.way, found.after.hours, found.after.boots, found.cold.boots) == (HANDOVER, (2.0,), 6, 6)
    assert found.after.share == (pytest.approx(4 / 6),)
    assert found.cold.hours == ()


def test_report_draws_them(ledger: Ledger) -> None:
    ledger.import_history("<web>", history(*(lasting(number, 2.0, "crash") for number in (1, 2))), NOW)
    fleet = correlate(count_fleet(ledger))
    page = render_reports(fleet, NOW)["report.html"]
    assert "Hours to the crash" in page
    assert Page(page).tags.count("svg") == 1
    assert Page(page).open == []
    (told,) = fleet_as_dict(fleet)["survival"]
    assert (told["previous_release"], told["cold"], told["after"]["share"]) == (OLD, None, (0.0,))


def test_without_crashes_there_is_none(ledger: Ledger) -> None:
    ledger.import_history("web1", history(lasting(1, 2.0, "clean")), NOW)
    assert count_fleet(ledger).curves == ()
