# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._installed.grub_entries import (
    ENTRIES_LIMIT,
    LINE_LIMIT,
    MenuEntry,
    parse_grub_config,
    parse_grub_script,
)


def entry(*commands):
    return "menuentry 'x' --class gnu {\n" + "".join(f"\t{command}\n" for command in commands) + "}\n"


@pytest.mark.parametrize(
    ("commands", "found"),
    [
        (["linux /a quiet", "initrd /b"], MenuEntry("/a", ("/b",), "quiet")),
        (["linux\t/a  root=LABEL=x  ro", "initrd\t/b  /c"], MenuEntry("/a", ("/b", "/c"), "root=LABEL=x  ro")),
        (["linux16 /a", "initrd16 /b"], MenuEntry("/a", ("/b",), None)),
        (["linuxefi /a", "initrdefi /b"], MenuEntry("/a", ("/b",), None)),
        (["linux ($root)/a x"], MenuEntry("/a", (), "x")),
        (["linux (hd0,gpt2)/a x"], MenuEntry("/a", (), "x")),
        (["linux '/a' x"], MenuEntry("/a", (), "x")),
        (['linux "/a" dyndbg=\\"file a.c +p\\"'], MenuEntry("/a", (), 'dyndbg=\\"file a.c +p\\"')),
        (["linux /a $more ${more}"], MenuEntry("/a", (), "$more ${more}")),
        (["linux /a x=\x1b[2J é {{ y }}"], MenuEntry("/a", (), "x=?[2J ? ?{ y }}")),
        (["if x; then", "linux /a 1", "initrd /b", "else", "linux /a 2", "fi"], MenuEntry("/a", ("/b",), "1")),
        (["echo linux /b", "  linux /a"], MenuEntry("/a", (), None)),
    ],
)  # fmt: skip
def test_entries(commands, found):
    assert parse_grub_config(entry(*commands)) == (found,)


@pytest.mark.parametrize(
    "commands",
    [
        [],
        ["initrd /b"],
        ["chainloader /efi/x.efi"],
        ["linux $kernel"],
        ["linux ${prefix}/a"],
        ["linux /boot/$name"],
        ["linux /a", "initrd $initrd"],
        ["linux /a", "initrd /b $more"],
        ["linux a"],
        ["linux 'a"],
        ["linux"],
        ["linux /" + "a" * LINE_LIMIT],
        ["LINUX /a"],
        ["# linux /a"],
        ["module /a"],
    ],
)
def test_entries_that_cannot_be_told(commands):
    assert parse_grub_config(entry(*commands)) == ()


def test_submenus_and_what_stands_around():
    text = (
        "function f {\n  linux /not\n}\nlinux /not\n"
        + entry("linux /a")
        + "submenu 'more' {\n\tlinux /not\n"
        + entry("linux /b")
        + entry("linux /c")
        + "}\nlinux /not\n"
    )
    assert [found.linux for found in parse_grub_config(text)] == ["/a", "/b", "/c"]


def test_a_block_without_end_is_none():
    assert parse_grub_config("menuentry 'x' {\n\tlinux /a\n" + entry("linux /b")) == (MenuEntry("/b", (), None),)


def test_nothing_is_run():
    assert parse_grub_config(entry("linux /$(reboot)")) == ()
    assert parse_grub_config(entry("linux /`reboot`")) == (MenuEntry("/`reboot`", (), None),)


def test_there_is_an_end():
    assert len(parse_grub_config(entry("linux /a") * (ENTRIES_LIMIT + 1))) == ENTRIES_LIMIT


@given(st.text(), st.lists(st.one_of(st.text(), st.sampled_from(["linux /a", "initrd /b", "}", "menuentry x {"]))))
def test_any_text_is_read(text, lines):
    for found in (*parse_grub_config(text), *parse_grub_config("\n".join(lines))):
        texts = [found.linux, *found.initrds, found.options or ""]
        assert all(text.isascii() and text.isprintable() for text in texts)
        assert found.linux.startswith("/")


@pytest.mark.parametrize(
    ("script", "is_one"),
    [
        ('menuentry "Reboot" { reboot }', True),
        ('menuentry "x"{ linux /a; initrd /b; }', True),
        ("menuentry 'x' --class a \\\n --id y {\n\tlinux /a\n}", True),
        ("submenu 'x' { menuentry y { linux /a } }", True),
        ("if [ a = b ] ; then echo a; elif true; then echo b; else echo c; fi; echo d", True),
        ("if true\nthen\n  echo a # fi\nfi", True),
        ("for x in a 'b c'; do echo $x; done", True),
        ("while true; do echo x; done\nuntil false; do echo x; done", True),
        ('echo "a \'b\' $x ${y} \\" z" a#b', True),
        ("x='a\n b'", True),
        ("fi", False),
        ("echo a; }", False),
        ("{ echo a; }", False),
        ("menuentry 'x'\n{\n echo a\n}", False),
        ("menuentry 'x' { echo a", False),
        ("if true; then echo a; done", False),
        ("echo 'a", False),
        ("echo a && echo b", False),
        ("echo a | b", False),
    ],
)
def test_grub_itself_agrees(script, is_one):
    done = subprocess.run(["grub-script-check"], input=script + "\n", capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is is_one, done.stderr
    assert (parse_grub_script(script)[1] is None) is is_one
