# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import (
    OPTIONS,
    TEXT_LIMIT,
    VALUE_LIMIT,
    BuildConfig,
    installed_build_config,
    parse_build_config,
    parse_options,
    running_build_config,
    unpack,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

TEXT = b"CONFIG_64BIT=y\nCONFIG_KEXEC_HANDOVER=y\nCONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (TEXT, (True, True, False)),
        (b"CONFIG_A=y\nCONFIG_KEXEC_HANDOVER=y\nCONFIG_KEXEC_HANDOVER_DEBUGFS=y\n", (True, False, True)),
        (b"CONFIG_A=y\n# CONFIG_KEXEC_HANDOVER is not set\n", (False, False, False)),
        (b"CONFIG_A=y\n#CONFIG_KEXEC_HANDOVER=y\nXCONFIG_KEXEC_HANDOVER=y\n", (False, False, False)),
    ],
)
def test_options(text, options):
    assert parse_build_config("/x", text) == BuildConfig("/x", *options)


@pytest.mark.parametrize("text", [b"", b"\0\xff", b"# comment only\n"])
def test_what_is_no_configuration(text):
    assert parse_build_config("/x", text) is None
    assert parse_options(text) is None


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("CONFIG_CMDLINE=y", "y"),
        ("CONFIG_CMDLINE=m", "m"),
        ("CONFIG_CMDLINE=-1", "-1"),
        ('CONFIG_CMDLINE=""', ""),
        (r'CONFIG_CMDLINE="a=\"b\" c\\d"', r'a="b" c\d'),
        ('CONFIG_CMDLINE="caf\u00e9 {{ x }}"', "caf?? ?{ x }}"),
        ('CONFIG_CMDLINE="' + "x" * 5000, '"' + "x" * (VALUE_LIMIT - 1)),
        ("# CONFIG_CMDLINE is not set", "n"),
        (" CONFIG_CMDLINE=y", "n"),
        ("CONFIG_CMDLINE_BOOL=y", "n"),
    ],
)
def test_values_of_options(line, value):
    options = parse_options(f"CONFIG_64BIT=y\n{line}\n".encode())
    assert options == {**dict.fromkeys(OPTIONS, "n"), "CONFIG_CMDLINE": value}


def test_what_the_kernel_carries_comes_first(tmp_path):
    host = FakeRoot(tmp_path).add("/proc/config.gz", gzip.compress(TEXT)).add("/boot/config-7.3.4", b"CONFIG_A=y\n")
    config = running_build_config(host, "7.3.4")
    assert config is not None
    assert (config.path, config.handover) == ("/proc/config.gz", True)


def test_damaged_config_gz_falls_back_to_the_disk(tmp_path):
    host = FakeRoot(tmp_path).add("/proc/config.gz", gzip.compress(TEXT)[:20]).add("/boot/config-7.3.4", TEXT)
    config = running_build_config(host, "7.3.4")
    assert config is not None
    assert config.path == "/boot/config-7.3.4"


def test_modules_directory_is_second_on_disk(tmp_path):
    host = FakeRoot(tmp_path).add("/usr/lib/modules/7.3.4/config", TEXT)
    config = installed_build_config(host, "7.3.4")
    assert config is not None
    assert config.path == "/usr/lib/modules/7.3.4/config"


def test_a_release_cannot_lead_elsewhere(tmp_path):
    host = FakeRoot(tmp_path).add("/tmp/config", TEXT).add("/boot/config-/x", TEXT)
    assert installed_build_config(host, "/../../../tmp") is None
    assert installed_build_config(host, "../../../../tmp") is None


def test_nothing_found(tmp_path):
    assert running_build_config(FakeRoot(tmp_path), "7.3.4") is None
    assert running_build_config(FakeRoot(tmp_path), None) is None


def test_a_bomb_is_not_unpacked():
    assert unpack(gzip.compress(bytes(TEXT_LIMIT + 1))) == b""


@given(st.binary(max_size=300))
def test_any_data_unpacks_to_something(data):
    assert len(unpack(data)) <= TEXT_LIMIT
    assert unpack(gzip.compress(data)) == data


@given(st.binary(max_size=300))
def test_any_text_gives_a_configuration_or_none(text):
    parse_build_config("/x", text)
