# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller lets in of a host's answer is what RETURN describes."""

from __future__ import annotations

import importlib
import json
import re

import pytest
import yaml
from contract.tree import PLUGINS, names, strings

from ansible_collections.kho.kexec.plugins.plugin_utils._common.answers import ANSWERS, COMMON
from ansible_collections.kho.kexec.plugins.plugin_utils._common.shapes import (
    Flag,
    Many,
    Number,
    Record,
    Table,
    Text,
    Tree,
    Whole,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.module_action import RebuildingAction

TYPES = {"str": Text, "int": Whole, "float": Number, "bool": Flag, "list": Many, "dict": (Record, Table, Tree)}
ELSEWHERE = re.compile(r"in the shape of RV\(kho\.kexec\.(\w+)#module:(\w+)\)")
# Controller's halves that make their results themselves.
OF_THE_CONTROLLER = {
    *(
        "fleet_lock",
        "kexec_await",
        "kexec_central_logs",
        "kexec_gate",
        "kexec_ledger",
        "kexec_options",
        "kexec_play_options",
        "kexec_rollout",
        "kexec_soak",
        "kexec_soak_bisect",
        "kho_fleet_info",
    ),
}
# Its result is made of the answers of two phases, which only the two halves know.
JUMP = "kexec_reboot"
# What a half says itself, of hosts that it does not ask. A host that says so is not believed.
OF_THE_HALF = {"kexec_image": {"asked", "errors"}}
MODULES = sorted(set(names("modules")) - OF_THE_CONTROLLER - {JUMP})


def returned(name):
    return yaml.safe_load(strings("modules", name)["RETURN"])


def of_the_host(name):
    """Return what RETURN describes of the host's answer."""
    described = returned(name)
    assert OF_THE_HALF.get(name, set()) <= described.keys()
    return {key: value for key, value in described.items() if key not in OF_THE_HALF.get(name, ())}


def fields_of(described):
    """Return the described keys of a value, also of one that is described elsewhere; None when they are not."""
    own, text = described.get("contains"), described["description"]
    elsewhere = ELSEWHERE.search(text if isinstance(text, str) else " ".join(text))
    if own is None or elsewhere is None:
        return own
    found = returned(elsewhere[1])[elsewhere[2]]
    return {**found["contains"], **own}


def differences(shape, described, where):
    """Yield where a shape and the description of its value say different things."""
    if not isinstance(shape, TYPES[described["type"]]):
        yield f"{where}: is {type(shape).__name__}, and described as {described['type']}"
        return
    if isinstance(shape, Many):
        yield from differences(shape.of, {**described, "type": described.get("elements", "dict")}, f"{where}[]")
    elif isinstance(shape, Record) and "contains" in described:
        yield from of_fields(shape.fields, fields_of(described), where)
    elif isinstance(shape, Record) and isinstance(described.get("sample"), dict):
        unknown = described["sample"].keys() - shape.fields.keys()
        yield from (f"{where}.{key}: is in the sample only" for key in unknown)


def of_fields(fields, described, where):
    yield from (f"{where}.{name}: is not described" for name in fields.keys() - described.keys())
    yield from (f"{where}.{name}: is dropped" for name in described.keys() - fields.keys())
    for name in fields.keys() & described.keys():
        yield from differences(fields[name], described[name], f"{where}.{name}")


def test_every_module_has_a_half_on_the_controller():
    assert names("action") == names("modules")
    assert set(ANSWERS) == {*MODULES, JUMP}


@pytest.mark.parametrize("name", MODULES)
def test_the_half_builds_the_answer_anew(name):
    plugin = importlib.import_module(f"ansible_collections.kho.kexec.plugins.action.{name}").ActionModule
    assert issubclass(plugin, RebuildingAction)


@pytest.mark.parametrize("name", MODULES)
def test_what_is_let_in_is_what_is_described(name):
    described = {key: value for key, value in of_the_host(name).items() if key not in COMMON}
    assert list(of_fields(ANSWERS[name].fields, described, name)) == []


@pytest.mark.parametrize("name", MODULES)
def test_samples_pass_unchanged(name):
    samples = {key: value["sample"] for key, value in of_the_host(name).items() if value.get("sample") is not None}
    built = Record({**COMMON, **ANSWERS[name].fields}).build(samples)
    assert json.loads(json.dumps(built)) == samples


def test_no_other_action_executes_modules_and_takes_what_comes():
    paths = [path for folder in ("action", "plugin_utils") for path in (PLUGINS / folder).rglob("*.py")]
    found = {path.name for path in paths if "_execute_module(" in path.read_text(encoding="utf-8")}
    assert found == {"module_action.py"}
