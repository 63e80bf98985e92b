# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._kernel import arguments as arguments_file

BLANKS = " \t\n\v\f\r"
PLAIN = st.text(st.characters(blacklist_characters=BLANKS + '"', blacklist_categories=["Cs"]), min_size=1)
QUOTED = st.text(st.characters(blacklist_characters='"', blacklist_categories=["Cs"])).map(lambda text: f'"{text}"')
ARGUMENT = st.lists(st.one_of(PLAIN, QUOTED), min_size=1, max_size=3).map("".join)
LINE = st.lists(ARGUMENT).map(" ".join)


def kernels_way(line):
    """What next_arg() in the kernel's lib/cmdline.c cuts off, one character after the other."""
    arguments, current, quoted = [], "", False
    for char in line:
        if char in BLANKS and not quoted:
            arguments.append(current)
            current = ""
            continue
        quoted ^= char == '"'
        current += char
    return [argument for argument in [*arguments, current] if argument]


@given(st.lists(ARGUMENT))
def test_what_was_joined_comes_apart_again(arguments):
    assert arguments_file.split(arguments_file.join(arguments)) == arguments


@given(st.one_of(LINE, st.text(alphabet='ab=-" \t\n\x0b\x0c\r\x1c\x85\xa0')))
def test_split_goes_the_kernels_way(line):
    assert arguments_file.split(line) == kernels_way(line)


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("quiet", "quiet", None),
        ("root=UUID=1-2", "root", "UUID=1-2"),
        ("kho=", "kho", ""),
        ('dyndbg="file a.c +p"', "dyndbg", "file a.c +p"),
        ('"dyndbg=file a.c +p"', "dyndbg", "file a.c +p"),
        ('dyndbg="file a.c', "dyndbg", "file a.c"),
        ('"quiet"', "quiet", None),
        ("module-name.some-option=a-b", "module_name.some_option", "a-b"),
        ("=x", "=x", None),
        ("=x=y", "=x", "y"),
        ('a=b"c d"e', "a", 'b"c d"e'),
        ('a=b"c d"', "a", 'b"c d"'),
        ('"a=b c"', "a", "b c"),
    ],
)
def test_name_and_value(argument, name, value):
    assert (arguments_file.name(argument), arguments_file.value(argument)) == (name, value)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("kho=on", "on"),
        ("kho=on kho=off", "off"),
        ("kho=off kho=on quiet", "on"),
        ("kho", None),
        ("kho=on kho", None),
        ("quiet", None),
        ("quiet -- kho=on", None),
        ("kho=off -- kho=on", "off"),
        ('foo="kho=on"', None),
        ("xkho=on", None),
    ],
)
def test_the_last_value_before_the_lone_dashes_counts(line, value):
    assert arguments_file.last_value(line, "kho") == value


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        ("1", True),
        ("y", True),
        ("Yes", True),
        ("true", True),
        ("enable", True),
        ("on", True),
        ("ON", True),
        ("0", False),
        ("no", False),
        ("False", False),
        ("disabled", False),
        ("off", False),
        ("o", None),
        ("", None),
        ("banana", None),
        (None, None),
    ],
)
def test_what_the_kernel_makes_of_yes_and_no(value, truth):
    assert arguments_file.truth(value) is truth


@pytest.mark.parametrize(
    ("line", "on"),
    [
        ("quiet", None),
        ("kho", None),
        ("kho=on", True),
        ("kho=on kho=off", False),
        ("kho=off kho=true", True),
        ("kho=on kho=banana kho", True),
        ("quiet -- kho=on", None),
    ],
)
def test_the_last_value_that_is_understood_switches(line, on):
    assert arguments_file.is_on(line, "kho") is on
