# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._bootloader.menus import (
    MenuError,
    find_item,
    parse_grub_default,
    parse_grub_menu,
    started_next,
)
from ansible_collections.kho.kexec.plugins.module_utils._installed.grub_entries import ENTRIES_LIMIT
from ansible_collections.kho.kexec.tests.unit.support.boot_host import SAVED_HEADER
from ansible_collections.kho.kexec.tests.unit.support.layouts import layout_host

MENU = """
menuentry 'First' --class x $menuentry_id_option 'first' {
    if [ x ]; then insmod y; fi
    if [ z ]; then
        linux /a
    else
        linux /b
    fi
}
submenu 'More of it' $menuentry_id_option 'more' {
    menuentry 'Inner' --id inner {
        linux /c
    }
    menuentry "It's \\"old\\"" {
        linux /d
    }
}
if [ "$grub_platform" = "efi" ]; then
    menuentry 'Firmware' $menuentry_id_option 'firmware' {
        fwsetup
    }
fi
menuentry 'Last' ${menuentry_id_option} 'last' {
    linux /e
}
function f {
    menuentry 'Made' {
        linux /f
    }
}
for x in 1 2; do
    echo $x
done
""".replace("    ", "\t")


def found(setting, text=MENU):
    return [item.id for item in find_item(parse_grub_menu(text), setting)]


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("", ["first"]),
        ("0", ["first"]),
        ("first", ["first"]),
        ("First", ["first"]),
        ("more>inner", ["more", "inner"]),
        ("More of it>Inner", ["more", "inner"]),
        ("1>1", ["more", 'It\'s "old"']),
        ("more>0", ["more", "inner"]),
        ('more>It\'s "old"', ["more", 'It\'s "old"']),
        ("last", ["last"]),
    ],
)
def test_what_a_default_names(setting, path):
    assert found(setting) == path


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("nowhere", "no entry has that name"),
        ("more>nowhere", "no entry has that name"),
        ("inner", "no entry has that name"),
        ("first>inner", "no entry has that name"),
        ("more>>inner", "no entry has that name"),
        ("more", "names a submenu"),
        ("1", "names a submenu"),
        ("firmware", "only known when GRUB runs"),
        ("2", "only known when GRUB runs"),
        ("3", "only known when GRUB runs"),
        ("9", "only known when GRUB runs"),
        ("Made", "no entry has that name"),
        ("0x0", "no entry has that name"),
        ("00000", "no entry has that name"),
    ],
)
def test_what_only_grub_could_tell(setting, why):
    with pytest.raises(MenuError, match=why):
        found(setting)


def test_a_name_that_begins_with_a_digit_is_not_trusted():
    with pytest.raises(MenuError):
        found("5-x", "menuentry 'x' --id 5-x {\n}\n")


def test_kernels_of_entries():
    first, more, _firmware, last = parse_grub_menu(MENU)
    assert (first.kernel.linux, last.kernel.linux, more.kernel) == ("/a", "/e", None)
    assert [item.kernel.linux for item in more.items] == ["/c", "/d"]


def test_a_menu_of_debian(tmp_path):
    text = layout_host(tmp_path, "debian-guest").read_text("/boot/grub/grub.cfg")
    uuid = "2040d0fa-9f61-4a72-bf79-3cadb6fa78a4"
    setting = f"gnulinux-advanced-{uuid}>gnulinux-7.2.13-kho-advanced-{uuid}"
    assert ">".join(found(setting, text)) == setting
    assert (found("0", text), found("1>0", text)) == ([f"gnulinux-simple-{uuid}"], setting.split(">"))
    assert [item.is_conditional for item in parse_grub_menu(text)] == [False, False, True]
    assert parse_grub_default(text) == "${saved_entry}"


@pytest.mark.parametrize("name", ["debian-13", "ubuntu-24.04", "sles-15", "arch", "rhel-9"])
def test_other_menus(tmp_path, name):
    config = "/boot/grub/grub.cfg" if name in ("debian-13", "ubuntu-24.04", "arch") else "/boot/grub2/grub.cfg"
    text = layout_host(tmp_path, name).read_text(config)
    assert bool(parse_grub_menu(text)) == (name != "rhel-9")


@pytest.mark.parametrize(
    "text",
    [
        "menuentry 'x' {\n",
        "}\n",
        "fi\n",
        "if x; then\n}\n",
        "menuentry 'x' {\nfi\n",
        "menuentry 'x {\n}\n",
        "menuentry {\n}\n",
        "menuentry 'x'\n{\n}\n",
        "menuentry 'x' {\n}\n" * (ENTRIES_LIMIT + 1),
    ],
)
def test_menus_that_cannot_be_read(text):
    with pytest.raises(MenuError):
        parse_grub_menu(text)


@pytest.mark.parametrize(
    ("text", "default"),
    [
        (SAVED_HEADER, "${saved_entry}"),
        (SAVED_HEADER.replace("${saved_entry}", "0"), "0"),
        ('  set default="1>2"\n', "1>2"),
        ("set default=0\n", "0"),
        ("# set default=0\nset default_x=1\n", ""),
        ('set default="0"\nset default="0"\n', "0"),
    ],
)
def test_the_default_that_is_set(text, default):
    assert parse_grub_default(text) == default


def test_the_last_default_counts():
    assert parse_grub_default('set default="0"\ndefault=1\n') == "1"


@pytest.mark.parametrize("condition", ['[ -s "$prefix/x" ]', "keystatus --shift", "[ $grub_cpu = x ]", "[ ( x ) ]"])
def test_several_defaults(condition):
    with pytest.raises(MenuError, match="several"):
        parse_grub_default(f'set default="0"\nif {condition}; then\n set default="1"\nfi\n')
    assert parse_grub_default(f"default=0\nif {condition}; then default=1; else default=1; fi\n") == "1"


COUNTING = """
load_env
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi
insmod increment
if [ -n "${boot_counter}" -a "${boot_success}" = "0" ]; then
  # The way back of OSTree.
  if  [ "${boot_counter}" = "0" -o "${boot_counter}" = "-1" ]; then
    set default=1
    set boot_counter=-1
  else
    decrement boot_counter
  fi
  save_env boot_counter
fi
if [ "${boot_success}" = "1" ] ; then
  set boot_indeterminate=0
else
  increment boot_indeterminate
fi
"""


@pytest.mark.parametrize(
    ("environment", "started"),
    [
        ({}, "x"),
        ({"boot_counter": "2", "boot_success": "0"}, "x"),
        ({"boot_counter": "0", "boot_success": "1"}, "x"),
        ({"boot_counter": "0"}, "x"),
        ({"boot_counter": "0", "boot_success": "0"}, "1"),
        ({"boot_counter": "-1", "boot_success": "0"}, "1"),
        ({"next_entry": "once"}, "once"),
        ({"next_entry": "once", "boot_counter": "0", "boot_success": "0"}, "1"),
    ],
)
def test_what_grub_remembers_decides_about_the_next_boot_and_not_about_the_default(environment, started):
    remembered = {"saved_entry": "x", **environment}
    assert parse_grub_default(COUNTING, remembered) == "${saved_entry}"
    assert started_next(COUNTING, remembered) == started


@pytest.mark.parametrize(
    ("script", "default"),
    [
        ("if false; then default=1; elif true; then default=2; else default=3; fi", "2"),
        ("if [ a = b ]; then default=1; else default=3; fi", "3"),
        ("if ! true; then default=1; fi", None),
        ('if test -z "$x"; then default=1; fi', "1"),
        ("x=1; if [ $x -gt 0 -a ! $x -ge 2 ]; then default=1; fi", "1"),
        ('x=1; if [ $x -ge 9 -o -n "" -o $x != 2 ]; then default=1; fi', "1"),
        ("x=1; increment x; if [ $x == 2 ]; then default=1; fi", "1"),
        ("x=1; decrement x; if [ $x -le 0 ]; then default=1; fi", "1"),
        ('x=1; unset x; if [ "$x" ]; then default=1; fi', ""),
        ("x=a; if [ $x -lt 1 ]; then default=1; fi", None),
        ("function f { default=1; }", ""),
        ("function f {\n default=1\n}\nf", "1"),
        ("function f {\n f\n}\nf", None),
        ("set x=b; set default=a${x}'c d'\\e\"f g\"", "abc def g"),
        ("default=$root", None),
        ("for x in 1 2; do default=$x; done", None),
        ("default=3; while x; do default=4; done", None),
        ("x=1; while [ $x -lt 3 ]; do increment x; if [ $x = 2 ]; then default=1; fi; done", None),
        ("default=1 # set default=2", "1"),
        ("default=1; menuentry x { default=2; }; submenu y { default=3; }", "1"),
        ("if [ $root ]; then if true; then x=1; fi; else x=2; fi; default=5", "5"),
    ],
)
def test_how_the_script_is_followed(script, default):
    if default is None:
        with pytest.raises(MenuError):
            parse_grub_default(script)
    else:
        assert parse_grub_default(script) == default


def test_functions_that_are_too_deep():
    ifs = "if $x; then " * 30, "; fi" * 30
    with pytest.raises(MenuError, match="too deep|call each other"):
        parse_grub_default("function f {\n" + ifs[0] + "f" + ifs[1] + "\n}\nf\n")


def test_what_starts_no_kernel_hides_nothing():
    text = """menuentry "Reboot" { reboot }
menuentry 'Off' --id off { halt; }
menuentry --unrestricted --class x --id=a 'A' {linux /x}
menuentry "Mine" --id mine {
    linux /a; initrd /b
}
submenu 'More' { menuentry 'B' --id b { linux /b } }
"""
    assert (found("mine", text), found("0", text), found("off", text)) == (["mine"], ["Reboot"], ["off"])
    assert (found("More>b", text), found("a", text)) == (["More", "b"], ["a"])
    kernel = parse_grub_menu(text)[3].kernel
    assert (kernel.linux, kernel.initrds) == ("/a", ("/b",))


def test_entries_that_are_there_or_not():
    text = "if [ $a = b ]; then\nmenuentry x { linux /a }\nelse\nmenuentry y { linux /a }\nfi\n"
    assert [item.title for item in parse_grub_menu(text)] == ["y"]
    assert [item.title for item in parse_grub_menu(text, {"a": "b"})] == ["x"]


@given(
    st.lists(st.sampled_from([*MENU.split("\n"), "}", "fi", "done", "menuentry 'x' {", "submenu", "\x1b{{ x }}"])),
    st.text(),
)
def test_any_menu_is_read_or_refused(lines, setting):
    with suppress(MenuError):
        assert find_item(parse_grub_menu("\n".join(lines)), setting)[-1].items is None
    with suppress(MenuError):
        assert parse_grub_default("\n".join(lines)) == ""
