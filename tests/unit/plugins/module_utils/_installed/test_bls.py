# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._installed.bls import (
    LINE_LIMIT,
    LINES_LIMIT,
    BlsEntry,
    parse_bls_entry,
)

ENTRY = """\
# Boot Loader Specification type#1 entry
title        Fedora 41
version      6.11.10-300.fc41.x86_64
machine-id   4098b3f648d74c13b1f04ccfba7798e8
sort-key     fedora
options      root=UUID=6d3376e4-fc93-4509-95ec-a21d68011da2 quiet
options\tdyndbg="file a.c +p"
architecture x64
linux        /4098/6.11.10-300.fc41.x86_64/linux
initrd       /4098/one.img
initrd       /4098/two.img  $tuned_initrd
"""


def test_an_entry_as_the_specification_shows_it():
    assert parse_bls_entry(ENTRY) == BlsEntry(
        version="6.11.10-300.fc41.x86_64",
        linux="/4098/6.11.10-300.fc41.x86_64/linux",
        initrds=("/4098/one.img", "/4098/two.img"),
        options='root=UUID=6d3376e4-fc93-4509-95ec-a21d68011da2 quiet dyndbg="file a.c +p"',
        machine_id="4098b3f648d74c13b1f04ccfba7798e8",
        more_initrds=("tuned_initrd",),
    )


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("", BlsEntry(None, None, (), None)),
        ("efi /EFI/memtest.efi", BlsEntry(None, None, (), None)),
        ("linux", BlsEntry(None, None, (), None)),
        ("Linux /a", BlsEntry(None, None, (), None)),
        ("#linux /a", BlsEntry(None, None, (), None)),
        ("  linux\t /a  \r\n", BlsEntry(None, "/a", (), None)),
        ("linux /a\nlinux /b", BlsEntry(None, "/b", (), None)),
        ("linux /a\x1b[2J\x00", BlsEntry(None, "/a?[2J?", (), None)),
        ("options a\tb", BlsEntry(None, None, (), "a b")),
        ("options {{ a }}", BlsEntry(None, None, (), "?{ a }}")),
        ("linux /" + "a" * LINE_LIMIT, BlsEntry(None, None, (), None)),
        ("\n" * LINES_LIMIT + "linux /a", BlsEntry(None, None, (), None)),
        ("version 7.3\u2028linux /a", BlsEntry("7.3?linux /a", None, (), None)),
    ],
)
def test_whatever_else_stands_there(text, entry):
    assert parse_bls_entry(text) == entry


@given(st.text())
def test_any_text_is_read(text):
    entry = parse_bls_entry(text)
    texts = [entry.version, entry.linux, *entry.initrds, entry.options]
    assert all(found is None or (found.isascii() and found.isprintable()) for found in texts)
