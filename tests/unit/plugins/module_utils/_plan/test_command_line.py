# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._kernel import arguments as arguments_file
from ansible_collections.kho.kexec.plugins.module_utils._plan import command_line
from ansible_collections.kho.kexec.plugins.module_utils._plan.command_line import CommandLineEdits

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
        ("crashkernel=256M BOOT_IMAGE=x", "crashkernel=256M kho=on panic=10"),
        ('quiet foo="a b\n', 'quiet foo="a b" kho=on panic=10'),
        ('quiet -- "a b', 'quiet kho=on panic=10 -- "a b"'),
    ],
)
def test_command_line_of_the_target(running, target):
    assert command_line.for_target(running, 10) == target


@given(LINE, st.integers(1, 1000))
def test_the_target_loses_nothing_and_gains_what_it_needs(running, seconds):
    line = command_line.for_target(running, seconds)
    assert arguments_file.is_on(line, "kho")
    assert arguments_file.last_value(line, "panic") is not None
    added = [argument for argument in ("kho=on", f"panic={seconds}") if argument in arguments_file.split(line)]
    kernel, dashes, init = partition(arguments_file.split(running))
    kept = [argument for argument in kernel if arguments_file.name(argument) not in ("BOOT_IMAGE", "initrd")]
    new_kernel, new_dashes, new_init = partition(arguments_file.split(line))
    assert (new_dashes, new_init) == (dashes, init)
    assert new_kernel[: len(kept)] == kept
    assert set(new_kernel[len(kept) :]) <= set(added)
    assert len(new_kernel) - len(kept) <= 2


@given(LINE)
def test_a_target_of_a_target_has_the_same_command_line(running):
    once = command_line.for_target(running, 10)
    assert command_line.for_target(once, 20) == once


NAME = st.sampled_from(["quiet", "console", "root", "panic", "crashkernel", "a-b", "a_b", "mitigations"])
VALUE = st.text(st.characters(blacklist_characters='"', blacklist_categories=["Cc", "Cs"]))
NEW = st.one_of(
    st.builds("{}={}".format, NAME, st.integers(0, 3)),
    st.builds('{}="{}"'.format, NAME, VALUE),
    st.sampled_from(["quiet", "ro", "kho=on"]),
)
EDITS = st.builds(
    CommandLineEdits,
    append=st.lists(NEW, max_size=4).map(tuple),
    replace=st.dictionaries(NAME, VALUE, max_size=3),
    remove=st.lists(st.one_of(NAME, NEW), max_size=3).map(tuple),
)


@pytest.mark.parametrize(
    ("running", "edits", "target"),
    [
        # append
        ("root=/dev/vda -- x", {"append": ("quiet", 'a="b c"')}, 'root=/dev/vda quiet a="b c" X -- x'),
        ("quiet a", {"append": ("quiet",)}, "a quiet X"),
        ("console=tty0 console=ttyS0", {"append": ("console=tty0",)}, "console=tty0 console=ttyS0 console=tty0 X"),
        ("hugepagesz=1G hugepages=4", {"append": ("hugepagesz=1G", "hugepages=8")},
         "hugepagesz=1G hugepages=4 hugepagesz=1G hugepages=8 X"),
        ("a quiet debug b", {"append": ("quiet", "debug")}, "a b quiet debug X"),
        ("panic=5", {"append": ("panic=7",)}, "panic=5 panic=7 kho=on"),
        # replace
        ("a=1 b a=2 c", {"replace": {"a": "3"}}, "b a=3 c X"),
        ("a-b=1 c a_b=2", {"replace": {"a-b": None}}, "c a-b X"),
        ("c", {"replace": {"a": "x y"}}, 'c a="x y" X'),
        ("c -- a=1", {"replace": {"a": ""}}, "c a= X -- a=1"),
        ("panic=5 kho=off", {"replace": {"panic": "7", "kho": "1"}}, "panic=7 kho=1"),
        # remove
        ("console=tty0 a console=ttyS0", {"remove": ("console",)}, "a X"),
        ("console=tty0 a console=ttyS0", {"remove": ("console=tty0",)}, "a console=ttyS0 X"),
        ('dyndbg="a b" "dyndbg=c d"', {"remove": ('dyndbg="c d"',)}, 'dyndbg="a b" X'),
        ("quiet -- quiet", {"remove": ("quiet",)}, "X -- quiet"),
        ("panic=5 kho=on", {"remove": ("panic", "kho")}, "X"),
        ("a=1", {"remove": ("b", "a=2")}, "a=1 X"),
        # in this order: a list is replaced by remove and append
        ("console=tty0 a console=ttyS0", {"remove": ("console",), "append": ("console=hvc0", "console=tty1")},
         "a console=hvc0 console=tty1 X"),
        ("a=1 b", {"remove": ("a",), "replace": {"a": "2"}, "append": ("a=3",)}, "b a=2 a=3 X"),
    ],
)  # fmt: skip
def test_edits(running, edits, target):
    line = command_line.for_target(running, 10, CommandLineEdits(**edits))
    assert line == target.replace("X", "kho=on panic=10")


@pytest.mark.parametrize(
    ("edits", "problem"),
    [
        ({"append": ("a\nb",)}, "line break"),
        ({"append": ("a=\0",)}, "line break"),
        ({"append": ('a="x\ty"',)}, "line break"),
        ({"append": ('a="b',)}, "quotes do not match"),
        ({"append": ("a b",)}, "not one argument"),
        ({"append": (" a",)}, "not one argument"),
        ({"append": ("",)}, "not one argument"),
        ({"append": ("--",)}, "for init"),
        ({"append": ("kho=off",)}, "needs kho=on"),
        ({"append": ("kho",)}, "needs kho=on"),
        ({"append": ("panic",)}, "number of seconds"),
        ({"remove": ("a b",)}, "not one argument"),
        ({"remove": ("--",)}, "for init"),
        ({"remove": ("a\x7f",)}, "line break"),
        ({"replace": {"a b": "c"}}, "not one argument"),
        ({"replace": {"a": "b\nc"}}, "line break"),
        ({"replace": {"a": '"b"'}}, "quotes"),
        ({"replace": {'"a"': None}}, "quotes"),
        ({"replace": {"a=b": "c"}}, "without '='"),
        ({"replace": {"a=b": None}}, "without '='"),
        ({"replace": {"": "c"}}, "without '='"),
        ({"replace": {"": None}}, "not one argument"),
        ({"replace": {"kho": "0"}}, "needs kho=on"),
        ({"replace": {"panic": None}}, "number of seconds"),
    ],
)
def test_edits_that_cannot_be_meant(edits, problem):
    with pytest.raises(Refusal, match=problem) as caught:
        command_line.for_target("quiet", 10, CommandLineEdits(**edits))
    assert caught.value.code == "command_line_edit_invalid"
    assert caught.value.message.isprintable()


@given(LINE, EDITS)
def test_edits_leave_all_else_as_it_is_and_in_its_order(running, edits):
    edited = {arguments_file.name(argument) for argument in (*edits.append, *edits.replace, *edits.remove)}
    edited |= {"kho", "panic", "BOOT_IMAGE", "initrd"}
    kernel, dashes, init = partition(arguments_file.split(running))
    new_kernel, new_dashes, new_init = partition(arguments_file.split(command_line.for_target(running, 10, edits)))
    assert (new_dashes, new_init) == (dashes, init)
    assert [argument for argument in new_kernel if arguments_file.name(argument) not in edited] == [
        argument for argument in kernel if arguments_file.name(argument) not in edited
    ]


@given(LINE, EDITS)
def test_edits_do_what_they_say(running, edits):
    line = command_line.for_target(running, 10, edits)
    kernel = partition(arguments_file.split(line))[0]
    ours = [argument for argument in ("kho=on", "panic=10") if argument in kernel[-2:]]
    assert any(
        kernel[len(kernel) - count - len(edits.append) : len(kernel) - count] == list(edits.append)
        for count in range(len(ours) + 1)
    )
    appended = {arguments_file.name(argument) for argument in edits.append} | {"panic"}
    replaced = {parameter.replace("-", "_"): new for parameter, new in edits.replace.items()}
    for parameter in set(replaced) - appended:
        assert arguments_file.last_value(line, parameter) == replaced[parameter]
    for removed in edits.remove:
        if "=" not in removed and removed.replace("-", "_") not in appended | set(replaced) | {"kho"}:
            assert removed.replace("-", "_") not in map(arguments_file.name, kernel)


@given(LINE, EDITS)
def test_a_chain_of_upgrades_does_not_collect_arguments(running, edits):
    once = command_line.for_target(running, 10, edits)
    twice = command_line.for_target(once, 10, edits)
    assert sorted(arguments_file.split(twice)) == sorted(arguments_file.split(once))
    assert command_line.for_target(twice, 10, edits) == twice


def partition(arguments):
    if "--" not in arguments:
        return arguments, [], []
    place = arguments.index("--")
    return arguments[:place], ["--"], arguments[place + 1 :]


# --- what kernels add themselves (CONFIG_CMDLINE)


@pytest.mark.parametrize(
    ("running", "built_in", "target"),
    [
        ("console=ttyS0 ro root=/dev/vda", ["console=ttyS0 ro"], "root=/dev/vda kho=on panic=10"),
        ("console=ttyS0 ro " * 34 + "root=/dev/vda", ["console=ttyS0 ro"], "root=/dev/vda kho=on panic=10"),
        ("root=/dev/vda console=ttyS0 ro", ["console=ttyS0 ro"], "root=/dev/vda kho=on panic=10"),
        ("a b a c d", ["a", "b", "", "d"], "c kho=on panic=10"),
        ('x="1" y a x=1 "y=" a root=/dev/vda', ["x=1 y", "a"], "root=/dev/vda kho=on panic=10"),
        # What is in the middle, or all that there is, was given by somebody.
        (
            "root=/dev/vda console=ttyS0 ro quiet",
            ["console=ttyS0 ro"],
            "root=/dev/vda console=ttyS0 ro quiet kho=on panic=10",
        ),
        ("console=ttyS0 ro", ["console=ttyS0 ro"], "console=ttyS0 ro kho=on panic=10"),
        ("a b -- a", ["a"], "b kho=on panic=10 -- a"),
    ],
)
def test_what_a_kernel_adds_itself_is_not_given_to_it(running, built_in, target):
    assert command_line.for_target(running, 10, command_line.NO_EDITS, built_in) == target


def test_the_line_does_not_grow_however_many_handovers_there_are():
    own = "console=ttyS0,115200n8 earlyprintk=serial net.ifnames=0 rw"
    line = f"{own} root=/dev/vda2"
    for _handover in range(100):
        line = f"{own} {command_line.for_target(line, 10, command_line.NO_EDITS, [own, own])}"
    assert line == f"{own} root=/dev/vda2 kho=on panic=10"
