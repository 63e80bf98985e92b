# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody types after --extra-vars, and Ansible or the playbook would ignore. Knows Ansible."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ansible import context
from ansible.parsing.splitter import parse_kv
from ansible.utils.vars import load_extra_vars

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.role_options import (
    ALL_OPTIONS,
    PREFIXES,
    globs_of,
    prefix_of,
    require_known,
)

NAMESPACE = "kho.kexec."
NO_VARIABLES = "_raw_params"
"""Where Ansible keeps what it has not read as a variable."""
SHOWN = 5


def given_variables(loader: Any) -> Mapping[str, Any]:
    """Return the variables of --extra-vars. Raises KhoError ``option_unknown`` for what Ansible read as none.

    `name: value` and `name = value` are none, and nor is the second word of `name=first second`.
    """
    given: Mapping[str, Any] = load_extra_vars(loader)
    if NO_VARIABLES in given or "" in given:
        raise KhoError(
            "option_unknown",
            f"--extra-vars has {printable(ascii(str(given.get(NO_VARIABLES, '='))), 100)}, which Ansible reads as no "
            "variable, and ignores. Nothing was done. Write name=value without blanks around the sign, with quotes "
            "around a value that has blanks, or JSON in braces.",
        )
    return given


def require_names(given: Iterable[str], own: Mapping[str, Iterable[str]]) -> None:
    """Raise KhoError ``option_unknown`` when a name that was ``given`` is like that of an option, and is none.

    ``own`` has globs for the operator's, by prefixes. Of what is given, no name is this collection's own.
    """
    names = list(given)
    for prefix in PREFIXES:
        require_known(prefix, names, own.get(prefix, ()), is_typed=True)


def require_taken(playbook: str, taken: Collection[str], own: Mapping[str, Iterable[str]], loader: Any) -> None:
    """Raise KhoError ``option_unknown`` when an option is typed that only other playbooks have.

    What a file of --extra-vars holds may be for several playbooks, and so may all of it where other playbooks run too.
    """
    if list(context.CLIARGS.get("args") or ()) != [NAMESPACE + playbook]:
        return
    globs = [glob for one in own.values() for glob in globs_of(one)]
    strange = [
        name
        for name in sorted(_typed(loader) & ALL_OPTIONS)
        if name not in taken and not any(fnmatchcase(name, glob) for glob in globs)
    ]
    if strange:
        told = listed([f"{name}{_meant(name, taken)}" for name in strange], SHOWN)
        raise KhoError(
            "option_unknown",
            f"{playbook} does not take {told}. It would be ignored, so nothing was done. Correct the name, or remove "
            "it. What several playbooks share can be in the inventory, or in a file (--extra-vars @file).",
        )


def _typed(loader: Any) -> set[str]:
    names: set[str] = set()
    for text in context.CLIARGS.get("extra_vars") or ():
        if text and not text.startswith("@"):
            names.update(map(str, loader.load(text) if text[0] in "[{" else parse_kv(text)))
    return names


def _meant(name: str, taken: Iterable[str]) -> str:
    rest = name[len(prefix_of(name) or "") :]
    same = sorted(option for option in taken if option == f"{prefix_of(option)}{rest}")
    return f" (is {same[0]} meant?)" if same else ""
