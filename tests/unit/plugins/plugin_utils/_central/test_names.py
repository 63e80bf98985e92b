# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests for _central/names.py"""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._central.names import HostNames

NAMES = HostNames(
    {
        "web1": ["192.0.2.1"],
        "web2.example.com": ["192.0.2.2", "2001:db8::2"],
        "web3.example.com": [],
        "web3.example.net": [],
        "db": ["DB.Example.com"],
        "twin1": ["192.0.2.9"],
        "twin2": ["192.0.2.9"],
    }
)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("web1", "web1"),
        ("WEB1", "web1"),
        ("web1.example.com", "web1"),
        ("192.0.2.1", "web1"),
        ("web2", "web2.example.com"),
        ("web2.example.com", "web2.example.com"),
        ("2001:db8::2", "web2.example.com"),
        ("db", "db"),
        ("db.example.com", "db"),
        ("web2.example.net", None),
        ("web3", None),
        ("web3.example.net", "web3.example.net"),
        ("192.0.2.9", None),
        ("192", None),
        ("web", None),
        ("", None),
    ],
)
def test_a_host_is_known_by_its_names_and_addresses(name, host):
    assert NAMES.host(name) == host


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("web1.log", "web1"),
        ("web1.log.1", "web1"),
        ("web1-20261130.log", "web1"),
        ("web1.log-20261130", "web1"),
        ("web2.example.com-2026-11-30-07:04:09", "web2.example.com"),
        ("192.0.2.1-2026-11-30-07:04:09", "web1"),
        ("192.0.2.1.log", "web1"),
        ("web1_console.txt", "web1"),
        ("web1.log.1.gz", "web1"),
        ("web1-202611300704", "web1"),
        ("web1-2026-11-30T07:04:09Z.log", "web1"),
        ("web1-2.log", None),
        ("web1-2", None),
        ("192.0.2.1.5.log", None),
        ("web1-db", None),
        ("web1_old", None),
        ("web12.log", None),
        ("all.log", None),
        ("2026-11-30", None),
    ],
)
def test_a_file_is_named_after_its_host(name, host):
    assert NAMES.host_of_file(name) == host
