# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/kexec_soak_bisect.yml over a simulated host whose target goes wrong after some of its kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from integration.cores import CORES
from integration.soak.world import World
from unit.support.cases import more

TARGET, HOME = "7.3.4-kho", "7.2.13-kho"
ORIGINS = ["7.2.11-kho", "7.2.12-kho", HOME]
INSTALLED = [*ORIGINS, TARGET]
USUAL: dict[str, Any] = {"bisect_target": TARGET, "bisect_origins": ORIGINS}
USUAL_RATES = {"bisect_wrong_at_least": 0.8, "bisect_wrong_at_most": 0.05}
# One answer decides an origin.
CERTAIN: dict[str, Any] = {**USUAL, "bisect_wrong_at_least": 0.99, "bisect_wrong_at_most": 0.01}


@pytest.fixture(params=CORES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made = World(CORES[request.param], tmp_path)
    made.set(installed=INSTALLED)
    return made


def run(world: World, *arguments: str, **options: Any) -> tuple[int, str]:
    return world.run(*arguments, playbook="kexec_soak_bisect", **{**CERTAIN, **options})


def tries(world: World) -> list[tuple[str, str, str | None]]:
    return [(one["origin"], one["answer"], one["why"]) for one in world.kept("bisect.json")["tries"]]


@pytest.mark.parametrize(("rates", "wrong", "well"), [({}, 1, 1), *more((USUAL_RATES, 2, 3))])
def test_the_first_origin_after_which_the_target_warns(
    world: World, rates: dict[str, Any], wrong: int, well: int
) -> None:
    world.set(installed=INSTALLED, warns_after=ORIGINS[1:])
    code, output = run(world, **rates)
    assert code == 0
    assert tries(world) == [
        *[(ORIGINS[1], "wrong", "kernel_warning")] * wrong,
        *[(ORIGINS[0], "well", None)] * well,
    ]
    assert (
        f"web1: {TARGET} goes wrong from {ORIGINS[1]} on; from {ORIGINS[0]}, the one before it, it does not." in output
    )
    # Each jump is the first of a chain that its origin has begun, and the host comes home.
    chains = [origin for origin, _answer, _why in tries(world)]
    made = world.jumps()
    assert [[jump[1] for jump in made[number : number + 2]] for number in range(0, 2 * len(chains), 2)] == [
        [origin, TARGET] for origin in chains
    ]
    assert (len(made), world.of()["release"], world.of()["count"]) == (2 * len(chains) + 1, HOME, 0)
    assert all(
        (one["previous_release"], one["kexec_count"]) == (one["origin"], 1)
        for one in world.kept("bisect.json")["tries"]
    )
    assert {path.name for path in (world.folder / "kexec-soak/web1").glob("try-*")} == {
        f"try-{number}" for number in range(1, wrong + 1)
    }


MORE_BAD_INPUT: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"bisect_target": "7.9.9-kho"}, {}, "target_not_found"),
    ({}, {"kho": False}, "running_without_kho"),
    ({"bisect_origins": []}, {}, "bisect_origins_too_few"),
    ({"bisect_origins": ORIGINS[:1]}, {}, "bisect_origins_too_few"),
    ({"bisect_origins": [*ORIGINS, ORIGINS[0]]}, {}, "bisect_origins_repeated"),
    ({"bisect_origins": [*ORIGINS, TARGET]}, {}, "bisect_origin_is_target"),
    ({"bisect_origins": ["7.2.*", HOME]}, {}, "bisect_release_unfit"),
    ({"bisect_target": ""}, {}, "bisect_release_unfit"),
    ({"bisect_wrong_at_least": 0.005}, {}, "bisect_rates_invalid"),
    ({"bisect_jumps": 1}, {}, "bisect_jumps_invalid"),
    ({"bisect_wrong": "slow"}, {}, "options_invalid"),
    ({"bisect_orgins": ORIGINS}, {}, "option_unknown"),
]


@pytest.mark.parametrize(
    ("options", "state", "code"),
    [
        ({"bisect_origins": [*ORIGINS, "7.2.99-kho"]}, {}, "target_not_found"),
        ({}, {"without_kho": [ORIGINS[1]]}, "bisect_origin_unfit"),
        ({"bisect_wrong": "command"}, {}, "bisect_command_missing"),
        *more(*MORE_BAD_INPUT),
    ],
)
def test_bad_input_touches_nothing(world: World, options: dict[str, Any], state: dict[str, Any], code: str) -> None:
    world.set(installed=INSTALLED, **state)
    status, output = run(world, **options)
    assert (status, world.jumps()) == (2, [])
    assert f"codes.md#{code}" in output
