# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of all options of roles and playbooks: one that is misspelt must not be ignored. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher, get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import listed, printable
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.play_options import FAMILIES, PLAYBOOKS

ROLES = ("kexec_upgrade", "kexec_prepare", "kexec_report", "kexec_soak", "kho_fact_script")
PREFIXES = (*ROLES, "kexec_facts")
"""What names of options begin with, before an underscore."""
OWN = "_own_variables"
"""After a prefix, the option that names variables of the operator's own."""
ALIKE, NEARLY_THE_SAME = 0.6, 0.9
FAMILY_ALIKE, IN_FAMILY = 0.8, 0.86
"""How much the first word of a name is like that of options, and then the whole name, where an option is meant."""
SHOWN = 5
OWN_ALIKE = frozenset(
    {
        "kexec_prepare__waves",
        "kexec_soak__waves",
        "kexec_upgrade__commit",
        "kexec_upgrade__confirm_timeout",
        "kexec_upgrade__waves",
    }
)
"""Variables of this collection's own that are named like an option, but for a second underscore."""
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_FOLDER = Path(__file__).parents[3] / "roles"


def _entry_points(role: str) -> Any:
    text = (_FOLDER / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["argument_specs"]


# Read by the process that all others are forked from, once.
ENTRY_POINTS: Mapping[str, Mapping[str, Any]] = {role: _entry_points(role) for role in ROLES}
"""What each entry point of each role says of itself in its specification."""

DEFAULTS: Mapping[str, Any] = {
    name: option["default"]
    for entries in ENTRY_POINTS.values()
    for entry in entries.values()
    for name, option in entry.get("options", {}).items()
    if "default" in option
}
"""What options of roles are unless they are set."""

OPTIONS: Mapping[str, frozenset[str]] = {
    prefix: frozenset(
        {
            prefix + OWN,
            *(name for entry in ENTRY_POINTS.get(prefix, {}).values() for name in entry.get("options", {})),
            *(name for options in PLAYBOOKS.values() for name in options if name.startswith(f"{prefix}_")),
        }
    )
    for prefix in PREFIXES
}
ALL_OPTIONS = frozenset(name for options in OPTIONS.values() for name in options)


def prefix_of(name: str) -> str | None:
    """Return the prefix that a variable's name begins with; None for other variables."""
    return next((prefix for prefix in PREFIXES if name.startswith(f"{prefix}_")), None)


def require_known(
    prefix: str, names: Iterable[str], own: Iterable[str] = (), where: str = "", is_typed: bool = False
) -> None:
    """Raise KhoError ``option_unknown`` when a variable is named like an option with ``prefix``, and is none.

    Names with two underscores after the prefix are this collection's own, and so is the result that a role leaves; of
    what somebody has typed (``is_typed``), none is. ``own`` are globs for names of the operator's. A variable whose
    prefix is misspelt is one, too, when the rest of it leaves little doubt. ``where`` ends the sentence that says that
    nothing was done.
    """
    globs = globs_of(own)
    unknown = sorted(
        {
            name
            for name in map(str, names)
            if _is_mistake(prefix, name, is_typed) and not any(fnmatchcase(name, glob) for glob in globs)
        }
    )
    if unknown:
        told = listed([_told(name) for name in unknown], SHOWN, " ")
        raise KhoError(
            "option_unknown",
            f"{told} It would be ignored, and the default would be done in its place, so nothing was done{where}. "
            f"Correct the name, or remove it. If it is a variable of your own, name it in {prefix}{OWN}, or give it "
            "another prefix.",
        )


def globs_of(own: Iterable[str]) -> list[str]:
    """Return the globs for names of the operator's."""
    # The letters of a text would be globs, too, and one of them may be a star.
    return [str(glob).strip() for glob in (own.split(",") if isinstance(own, str) else own)]


@lru_cache(maxsize=1 << 14)
def could_be_option(name: str) -> bool:
    """Tell whether a variable's name looks like one of an option; those of this collection's own do not."""
    plain = _plain(name)
    if not get_close_matches(plain.split("_")[0], FAMILIES, 1, FAMILY_ALIKE):
        return False
    return "__" not in name or not _is_own(name)


@lru_cache(maxsize=1 << 14)
def _is_mistake(prefix: str, name: str, is_typed: bool) -> bool:
    found = prefix_of(name)
    if found is not None:
        return found == prefix and name not in OPTIONS[prefix] and (is_typed or not _is_own(name))
    plain = _plain(name)
    if plain == prefix or prefix_of(plain) is not None:
        return plain == prefix or prefix_of(plain) == prefix
    return could_be_option(name) and bool(get_close_matches(plain, OPTIONS[prefix], 1, IN_FAMILY))


def _is_own(name: str) -> bool:
    prefix = prefix_of(name)
    if prefix is None or name == f"{prefix}_result":
        return prefix is not None
    return name.startswith(f"{prefix}__") and (name in OWN_ALIKE or _plain(name) not in OPTIONS[prefix])


def _plain(name: str) -> str:
    """Return a name as options are written: KEXEC-UPGRADE__target is kexec_upgrade_target."""
    return _BETWEEN_WORDS.sub("_", name).lower()


def _told(name: str) -> str:
    plain = _plain(name)
    prefix = prefix_of(plain)
    likeness = {option: _likeness(plain, option, whole=prefix is None) for option in sorted(ALL_OPTIONS)}
    # One of the same role is meant, unless that of another is the same but for its prefix.
    own = [option for option in likeness if prefix_of(option) == prefix and likeness[option] >= ALIKE]
    others = [option for option in likeness if likeness[option] >= (IN_FAMILY if prefix is None else NEARLY_THE_SAME)]
    nearest = max(others or own, key=lambda option: (likeness[option], option in own), default="")
    meant = f" Is {nearest} meant?" if nearest else ""
    return f"{printable(name, 100)} is not an option.{meant}"


def _likeness(name: str, option: str, whole: bool) -> float:
    """Return how much a name is like an option, up to 1; but for their prefixes, unless the ``whole`` names count."""
    names = (name, option) if whole else (_rest(name), _rest(option))
    return SequenceMatcher(None, *names).ratio()


def _rest(name: str) -> str:
    return name[len(prefix_of(name) or "") + 1 :]
