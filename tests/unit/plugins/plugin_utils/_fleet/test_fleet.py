# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._fleet.fleet import (
    HEADER,
    KINDS_SHOWN,
    Row,
    counts_of,
    render_fleet,
    rows_of,
)

LOST = {"unreachable": True, "msg": "no route"}
HANDED_OVER = {"release": "7.3.4-kho", "boot": "handover", "previous_release": "7.2.13-kho", "kexec_count": 1}
COLD = {"release": "7.2.13-kho", "boot": "cold", "previous_release": None, "kexec_count": 0}


def result(*codes: str, **facts: Any) -> dict[str, Any]:
    notes = [{"code": code, "message": code} for code in codes]
    return {"ansible_facts": {"kho": {"image_loaded": False, "notes": notes, **facts}}}


def fleet(*results: tuple[str, Any]) -> list[Row]:
    return rows_of(results, long_chain=10)


def lines(*results: tuple[str, Any], only_attention: bool = False) -> list[str]:
    return render_fleet(fleet(*results), only_attention)


def test_row() -> None:
    (row,) = fleet(("web1", result("sources_disagree", **HANDED_OVER)))
    assert row.as_dict() == {
        "host": "web1",
        "release": "7.3.4-kho",
        "boot": "handover",
        "previous_release": "7.2.13-kho",
        "kexec_count": 1,
        "image_loaded": False,
        "attention": [{"code": "sources_disagree", "message": "sources_disagree"}],
    }
    assert row.cells() == ("web1", "7.3.4-kho", "handover", "7.2.13-kho", "1", "no", "sources_disagree")
    assert len(row.cells()) == len(HEADER)


def test_lost_host() -> None:
    (row,) = fleet(("web1", LOST))
    assert row.cells() == ("web1", "-", "-", "-", "-", "-", "unreachable")
    assert row.is_lost


@pytest.mark.parametrize(("loaded", "cell"), [(True, "yes"), (False, "no"), (None, "-"), ("yes", "-"), (1, "-")])
def test_staged(loaded: Any, cell: str) -> None:
    (row,) = fleet(("web1", result(**{**COLD, "image_loaded": loaded})))
    assert row.cells()[5] == cell


def test_hosts_that_deserve_attention_come_first_and_like_stands_beside_like() -> None:
    rows = fleet(
        ("calm1", result(**COLD)),
        ("denied1", result("root_missing")),
        ("refused1", result("handover_refused", "kho_abi_mismatch")),
        ("denied2", result("log_denied")),
        ("lost1", LOST),
        ("calm0", result(**COLD)),
        ("denied0", result("root_missing")),
        ("refused0", result("handover_refused", "handover_damaged")),
    )
    assert [row.host for row in rows] == [
        *("lost1", "refused0", "refused1", "denied2", "denied1", "denied0", "calm1", "calm0"),
    ]


def test_counts() -> None:
    counts = counts_of(
        fleet(("a", result(**HANDED_OVER)), ("b", LOST), ("c", result("root_missing", **HANDED_OVER)), ("d", {}))
    )
    assert counts == {
        "hosts": 4,
        "attention": [
            {"code": "unreachable", "hosts": 1},
            {"code": "facts_missing", "hosts": 1},
            {"code": "root_missing", "hosts": 1},
        ],
        "boot": [{"boot": "handover", "hosts": 2}],
        "transition": [{"previous_release": "7.2.13-kho", "release": "7.3.4-kho", "hosts": 2}],
        "chain": [{"kexec_count": 1, "hosts": 2}],
    }


def test_table_and_summary() -> None:
    assert lines(("web1", result(**HANDED_OVER)), ("web2", result(**COLD)), ("db1", LOST)) == [
        "host  release     boot      previous release  count  staged  attention",
        "----  ----------  --------  ----------------  -----  ------  -----------",
        "db1   -           -         -                     -  -       unreachable",
        "web1  7.3.4-kho   handover  7.2.13-kho            1  no",
        "web2  7.2.13-kho  cold      -                     0  no",
        "",
        "hosts         3, of which 1 deserves attention",
        "attention     unreachable: 1",
        "boot          handover: 1, cold: 1",
        "transition    7.2.13-kho -> 7.3.4-kho: 1",
        "chain length  1: 1, 0: 1",
    ]


def test_only_what_deserves_attention_is_shown_and_all_is_counted() -> None:
    shown = lines(("calm", result(**COLD)), ("lost", LOST), only_attention=True)
    assert [line.split("  ")[0] for line in shown[2:5]] == ["lost", "", "hosts"]
    assert not any(line.startswith("calm") for line in shown)
    assert "hosts         2, of which 1 deserves attention" in shown


def test_calm_fleet_is_its_summary() -> None:
    assert lines(("calm", result(**COLD)), only_attention=True) == [
        "hosts         1, of which 0 deserve attention",
        "boot          cold: 1",
        "chain length  0: 1",
    ]


def test_no_hosts() -> None:
    assert lines() == ["hosts         0, of which 0 deserve attention"]


def test_summary_stays_short_when_hosts_differ() -> None:
    results = [(f"h{at}", result(**{**HANDED_OVER, "release": f"7.{at}", "kexec_count": at})) for at in range(30)]
    (transitions,) = (line for line in lines(*results) if line.startswith("transition"))
    assert transitions.count("->") == KINDS_SHOWN
    assert transitions.endswith(f"others: {30 - KINDS_SHOWN}")


def test_codes_that_do_not_fit_are_counted() -> None:
    (row,) = fleet(("web1", result("build_config_unknown", "handover_unproven", "root_missing", "log_denied")))
    assert row.cells()[-1] == "root_missing, log_denied, handover_unproven +1"
    (row,) = fleet(("web1", result(*(f"{at}" * 40 for at in range(9)))))
    assert row.cells()[-1] == "0" * 40 + " +8"


@pytest.mark.parametrize("junk", [None, 3, 1.5, "text", [], {"a": 1}, True, "\x1b[2J\u4e3b"])
def test_facts_of_any_shape(junk: Any) -> None:
    facts = dict.fromkeys(("release", "boot", "previous_release", "kexec_count", "image_loaded", "notes"), junk)
    for line in lines(("web1", result(**facts))):
        assert line.isascii()
        assert line.isprintable()


def test_hosts_cannot_forge_lines() -> None:
    forged = {**COLD, "release": "7.1\nweb2  ok", "previous_release": "x" * 10_000}
    (row,) = fleet(("web1", result(**forged)))
    assert row.cells()[:2] == ("web1", "7.1?web2  ok")
    assert len(row.cells()[3]) == 64
    assert all(len(line) < 200 for line in lines(("web1", result(**forged))))
