# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Missing Debian packages: installed by root, named to everybody else."""

from __future__ import annotations

import pytest

from tools import packages


@pytest.fixture
def lacking(monkeypatch):
    """Two packages are missing, until the list is emptied."""
    names = {"ovmf": "firmware", "bc": "kernel build"}
    monkeypatch.setattr(packages, "missing", lambda _purposes: dict(names))
    monkeypatch.setattr(packages, "lists_are_stale", lambda: True)
    return names


def test_nothing_missing_runs_nothing(monkeypatch):
    monkeypatch.setattr(packages, "missing", lambda _purposes: {})
    packages.ensure({"lab"}, lambda *_args, **_kw: pytest.fail("ran something"), print)


def test_not_root_is_told_the_exact_command(monkeypatch, lacking):
    monkeypatch.setattr(packages.os, "geteuid", lambda: 1000)
    with pytest.raises(packages.PackagesMissing) as caught:
        packages.ensure({"lab"}, lambda *_args, **_kw: pytest.fail("ran something"), print)
    assert "sudo apt-get install --yes --no-install-recommends ovmf bc" in str(caught.value)
    assert len(lacking) == 2


def test_root_updates_stale_lists_and_installs(monkeypatch, lacking):
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    ran = []

    def run(argv, env):
        assert env["DEBIAN_FRONTEND"] == "noninteractive"
        ran.append(argv[1])
        if argv[1] == "install":
            assert {"ovmf", "bc"} < set(argv)
            lacking.clear()

    packages.ensure({"lab"}, run, print)
    assert ran == ["update", "install"]


def test_an_installation_without_effect_is_an_error(monkeypatch, lacking):
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    with pytest.raises(packages.PackagesMissing, match="ovmf, bc"):
        packages.ensure({"lab"}, lambda *_args, **_kw: None, print)
    assert lacking


def test_a_machine_without_dpkg_is_told_what_is_needed(monkeypatch):
    monkeypatch.setattr(packages.shutil, "which", lambda _name: None)
    with pytest.raises(packages.PackagesMissing, match=r"no Debian machine.*qemu-system-x86"):
        packages.missing({"lab"})


def test_a_package_that_no_one_has_is_missing(monkeypatch):
    monkeypatch.setattr(packages, "PACKAGES", {"lab": {"dpkg": "is there", "kho-no-such-package": "is not"}})
    assert packages.missing({"lab"}) == {"kho-no-such-package": "is not"}


def test_every_package_has_a_reason():
    assert all(reason for names in packages.PACKAGES.values() for reason in names.values())
