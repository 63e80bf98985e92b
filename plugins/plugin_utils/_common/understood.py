# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host answers is built anew before Ansible, or anything else on the controller, acts on it. Pure."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.plugin_utils._common.answers import ANSWERS, COMMON, MESSAGE
from ansible_collections.kho.kexec.plugins.plugin_utils._common.shapes import NotUnderstood, Record, Text
from ansible_collections.kho.kexec.plugins.plugin_utils._common.untrusted import at

ANSWER_INVALID = "answer_invalid"
OPTION_PREFIXES = (
    "kexec_upgrade_",
    "kexec_prepare_",
    "kexec_report_",
    "kexec_soak_",
    "kexec_facts_",
    "kho_fact_script_",
)
LARGEST_ANSWER = 64 << 20
_SHOWN = 1000
_ATTEMPTS = 20
_WARNINGS = 100
_OBJECT = re.compile(r"^\s*\{", re.MULTILINE)
_INTERPRETER = re.compile(r"/[\w./+-]{1,200}", re.ASCII)


class AnswerInvalid(KhoError):
    """A host's answer is not understood."""

    def __init__(self, why: str) -> None:
        """``why`` is a sentence about the answer."""
        super().__init__(
            ANSWER_INVALID,
            f"The host's answer is not understood: {why} It counts as a failure, and what was done on the host is not "
            "known. Nothing of the answer is used. Look at the host itself before you go on with it: its Python may be "
            "broken, or somebody else may have answered.",
        )


def printed_answer(stdout: str, stderr: str) -> dict[str, Any]:
    """Return the JSON object that a module has printed; what a login prints before or after it does not matter.

    Raises AnswerInvalid.
    """
    if len(stdout) > LARGEST_ANSWER:
        raise AnswerInvalid(f"it has more than {LARGEST_ANSWER >> 20} MiB.")
    for begin in itertools.islice(_OBJECT.finditer(stdout), _ATTEMPTS):
        with suppress(ValueError, RecursionError):
            answer, _end = json.JSONDecoder().raw_decode(stdout, begin.end() - 1)
            return dict(answer)
    said = " ".join((stderr.strip() or stdout.strip())[-_SHOWN:].split())
    raise AnswerInvalid(f"it is not a JSON object. What came ends with: {Text().build(said) or 'nothing'}.")


def understood(module: str, answer: Any) -> dict[str, Any]:
    """Return a module's answer, built anew as its shape says. Raises AnswerInvalid.

    A failure need not have what a success must have.
    """
    if not isinstance(answer, Mapping):
        raise AnswerInvalid(f"it is of the type {type(answer).__name__}.")
    shape = ANSWERS[module]
    try:
        result = Record({**COMMON, **shape.fields}).build(answer)
        if not result.get("failed"):
            shape.require(answer)
    except NotUnderstood as trouble:
        raise AnswerInvalid(f"`{trouble.path}` {trouble.why}.") from trouble
    if result.get("failed"):
        result["msg"] = result.get("msg") or "The module failed and did not say why."
    result["changed"] = bool(result.get("changed"))
    warnings = _warnings(answer.get("warnings"))
    return {**result, "warnings": warnings} if warnings else result


def interpreter_facts(key: Any, interpreter: Any) -> dict[str, Any]:
    """Return what Ansible itself found out about the host's Python in this task, for those that follow."""
    found = isinstance(key, str) and isinstance(interpreter, str) and _INTERPRETER.fullmatch(interpreter)
    return {key: str(interpreter)} if found else {}


def _warnings(told: Any) -> list[str]:
    lines = told if isinstance(told, list) else []
    return [text for text in map(_line, lines[:_WARNINGS]) if text]


def _line(warning: Any) -> str:
    """A warning is a text or, from a module that ansible-core 2.19 or newer has packed, a mapping."""
    said = at(warning, "event", "msg") if isinstance(warning, Mapping) else warning
    return MESSAGE.build(said) if isinstance(said, str) else ""


def require_own_options(task_vars: Mapping[str, Any]) -> None:
    """Raise KhoError ``options_from_host`` when a host reports facts that are named like options of a role.

    Ansible has facts among the variables, where they beat the inventory and the defaults of roles.
    """
    facts = task_vars.get("ansible_facts")
    named = sorted(key for key in map(str, facts or ()) if key.startswith(OPTION_PREFIXES))
    if named:
        raise KhoError(
            "options_from_host",
            f"The facts of this host hold {Text(200).build(', '.join(named))}. Options of a rollout come from the "
            "controller, and a host that sets them could choose what runs there. Nothing was done here. Find out who "
            "put them there (a module, the fact cache, or `set_fact` with `cacheable`), and remove them.",
        )
