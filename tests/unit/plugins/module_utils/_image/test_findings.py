# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._image.findings import (
    Findings,
    ambiguous_abi,
    conclude,
    find_config,
    learn_from_config,
    learn_from_payload,
    release_disagreement,
)
from ansible_collections.kho.kexec.plugins.module_utils._image.scan import PayloadFacts
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

PATH = "/boot/config-7.3.4"
BUILT = "CONFIG_KEXEC_HANDOVER=y\nCONFIG_LIVEUPDATE=y\n"
SEEN = PayloadFacts(complete=True, abis=("kho-v4",), luo_abis=("luo-v5",), releases=("7.3.4",), metadata=True)


def test_who_comes_first_is_believed():
    found = Findings()
    found.learn("header", release="7.3.4", init_size=None)
    found.learn("payload", release="7.3.5", init_size=1)
    assert (found.values, found.learnt) == (
        {"release": "7.3.4", "init_size": 1},
        {"release": "header", "init_size": "payload"},
    )


@pytest.mark.parametrize(
    ("facts", "kho_built", "kho_abi"),
    [
        (SEEN, True, "kho-v4"),
        (PayloadFacts(complete=True), False, None),
        # What was not seen is absent only where all was looked at.
        (PayloadFacts(complete=False), None, None),
        (PayloadFacts(complete=False, abis=("kho-v4",)), True, None),
        (PayloadFacts(complete=False, refuses=True), False, None),
        (PayloadFacts(complete=True, abis=("kho-v3", "kho-v4")), True, None),
    ],
)
def test_what_a_payload_proves(facts, kho_built, kho_abi):
    found = Findings()
    learn_from_payload(found, facts)
    assert (found.values.get("kho_built"), found.values.get("kho_abi")) == (kho_built, kho_abi)


def test_kernel_without_it_has_nothing_that_depends_on_it():
    found = Findings()
    found.learn("payload", kho_built=False)
    conclude(found)
    assert found.values == {"kho_built": False, "kho_default": False, "luo_built": False, "metadata": False}


def test_configuration_that_is_installed(tmp_path):
    config = find_config(FakeRoot(tmp_path).add(PATH, BUILT), SEEN, PATH)
    assert (config.source, config.obstacle) == ("config:" + PATH, None)
    found = Findings()
    learn_from_config(found, config)
    assert found.values == {"kho_built": True, "kho_default": False, "luo_built": True}


@pytest.mark.parametrize(
    ("content", "path", "code"),
    [
        (None, None, "image_config_unknown"),
        (None, PATH, "image_config_unknown"),
        ("nothing\n", PATH, "image_config_unknown"),
        ("CONFIG_LIVEUPDATE=y\nCONFIG_64BIT=y\n", PATH, "image_config_disagrees"),
    ],
)
def test_configuration_that_is_none_or_of_another_build(tmp_path, content, path, code):
    host = FakeRoot(tmp_path)
    if content is not None:
        host.add(PATH, content)
    config = find_config(host, SEEN, path)
    assert (config.options, config.obstacle.code) == ({}, code)


def test_two_abis_of_a_kind():
    assert ambiguous_abi(SEEN) is None
    note = ambiguous_abi(PayloadFacts(luo_abis=("luo-v4", "luo-v5")))
    assert (note.code, "luo-v4, luo-v5" in note.message) == ("image_abi_ambiguous", True)


@pytest.mark.parametrize(
    ("header", "uname", "says"),
    [
        ("7.3.4", "7.3.4", None),
        (None, None, None),
        ("7.3.5", None, "its header: 7.3.5; the kernel proper: 7.3.4"),
        ("7.3.4", "7.3.6", "its section .uname: 7.3.6"),
    ],
)
def test_parts_that_name_different_releases(header, uname, says):
    note = release_disagreement(header, SEEN, uname)
    assert note is None if says is None else says in note.message
