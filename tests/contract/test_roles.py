# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's specs, its defaults and its documentation say the same, names and values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from contract.tree import ROLES, ROOT, files, load, relative
from contract.variables import EXPLAINED, PAGE, options_of_plays, page, plain

from ansible_collections.kho.kexec.plugins.module_utils._prepare.naming import COMMAND, SCRIPT, UNIT

NAME_TRANSITION = ROOT / "roles/kexec_prepare/tasks/remedy/name_transition.yml"

# | `name` | `value` | ...
ROW = re.compile(r"^\|\s*`(?P<name>\w+)`\s*\|\s*`(?P<value>[^`]*)`\s*\|")
TYPES = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict, "float": float, "raw": object}

# Entry points of kexec_upgrade whose first task loads, and checks the options before.
LOADING = {"main", "stage"}

each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def entry_points(role):
    return load(role / "meta" / "argument_specs.yml")["argument_specs"]


def defaults_of(role):
    return load(role / "defaults" / "main.yml") or {}


def has_type(value, expected):
    """Tell whether a default has the type of its option; a bool is no number here."""
    return isinstance(value, expected) and (expected is bool or not isinstance(value, bool))


def documented_values():
    """Return (variable, value, where) of every row of a table in the documentation that names a role's variable."""
    roles = tuple(f"{role.name}_" for role in ROLES)
    return [
        (row["name"], yaml.safe_load(row["value"]), relative(path))
        for path in files()
        if path.suffix == ".md"
        for row in map(ROW.match, path.read_text(encoding="utf-8").splitlines())
        if row and row["name"].startswith(roles)
    ]


def test_there_is_a_role():
    assert ROLES


@each_role
def test_specs_and_defaults_name_the_same_variables(role):
    specified = {name for entry in entry_points(role).values() for name in entry.get("options", {})}
    assert specified == set(defaults_of(role))
    assert all(name.startswith(f"{role.name}_") for name in specified)


@each_role
def test_specs_and_defaults_have_the_same_values(role):
    defaults = defaults_of(role)
    for entry, spec in entry_points(role).items():
        for name, option in spec.get("options", {}).items():
            assert option.get("default") == defaults[name], f"{entry}: {name}"
            expected = TYPES[option.get("type", "str")]
            assert has_type(defaults[name], expected), f"{entry}: {name} is no {expected.__name__}"


@each_role
def test_every_entry_point_has_tasks_and_every_public_task_file_is_one(role):
    tasks = {path.stem for path in (role / "tasks").glob("[!_]*.yml")}
    assert tasks == set(entry_points(role))


@each_role
def test_every_entry_point_is_documented(role):
    for name, entry in entry_points(role).items():
        assert entry.get("short_description"), name
        assert entry.get("description"), name
        assert entry.get("version_added"), name
        assert entry.get("author"), name
        (example,) = yaml.safe_load(entry["examples"])
        called = example["ansible.builtin.import_role"]
        assert (called["name"], called.get("tasks_from", "main")) == (f"kho.kexec.{role.name}", name)
        assert all(option.get("description") for option in entry.get("options", {}).values()), name


def test_the_page_of_variables_is_what_the_specs_say():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: PYTHONPATH=tests:build/collections python3 -m contract.variables"
    )


@pytest.mark.parametrize("family", EXPLAINED)
def test_options_of_plays_are_explained(family):
    """By their names, or by what follows the name of the family where a page lists several."""
    text = (ROOT / "docs" / "howto" / EXPLAINED[family][0]).read_text(encoding="utf-8")
    options = [name for name in options_of_plays() if name.startswith(f"{family}_")]
    assert options
    forms = {name: (f"`{name}`", f"`{name}:", f"`…{name[len(family) :]}`") for name in options}
    ends = re.findall(r"`(_\w+)`", text)
    assert [n for n in options if not any(f in text for f in forms[n]) and not any(n.endswith(e) for e in ends)] == []


@each_role
def test_every_variable_stands_on_the_page(role):
    assert set(defaults_of(role)) <= {name for name, _value, where in documented_values() if where == relative(PAGE)}


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("O(kho.kexec.kexec_gate#module:window), O(own) is C(a|b).", r"`window` of `kexec_gate`, `own` is `a\|b`."),
        (
            ["V(0) of RV(kho.kexec.kexec_ledger#module:risks).", "M(kho.kexec.x)."],
            "`0` of `risks` of `kexec_ledger`. `x`.",
        ),
    ],
)
def test_marks_of_ansible_become_those_of_markdown(said, text):
    assert plain(said) == text


def test_documented_values_are_the_defaults():
    defaults = options_of_plays() | {name: value for role in ROLES for name, value in defaults_of(role).items()}
    wrong = [
        f"{where}: {name} is said to be {value!r}, and is {defaults.get(name, 'no variable')!r}"
        for name, value, where in documented_values()
        if name not in defaults or defaults[name] != value
    ]
    assert not wrong, "\n".join(wrong)


@each_role
def test_readme_names_the_role(role):
    assert f"kho.kexec.{role.name}" in (ROOT / "README.md").read_text(encoding="utf-8")


def checked_by_the_load(role, first):
    """Return for which entry point kexec_image checks the options, in the file that this task begins with."""
    loads = first
    while "block" in loads:
        loads = loads["block"][0]
    assert loads["ansible.builtin.import_tasks"] == "step/load.yml"
    (task,) = load(role / "tasks" / "step" / "load.yml")
    assert task["kho.kexec.kexec_image"] == {"entry_point": "{{ kexec_upgrade__entry_point }}"}
    usual = load(role / "vars" / "main.yml")["kexec_upgrade__entry_point"]
    return loads.get("vars", {}).get("kexec_upgrade__entry_point", usual)


@each_role
def test_entry_points_begin_with_a_check_of_their_options(role):
    """Names too, which Ansible does not check; playbooks switch its check off."""
    unchecked = {"watch", "fleet_lock", "fleet_unlock"}
    for path in sorted((role / "tasks").glob("[!_]*.yml")):
        begin = load(path)[0]
        first = begin.get("kho.kexec.kexec_options", "no check")
        if path.stem in unchecked:
            assert first == "no check"
        elif role.name == "kexec_upgrade" and path.stem in LOADING:
            assert checked_by_the_load(role, begin) == path.stem
        else:
            assert {"role": "kexec_upgrade", "entry_point": "main", **(first or {})} == {
                "role": role.name,
                "entry_point": path.stem,
            }


def test_the_role_installs_what_is_looked_for():
    tasks = {name: given for task in load(NAME_TRANSITION) for name, given in task.items()}
    assert tasks["ansible.builtin.copy"]["dest"] == UNIT
    assert COMMAND in tasks["ansible.builtin.copy"]["content"].splitlines()
    assert tasks["kho.kexec.kho_fact_script"]["directory"] == str(Path(SCRIPT).parent)
    assert tasks["ansible.builtin.systemd_service"]["name"] == Path(UNIT).name


def tasks_below(found):
    """Return all tasks of a file or a block, those within blocks too."""
    for task in found if isinstance(found, list) else []:
        yield task
        for part in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks"):
            yield from tasks_below(task.get(part))


def test_what_is_written_into_a_ledger_has_a_time_that_all_its_controllers_agree_on():
    """Runs of a rollout compare when hosts were seen to run, whichever playbook wrote it, from whichever controller."""
    written = [
        (relative(path), task["kho.kexec.kexec_ledger"].get("clock", "controller"))
        for path in files()
        if path.suffix == ".yml" and path.is_relative_to(ROOT / "roles") | path.is_relative_to(ROOT / "playbooks")
        for task in tasks_below(load(path))
        if task.get("kho.kexec.kexec_ledger", {}).get("state") in ("imported", "recorded")
    ]
    assert len(written) >= 6
    assert [where for where, clock in written if "database" not in clock] == []
