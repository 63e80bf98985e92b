# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernels are built, and with which options."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from lab.apt import KernelArchive
from lab.errors import LabError
from lab.kernel_tree import OFF, Edit, KernelTree, setting
from lab.kernels import VARIANTS, Source, Variant, _wanted, ensure, newest_series


class Archive:
    """Offers these packages."""

    def __init__(self, **versions: str) -> None:
        self._versions = {name.replace("_", "-").replace("-7-", "-7."): version for name, version in versions.items()}

    def candidates(self, _pattern: str) -> dict[str, str]:
        return self._versions


def _series(**versions: str) -> dict[str, Source]:
    return newest_series(cast(KernelArchive, Archive(**versions)))


def test_the_newest_two_series_are_chosen_by_number_not_by_spelling() -> None:
    chosen = _series(linux_source_7_9="7.9.1-1", linux_source_7_10="7.10.2-1", linux_source_7_2="7.2.13-1")
    assert chosen["older"] == Source("linux-source-7.9", "7.9.1-1")
    assert chosen["newer"] == Source("linux-source-7.10", "7.10.2-1")


def test_one_series_is_not_enough() -> None:
    with pytest.raises(LabError, match=r"linux-source-7\.2.*two series"):
        _series(linux_source_7_2="7.2.13-1")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("CONFIG_KEXEC=y", ("CONFIG_KEXEC", "y")),
        ('CONFIG_LOCALVERSION="-kho"', ("CONFIG_LOCALVERSION", '"-kho"')),
        ("# CONFIG_LIVEUPDATE is not set", ("CONFIG_LIVEUPDATE", OFF)),
        ("# a comment about CONFIG_KEXEC=y", None),
        ("", None),
    ],
)
def test_a_line_of_a_configuration(line: str, found: tuple[str, str] | None) -> None:
    assert setting(line) == found


def test_a_variant_changes_the_options_that_it_names_and_no_others() -> None:
    plain = dict(filter(None, map(setting, _wanted(VARIANTS["new"]))))
    without = dict(filter(None, map(setting, _wanted(VARIANTS["no-kho"]))))
    changed = {option for option in plain if plain[option] != without[option]}
    assert changed == {
        "CONFIG_KEXEC_HANDOVER",
        "CONFIG_KEXEC_HANDOVER_DEBUGFS",
        "CONFIG_LIVEUPDATE",
        "CONFIG_LOCALVERSION",
    }
    assert without["CONFIG_KEXEC_HANDOVER"] == OFF


def test_each_variant_has_a_release_of_its_own() -> None:
    names = [(variant.series, variant.suffix) for variant in VARIANTS.values()]
    assert len(set(names)) == len(names)


def _tree(folder: Path, text: str) -> KernelTree:
    (folder / "tree" / "include").mkdir(parents=True)
    (folder / "tree" / "include" / "abi.h").write_text(text)
    return KernelTree(folder / "tree", folder / "log")


EDIT = Edit("include/abi.h", r'(COMPATIBLE )"kho-v\d+"', r'\1"kho-v9"')
SOURCE = '#define KHO_FDT_COMPATIBLE "kho-v4"\n'


def test_an_edit_that_does_not_fit_the_sources_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="0 times"):
        _tree(tmp_path, SOURCE).edit([Edit("include/abi.h", "LUO", "x")])


def test_a_kernel_has_its_own_edits_and_none_of_the_one_before(tmp_path: Path) -> None:
    tree = _tree(tmp_path, SOURCE)
    file = tree.path / "include" / "abi.h"
    tree.edit([EDIT])
    assert file.read_text() == '#define KHO_FDT_COMPATIBLE "kho-v9"\n'
    tree.edit([EDIT])  # as after a build that was killed
    assert file.read_text() == '#define KHO_FDT_COMPATIBLE "kho-v9"\n'
    edited = file.stat().st_mtime_ns
    tree.edit([])
    assert file.read_text() == SOURCE
    assert file.stat().st_mtime_ns > edited, "make would keep what was compiled with the edit"


def test_an_unknown_kernel_is_named_with_those_that_exist() -> None:
    with pytest.raises(LabError, match="has no kernel newest; it has old, new"):
        ensure(["newest"])


def test_the_plain_kernels_have_what_the_proof_needs() -> None:
    settings = dict(filter(None, map(setting, _wanted(Variant("-x", "")))))
    assert settings["CONFIG_KEXEC_HANDOVER"] == "y"
    assert settings["CONFIG_KEXEC_HANDOVER_DEBUGFS"] == "y"
    assert settings["CONFIG_KEXEC_FILE"] == "y"
