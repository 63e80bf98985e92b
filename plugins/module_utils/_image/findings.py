# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the sources that an image has: who is believed, and what stays unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._image.header import (
    arm64_architecture,
    arm64_init_size,
    arm64_page_bytes,
)
from ansible_collections.kho.kexec.plugins.module_utils._image.scan import PayloadFacts
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import TEXT_LIMIT, parse_options

# The fields of KernelImage that a source can tell.
FIELDS = (
    "architecture",
    "release",
    "build",
    "init_size",
    "page_bytes",
    "command_line_limit",
    "kho_built",
    "kho_default",
    "kho_abi",
    "luo_abi",
    "luo_built",
    "luo_handlers",
    "metadata",
    "metadata_version",
    "signed",
)
_BUILT = "CONFIG_KEXEC_HANDOVER"
_DEFAULT = "CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT"
_LIVE_UPDATE = "CONFIG_LIVEUPDATE"


@dataclass
class Findings:
    """The fields that are known so far, and who told each of them; who comes first is believed."""

    values: Dict[str, Any] = field(default_factory=dict)
    learnt: Dict[str, str] = field(default_factory=dict)

    def learn(self, source: str, **values: Any) -> None:
        """Take what is not None and was not known."""
        for name, value in values.items():
            if value is not None and name not in self.values:
                self.values[name] = value
                self.learnt[name] = source


class Config(NamedTuple):
    """A configuration and where it is; ``options`` is empty when none is known, and ``obstacle`` says why."""

    source: str
    options: Mapping[str, str]
    obstacle: Optional[Note]


def learn_from_payload(found: Findings, facts: PayloadFacts) -> None:
    """Learn what a payload proves: a text that is there always, one that is not only when all of it was seen."""
    found.learn(
        "payload",
        architecture=arm64_architecture(facts.head),
        release=facts.releases[0] if len(facts.releases) == 1 else None,
        build=facts.builds[0] if len(facts.builds) == 1 else None,
        init_size=arm64_init_size(facts.head),
        page_bytes=arm64_page_bytes(facts.head),
        kho_built=_kho_built(facts),
        kho_abi=_only("kho", facts.abis, facts),
        luo_built=_luo_built(facts),
        luo_abi=_only("luo", facts.luo_abis, facts),
        luo_handlers=facts.handlers if facts.complete and facts.handlers else None,
        metadata=_seen(facts.metadata, facts),
        metadata_version=facts.metadata_version,
    )


def learn_from_config(found: Findings, config: Config) -> None:
    """Learn what a configuration tells; it knows nothing of ABIs."""
    if config.options:
        found.learn(
            config.source,
            kho_built=config.options[_BUILT] == "y",
            kho_default=config.options[_DEFAULT] == "y",
            luo_built=config.options[_LIVE_UPDATE] == "y",
        )


def conclude(found: Findings) -> None:
    """A kernel without Kexec HandOver has nothing that depends on it (kernel/liveupdate/Kconfig)."""
    if found.values.get("kho_built") is False:
        found.learn(found.learnt["kho_built"], kho_default=False, luo_built=False, metadata=False)


def find_config(host: Host, facts: PayloadFacts, path: Optional[str]) -> Config:
    """Take the configuration in the payload, else the one that is installed, unless the payload proves it wrong."""
    config = Config("ikconfig", facts.options, None) if facts.options else _installed_config(host, path)
    disagreement = _disagreement(facts, config)
    return Config(config.source, {}, disagreement) if disagreement else config


def ambiguous_abi(facts: PayloadFacts) -> Optional[Note]:
    """Say that a payload names more than one ABI of a kind, or one that cannot be compared."""
    if facts.unclear:
        return Note(
            "image_abi_unclear",
            f"The kernel names an ABI ({' and '.join(facts.unclear)}) in a way that is not understood. Whether it can "
            "take a handover from the running kernel is not known.",
        )
    for abis in (facts.abis, facts.luo_abis):
        if len(abis) > 1:
            return Note(
                "image_abi_ambiguous",
                f"The kernel names more than one ABI ({', '.join(abis)}), and nothing tells which it uses. Whether it "
                "can take a handover from the running kernel is not known.",
            )
    return None


def release_disagreement(header: Optional[str], facts: PayloadFacts, uname: Optional[str]) -> Optional[Note]:
    """Say that the parts of an image name different releases."""
    named = {
        "its header": {header} if header else set(),
        "the kernel proper": set(facts.releases),
        "its section .uname": {uname} if uname else set(),
    }
    if len(set().union(*named.values())) < 2:
        return None
    parts = "; ".join(f"{part}: {', '.join(sorted(releases))}" for part, releases in named.items() if releases)
    return Note(
        "image_release_disagrees",
        f"The parts of the image name different releases ({parts}). What runs after the kexec may not be what the "
        "image is named after; install the kernel's package again.",
    )


def _installed_config(host: Host, path: Optional[str]) -> Config:
    if path is None:
        return _unknown("none is installed for it")
    try:
        options = parse_options(host.read_bytes(path, TEXT_LIMIT))
    except HostError as error:
        return _unknown(error.message.rstrip("."))
    if options is None:
        return _unknown(f"{printable(path)} is none")
    return Config(f"config:{printable(path)}", options, None)


def _unknown(why: str) -> Config:
    message = f"How the kernel was configured is not known: it carries no configuration, and {why}."
    return Config("", {}, Note("image_config_unknown", message))


def _disagreement(facts: PayloadFacts, config: Config) -> Optional[Note]:
    """Find an option of which the payload proves the opposite."""
    for option, seen in ((_BUILT, _kho_built(facts)), (_LIVE_UPDATE, _luo_built(facts))):
        if config.options and seen is not None and seen != (config.options[option] == "y"):
            return Note(
                "image_config_disagrees",
                f"{config.source} has {option}={config.options[option]}, and the kernel itself shows the "
                "opposite. The kernel is believed, and the configuration, which is that of another build, is not used.",
            )
    return None


def _kho_built(facts: PayloadFacts) -> Optional[bool]:
    built = _built("kho", facts.abis, facts)
    return False if facts.refuses and not built else built


def _luo_built(facts: PayloadFacts) -> Optional[bool]:
    return _built("luo", facts.luo_abis, facts)


def _built(kind: str, abis: Sequence[str], facts: PayloadFacts) -> Optional[bool]:
    """Whether a feature is built in; an ABI that is not understood is no proof that it is not."""
    there = bool(abis) or kind in facts.features
    return None if not there and kind in facts.unclear else _seen(there, facts)


def _seen(there: bool, facts: PayloadFacts) -> Optional[bool]:
    """What was seen is there; what was not seen is absent only if all was looked at."""
    return True if there else False if facts.complete else None


def _only(kind: str, abis: Sequence[str], facts: PayloadFacts) -> Optional[str]:
    return abis[0] if facts.complete and len(abis) == 1 and kind not in facts.unclear else None
