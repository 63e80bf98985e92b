# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils import _cmdline

BLANKS = " \t\n\v\f\r"
PLAIN = st.text(st.characters(blacklist_characters=BLANKS + '"', blacklist_categories=["Cs"]), min_size=1)
QUOTED = st.text(st.characters(blacklist_characters='"', blacklist_categories=["Cs"])).map(lambda text: f'"{text}"')
ARGUMENT = st.lists(st.one_of(PLAIN, QUOTED), min_size=1, max_size=3).map("".join)
KNOWN = st.sampled_from(
    [
        "kho=on",
        "kho=off",
        "kho=1",
        "kho",
        "panic=5",
        "panic",
        "BOOT_IMAGE=/vmlinuz",
        "initrd=/i",
        "--",
        "quiet",
        "root=/dev/vda",
    ]
)
LINE = st.lists(st.one_of(ARGUMENT, KNOWN)).map(" ".join)


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
    assert _cmdline.split(_cmdline.join(arguments)) == arguments


@given(st.one_of(LINE, st.text(alphabet='ab=-" \t\n\x0b\x0c\r\x1c\x85\xa0')))
def test_split_goes_the_kernels_way(line):
    assert _cmdline.split(line) == kernels_way(line)


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
    assert (_cmdline.name(argument), _cmdline.value(argument)) == (name, value)


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
    assert _cmdline.last_value(line, "kho") == value


@pytest.mark.parametrize(
    ("value", "true"),
    [
        ("1", True),
        ("y", True),
        ("Yes", True),
        ("on", True),
        ("ON", True),
        ("0", False),
        ("off", False),
        ("o", False),
        ("", False),
        ("banana", False),
        (None, False),
    ],
)
def test_what_every_kernel_takes_for_true(value, true):
    assert _cmdline.is_true(value) is true


@pytest.mark.parametrize(
    ("running", "target"),
    [
        ("", "kho=on panic=10"),
        ("BOOT_IMAGE=/boot/vmlinuz-7.2 root=/dev/vda ro", "root=/dev/vda ro kho=on panic=10"),
        (r"initrd=\initrd.img root=/dev/vda", "root=/dev/vda kho=on panic=10"),
        ("kho=on panic=0 root=/dev/vda\n", "kho=on panic=0 root=/dev/vda"),
        ("panic=-1 kho=y", "panic=-1 kho=y"),
        ("kho=off quiet", "kho=off quiet kho=on panic=10"),
        ("kho=on kho=0", "kho=on kho=0 kho=on panic=10"),
        ("quiet -- single kho=on", "quiet kho=on panic=10 -- single kho=on"),
        ("quiet -- initrd=x BOOT_IMAGE=y", "quiet kho=on panic=10 -- initrd=x BOOT_IMAGE=y"),
        ("a -- b -- c", "a kho=on panic=10 -- b -- c"),
        ('foo="a  b"   "bar=c d" foo=2 foo=1', 'foo="a  b" "bar=c d" foo=2 foo=1 kho=on panic=10'),
        ('dyndbg="initrd=x panic=1"', 'dyndbg="initrd=x panic=1" kho=on panic=10'),
        ("initrdmem=1 noinitrd", "initrdmem=1 noinitrd kho=on panic=10"),
        ("panic_on_oops=1", "panic_on_oops=1 kho=on panic=10"),
    ],
)
def test_command_line_of_the_target(running, target):
    assert _cmdline.for_target(running, 10) == target


@given(LINE, st.integers(1, 1000))
def test_the_target_loses_nothing_and_gains_what_it_needs(running, seconds):
    line = _cmdline.for_target(running, seconds)
    assert _cmdline.is_true(_cmdline.last_value(line, "kho"))
    assert _cmdline.last_value(line, "panic") is not None
    added = [argument for argument in ("kho=on", f"panic={seconds}") if argument in _cmdline.split(line)]
    kernel, dashes, init = partition(_cmdline.split(running))
    kept = [argument for argument in kernel if _cmdline.name(argument) not in ("BOOT_IMAGE", "initrd")]
    new_kernel, new_dashes, new_init = partition(_cmdline.split(line))
    assert (new_dashes, new_init) == (dashes, init)
    assert new_kernel[: len(kept)] == kept
    assert set(new_kernel[len(kept) :]) <= set(added)
    assert len(new_kernel) - len(kept) <= 2


@given(LINE)
def test_a_target_of_a_target_has_the_same_command_line(running):
    once = _cmdline.for_target(running, 10)
    assert _cmdline.for_target(once, 20) == once


def partition(arguments):
    if "--" not in arguments:
        return arguments, [], []
    place = arguments.index("--")
    return arguments[:place], ["--"], arguments[place + 1 :]
