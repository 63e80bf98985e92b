# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plugins say of themselves is what they do."""

from __future__ import annotations

import importlib
import re

import pytest
import yaml
from ansible.plugins.action import ActionBase
from contract.tree import PLUGINS, ROOT, documentation, load, names, strings

from ansible_collections.kho.kexec.plugins.module_utils._host.words import ACCEPTABLE
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.module_action import RebuildingAction

MODULES = names("modules")
ACTIONS = names("action")
CALLBACKS = names("callback")
LOOKUPS = names("lookup")
FILTERS = names("filter")
VERSION = load(ROOT / "galaxy.yml")["version"]
# What an option is unless its spec or its documentation says otherwise.
USUAL = {"type": "str", "default": None, "required": False, "choices": None, "elements": None}


class Captured(Exception):
    """Carries what a module gives to AnsibleModule."""


def option_shape(option):
    """Return what spec and documentation have in common; they call the options of a dictionary differently."""
    inner = option.get("options", option.get("suboptions"))
    return {**{key: option.get(key, usual) for key, usual in USUAL.items()}, "options": shapes(inner)}


def shapes(options):
    """Return the options that a user may set, reduced to what spec and documentation have in common."""
    return {name: option_shape(option) for name, option in (options or {}).items() if not name.startswith("_")}


def documented_options(name):
    """Return the options that a module documents, itself or by a fragment of this collection."""
    said = documentation("modules", name)
    own = (
        part.split(".")[2] for part in said.get("extends_documentation_fragment", []) if part.startswith("kho.kexec.")
    )
    parts = [said, *(documentation("doc_fragments", fragment) for fragment in own)]
    return {option: text for part in parts for option, text in (part.get("options") or {}).items()}


def spec_of_module(name, monkeypatch):
    module = importlib.import_module(f"ansible_collections.kho.kexec.plugins.modules.{name}")

    def capture(argument_spec, **_settings):
        raise Captured(argument_spec)

    monkeypatch.setattr(module, "AnsibleModule", capture)
    with pytest.raises(Captured) as caught:
        module.main()
    return caught.value.args[0]


def spec_of_action(name, monkeypatch):
    """Return the spec that an action plugin hands to validate_argument_spec; None when it leaves that to its module."""
    plugin = importlib.import_module(f"ansible_collections.kho.kexec.plugins.action.{name}").ActionModule
    if issubclass(plugin, RebuildingAction):
        return None

    def capture(_plugin, argument_spec, **_settings):
        raise Captured(argument_spec)

    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    monkeypatch.setattr(plugin, "validate_argument_spec", capture)
    with pytest.raises(Captured) as caught:
        object.__new__(plugin).run()
    return caught.value.args[0]


def test_there_is_something_to_check():
    assert MODULES
    assert ACTIONS
    assert CALLBACKS
    assert LOOKUPS
    assert FILTERS


@pytest.mark.parametrize("name", MODULES)
def test_module_is_documented(name):
    found = strings("modules", name)
    assert {"DOCUMENTATION", "EXAMPLES", "RETURN"} <= set(found)
    said = documentation("modules", name)
    assert said["module"] == name
    assert said["version_added"] == VERSION
    assert said["author"]
    assert yaml.safe_load(found["RETURN"])
    assert f"kho.kexec.{name}" in found["EXAMPLES"]


@pytest.mark.parametrize("name", MODULES)
def test_options_of_module_are_documented(name, monkeypatch):
    assert shapes(documented_options(name)) == shapes(spec_of_module(name, monkeypatch))


def test_all_that_can_be_accepted_is_documented():
    (said,) = (option for name, option in documented_options("kexec_image").items() if name == "accept")
    assert set(re.findall(r"V\((\w+)\)", said["description"][1])) == set(ACCEPTABLE)


@pytest.mark.parametrize("name", ACTIONS)
def test_action_has_a_module_with_its_options(name, monkeypatch):
    assert name in MODULES
    spec = spec_of_action(name, monkeypatch) or spec_of_module(name, monkeypatch)
    assert shapes(documented_options(name)) == shapes(spec)


@pytest.mark.parametrize("name", CALLBACKS)
def test_callback_is_documented(name):
    said = documentation("callback", name)
    assert said["name"] == name
    assert said["version_added"] == VERSION
    source = (PLUGINS / "callback" / f"{name}.py").read_text(encoding="utf-8")
    assert f"kho.kexec.{name}" in source


@pytest.mark.parametrize(
    ("kind", "name"), [*(("lookup", name) for name in LOOKUPS), *(("filter", name) for name in FILTERS)]
)
def test_lookup_or_filter_is_documented(kind, name):
    found = strings(kind, name)
    said = documentation(kind, name)
    assert said["name"] == name
    assert said["version_added"] == VERSION
    assert yaml.safe_load(found["RETURN"])
    assert f"kho.kexec.{name}" in found["EXAMPLES"]


def test_gate_makes_the_waves_of_the_lookup():
    gate, lookup = documented_options("kexec_gate"), documentation("lookup", "waves")["options"]
    for name in ("sizes", "limits"):
        assert option_shape(gate[name]) == option_shape(lookup[name])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind, known in (("modules", MODULES), ("lookup", LOOKUPS), ("filter", FILTERS))
        for name in known
    ],
)
def test_what_is_returned_has_samples(kind, name):
    assert without_sample(yaml.safe_load(strings(kind, name)["RETURN"])) == []


def without_sample(fields):
    """Return the names of fields without a sample, and without fields below them that have one."""
    missing = [name for name, said in fields.items() if "sample" not in said and "contains" not in said]
    return missing + [below for said in fields.values() for below in without_sample(said.get("contains") or {})]


def test_group_of_modules_has_what_takes_a_policy():
    """Defaults of a group are given to all of its modules, which must know them."""
    policy = set(documentation("doc_fragments", "policy")["options"])
    taking = [name for name in MODULES if policy <= set(documented_options(name))]
    assert load(ROOT / "meta" / "runtime.yml")["action_groups"] == {"kexec": taking}
