# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/inventory/facts with each ansible-core, on the kernel of this machine and on facts from a cache."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from integration.cores import CORES
from integration.inventories.controller import Controller

from ansible_collections.kho.kexec.plugins.module_utils._fact_script.main import FIELDS
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable

# These run templates that they find in cached facts when a constructed inventory looks at them.
RUN_CACHED_TEMPLATES = {"2.16"}


def facts(**known: Any) -> dict[str, Any]:
    """Facts of the right shape, of which only these are known."""
    return {**dict.fromkeys(FIELDS), "boot": "unknown", "source": "none", "subtrees": [], "notes": [], **known}


def handover(count: int, previous_release: str = "7.2.13-kho", **known: Any) -> dict[str, Any]:
    came = {"boot": "handover", "kexec_count": count, "previous_release": previous_release}
    return facts(**came, built=True, enabled=True, image_loaded=False, **known)


COLD = facts(boot="cold", kexec_count=0, built=True, enabled=True, image_loaded=False)
HOSTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "cold": (COLD, {"chain_0", "boot_cold"}),
    "staged": ({**COLD, "image_loaded": True}, {"chain_0", "boot_cold", "staged"}),
    "off": ({**COLD, "enabled": False}, {"chain_0", "boot_cold", "off"}),
    "not_built": ({**COLD, "built": False, "enabled": False}, {"chain_0", "boot_cold", "not_built"}),
    "kexec": ({**COLD, "boot": "kexec"}, {"chain_0", "boot_kexec"}),
    "kdump": (facts(boot="kdump"), {"chain_unknown", "boot_kdump"}),
    "nothing_known": (facts(), {"chain_unknown", "boot_unknown"}),
    "one": (handover(1), {"chain_1", "boot_handover", "from_7_2_13_kho"}),
    "two": (handover(2), {"chain_2_to_4", "boot_handover", "from_7_2_13_kho"}),
    "four": (handover(4, "7.3.0-rc7+"), {"chain_2_to_4", "boot_handover", "from_7_3_0_rc7_"}),
    "five": (handover(5), {"chain_5_to_9", "boot_handover", "from_7_2_13_kho"}),
    "nine": (handover(9), {"chain_5_to_9", "boot_handover", "from_7_2_13_kho"}),
    "ten": (handover(10), {"chain_10_or_more", "boot_handover", "from_7_2_13_kho"}),
    "most": (handover((1 << 32) - 1), {"chain_10_or_more", "boot_handover", "from_7_2_13_kho"}),
    "noted": (
        {**COLD, "notes": [{"code": "crashkernel_lost", "message": "x"}, {"code": "log_wrapped", "message": "x"}]},
        {"chain_0", "boot_cold", "note_crashkernel_lost", "note_log_wrapped"},
    ),
}


@pytest.fixture(params=CORES)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    return Controller(request.param, tmp_path)


def remember(controller: Controller, known: dict[str, Any], fact: str = "kho") -> None:
    """Put one fact of each host into the cache, by a play."""
    controller.write_hosts(*known, "silent")
    path = controller.home / "known.json"
    path.write_text(json.dumps(known))
    value = "{{ (lookup('ansible.builtin.file', '" + str(path) + "') | from_json)[inventory_hostname] }}"
    task = {"name": "Remember", "ansible.builtin.set_fact": {fact: value, "cacheable": True}}
    controller.play([task], hosts="all:!silent")


def test_the_example_as_it_is_knows_nothing_of_its_hosts(controller: Controller) -> None:
    assert controller.groups() == {"kho_unknown": {"web1.example.com", "web2.example.com"}}


def test_gathering_brings_the_facts_and_the_cache_keeps_them(controller: Controller) -> None:
    controller.write_hosts("here")
    gathered = controller.value("ansible_facts", gather_facts=True)
    assert gathered["kernel"] == gathered["kho"]["release"] == os.uname().release
    cache = controller.home / ".cache/kho-kexec/facts"
    assert len(list(cache.iterdir())) == 1
    assert not stat.S_IMODE(cache.stat().st_mode) & 0o022

    assert controller.value("ansible_facts.kho") == gathered["kho"]
    groups = controller.groups()
    assert "kho_unknown" not in groups
    assert groups["kho_boot_" + gathered["kho"]["boot"]] == {"here"}
    graph = controller.run("ansible-inventory", "--graph")
    assert "@kho_boot_" + gathered["kho"]["boot"] in graph
    limited = controller.run("ansible", "kho_boot_" + gathered["kho"]["boot"], "--list-hosts")
    assert "here" in limited


def test_asking_again_replaces_what_the_cache_has(controller: Controller) -> None:
    remember(controller, {"here": handover(1 << 31)})
    assert controller.groups()["kho_chain_10_or_more"] == {"here"}
    controller.run("ansible", "here", "-m", "kho.kexec.kho_facts")
    assert "kho_chain_10_or_more" not in controller.groups()


@pytest.mark.parametrize("fact", ["kho", "ansible_local"])
def test_groups(controller: Controller, fact: str) -> None:
    known = {host: found for host, (found, _groups) in HOSTS.items()}
    remember(controller, known if fact == "kho" else {host: {"kho": found} for host, found in known.items()}, fact)
    expected: dict[str, set[str]] = {"kho_unknown": {"silent"}}
    for host, (_known, groups) in HOSTS.items():
        for group in groups:
            expected.setdefault("kho_" + group, set()).add(host)
    assert controller.groups() == expected


def test_local_facts_that_are_not_ours_are_unknown(controller: Controller) -> None:
    broken = "error loading facts as JSON or ini - please check content: kho.fact"
    remember(controller, {"other": {"other": {"boot": "x"}}, "broken": {"kho": broken}}, "ansible_local")
    assert controller.groups() == {"kho_unknown": {"silent", "other", "broken"}}


def hostile_releases(proof: Path) -> list[str]:
    return [
        f"{{{{ lookup('pipe', 'touch {proof}') }}}}",
        "{% set x = 1 %}{{ 1234*5678 }}",
        "a\"b'c\\d",
        "a/../b",
        "- x: [y",
    ]


def test_hostile_releases_are_harmless(controller: Controller) -> None:
    """As kho_facts returns them; and as a host that lies would, where the core does not make that a danger."""
    releases = hostile_releases(controller.home / "proof")
    known = {f"host{number}": handover(3, printable(release)) for number, release in enumerate(releases)}
    if controller.core not in RUN_CACHED_TEMPLATES:
        lies = {f"liar{number}": {**handover(3, release), "boot": release} for number, release in enumerate(releases)}
        known.update(lies)
    remember(controller, known)
    groups = controller.groups()
    assert groups["kho_chain_2_to_4"] == set(known)
    assert set.union(*(hosts for name, hosts in groups.items() if name.startswith("kho_from_"))) == set(known)
    assert all(name.isascii() and name.replace("_", "").isalnum() for name in groups)
    assert "7006652" not in "".join(groups)
    assert not (controller.home / "proof").exists()


def test_a_host_that_lies_about_types_does_no_harm_to_others(controller: Controller) -> None:
    lies: list[dict[str, Any]] = [{"kexec_count": "many"}, {"kexec_count": {"a": 1}}, {"notes": "text"}, {"boot": 7}]
    liars = {f"a_liar{number}": {**handover(1), **lie} for number, lie in enumerate(lies)}
    remember(controller, {**liars, "honest": handover(1)})
    honest = {name for name, hosts in controller.groups().items() if "honest" in hosts}
    assert honest == {"kho_chain_1", "kho_boot_handover", "kho_from_7_2_13_kho"}
