# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task files of the operator's: where they are, before the first of them is due."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable

LONGEST_PATH = 4096
OF_A_PLAY = tuple(
    f"kexec_upgrade_{name}" for name in ("gate_tasks", "wave_before_tasks", "wave_after_tasks", "wave_failed_tasks")
)
OF_HOSTS = (
    *(f"kexec_upgrade_{name}_tasks" for name in ("before", "verify", "after", "failed")),
    "kexec_soak_workload_tasks",
)

_OF_PLAYS = frozenset({"hosts", *(f"{names}import_playbook" for names in ("", "ansible.builtin.", "ansible.legacy."))})


def named(names: Iterable[str], variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the paths that options hold, by the options' names."""
    given = {name: variables.get(name) for name in names}
    return {name: str(path) for name, path in given.items() if isinstance(path, str) and path}


def resolved(paths: Iterable[tuple[str, str]], folders: Sequence[str]) -> dict[str, str]:
    """Return the absolute path of each file, by what was given; of ``folders``, the first that has it counts.

    ``paths`` come with the names of their options. Raises KhoError ``hook_missing`` with all that are nowhere.
    """
    found, missing = {}, []
    for name, path in paths:
        whole = os.path.expanduser(path)
        places = [os.path.normpath(os.path.join(folder, whole)) for folder in folders] or [whole]
        file = next((place for place in places if os.path.isfile(place)), None)
        if file is None:
            missing.append(f"{name} ({printable(path, LONGEST_PATH)}: {_nowhere(dict.fromkeys(places))})")
        else:
            found[path] = file
    require_all(missing)
    return found


def require_all(missing: Sequence[str]) -> None:
    """Raise KhoError ``hook_missing`` when any task file is missing, each told with its option."""
    if missing:
        raise KhoError(
            "hook_missing",
            f"Task files are missing: {listed(missing, 4)}. They would be missed in the middle of an upgrade, so "
            "nothing was done. Correct the paths. A relative one is looked for beside the playbook that is run, then "
            "beside the inventory, then in the working directory.",
        )


def require_tasks(files: Iterable[tuple[str, str]], load: Callable[[str], Any]) -> None:
    """Raise KhoError ``hook_invalid`` unless each file can be read, and is a list of tasks.

    ``files`` come with the names of their options; ``load`` reads one as Ansible does.
    """
    unfit = []
    for name, path in files:
        problem = _problem(path, load)
        if problem:
            unfit.append(f"{name} ({printable(path, LONGEST_PATH)}: {problem})")
    if unfit:
        raise KhoError(
            "hook_invalid",
            f"Task files cannot be used: {listed(unfit, 4)}. They would fail in the middle of an upgrade, where a "
            "kernel that is proven would be left again, so nothing was done. Correct the files. Each must be a list of "
            "tasks, and no playbook.",
        )


def _problem(path: str, load: Callable[[str], Any]) -> str | None:
    try:
        content = load(path)
    except AnsibleError as error:
        return printable(f"Ansible cannot read it: {error}", 300)
    if content is None:
        return None
    if not isinstance(content, list) or not all(isinstance(one, Mapping) for one in content):
        return "it is no list of tasks"
    is_playbook = any(_OF_PLAYS & one.keys() for one in content)
    return "it is a playbook" if is_playbook else None


def _nowhere(places: Iterable[str]) -> str:
    return f"there is no file {listed([printable(place, LONGEST_PATH) for place in places], 5)}"
