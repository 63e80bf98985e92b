# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page on AWX has to paste: playbooks load, variables are options, an execution environment has a context."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.docs.commands import blocks

from ansible_collections.kho.kexec.plugins.action.kexec_rollout import ALL_STATES, OF_THE_PLAYBOOK
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import OPTIONS
from tools.layout import COLLECTIONS, ROOT

PAGE = ROOT / "docs" / "howto" / "awx.md"
OF_RUNS = ("claimed", "settled", "no_worse", "passed", "released")
"""What the playbook of upgrades asks for on behalf of a run."""


@pytest.fixture
def pasted(tmp_path: Path) -> Path:
    """A folder with the files of the page, each of which begins with its name."""
    for text in blocks(PAGE, "yaml"):
        if text.startswith("# "):
            file = tmp_path / text.splitlines()[0][2:]
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
    return tmp_path


def run(folder: Path, *words: str) -> str:
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["upgrade", "rollout"])
def test_playbooks_of_the_project_load(pasted: Path, name: str) -> None:
    assert f"playbook: {name}.yml" in run(pasted, "ansible", "playbook", "--syntax-check", f"{name}.yml")


def templates(pasted: Path) -> dict[str, Any]:
    (play,) = yaml.safe_load((pasted / "awx.yml").read_text())
    found = [task["awx.awx.job_template"] for task in play["tasks"] if "awx.awx.job_template" in task]
    return {one["playbook"]: one for one in found}


def test_jobs_set_options_that_there_are(pasted: Path) -> None:
    known = templates(pasted)
    for playbook, names in (("upgrade.yml", OPTIONS["kexec_upgrade"]), ("rollout.yml", {*OF_THE_PLAYBOOK})):
        template = known[playbook]
        asked = {question["variable"] for question in template["survey_spec"]["spec"]}
        assert asked | set(template["extra_vars"]) <= names
        assert (pasted / playbook).is_file()
    assert known["upgrade.yml"]["job_slice_count"] > 1
    assert "kexec_upgrade_rollout" in {one["variable"] for one in known["upgrade.yml"]["survey_spec"]["spec"]}


def test_survey_offers_states_that_people_use(pasted: Path) -> None:
    (choices,) = [one["choices"] for one in templates(pasted)["rollout.yml"]["survey_spec"]["spec"] if "choices" in one]
    assert sorted([*choices, *OF_RUNS]) == sorted(ALL_STATES)
    asked = {one["variable"] for one in templates(pasted)["rollout.yml"]["survey_spec"]["spec"]}
    assert asked >= {"kexec_rollout_why", "kexec_rollout_run"}, "which some of these states need"


def test_execution_environment_has_a_context_with_what_the_collection_needs(pasted: Path) -> None:
    run(
        pasted,
        "ansible_builder",
        "create",
        "-f",
        "execution-environment.yml",
        "-c",
        "context",
        "--output-filename",
        "Containerfile",
    )
    wanted = yaml.safe_load((pasted / "context" / "_build" / "requirements.yml").read_text())
    assert [one["name"] for one in wanted["collections"]] == ["kho.kexec"]
    assert "ansible-galaxy collection install" in (pasted / "context" / "Containerfile").read_text()
    said = yaml.safe_load(run(pasted, "ansible_builder", "introspect", str(COLLECTIONS)))
    assert {text.split(">=")[0] for text in said["python"]} == {"SQLAlchemy", "scipy", "psycopg[binary]"}
    assert any(text.startswith("openssh-clients [platform:rpm]") for text in said["system"])
