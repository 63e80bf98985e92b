# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the script for dumps says of kernels that told nothing; tests/guests/test_post_mortem.py uses drgn itself."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from types import ModuleType, SimpleNamespace

import pytest

from tools.layout import ROOT

PATH = ROOT / "roles" / "kho_fact_script" / "files" / "kho_post_mortem.py"
HOW_TO = ROOT / "docs" / "howto" / "post_mortem.md"
SPEC = importlib.util.spec_from_file_location("kho_post_mortem", PATH)
script = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(script)


class Text:
    """An array of characters in a dump."""

    def __init__(self, data):
        self.data = data

    def string_(self):
        return self.data


class FaultError(Exception):
    """Memory that a dump has not."""


class Cut:
    """An array of which a dump has nothing."""

    def string_(self):
        raise FaultError("could not find memory segment")


class Program:
    """A kernel as drgn shows it: its variables by their names."""

    flags = 1

    def __init__(self, vmcoreinfo=None):
        self.vmcoreinfo = vmcoreinfo
        self.variables = dict(self.kernel)

    def __getitem__(self, name):
        return self.variables[name]

    def variable(self, name, _file):
        return self.variables[name]

    def set_core_dump(self, path):
        if path == "text":
            raise ValueError("not an ELF core file")
        if path == "qemu":
            raise ValueError("unrecognized QEMU memory dump; run QEMU with '-device vmcoreinfo'")

    def set_kernel(self):
        raise PermissionError("/proc/kcore: Permission denied")

    def load_debug_info(self, *_names, **_which):
        # As for modules of the kernel, which nobody needs here.
        raise LookupError("missing debugging symbols")

    def type(self, name):
        if "no symbols" in self.variables:
            raise LookupError(name)


@pytest.fixture(name="told")
def _told(monkeypatch, capsys):
    """Return a function that has the script read a kernel, and returns its exit code and what it prints."""

    def tell(words=("vmcore",), flags=1, **kernel):
        drgn = ModuleType("drgn")
        drgn.ProgramFlags = SimpleNamespace(IS_LINUX_KERNEL=1)
        drgn.MissingDebugInfoError = LookupError
        drgn.FaultError = FaultError
        kernel["UTS_RELEASE"] = Text(b"7.3.4-kho")
        drgn.Program = type("Its", (Program,), {"kernel": kernel, "flags": flags})
        monkeypatch.setitem(sys.modules, "drgn", drgn)
        status = script.main(list(words))
        return status, json.loads(capsys.readouterr().out)

    return tell


def incoming(**fields):
    return SimpleNamespace(**{"fdt_phys": 1, "previous_release": Text(b"7.2.13-kho"), "kexec_count": 3, **fields})


def code(facts):
    (note,) = facts["notes"]
    return note["code"]


def test_a_handover(told):
    status, facts = told(kho_in=incoming(), kho_enable=1, bootloader_type=0xD0)
    assert (status, facts.pop("notes")) == (0, [])
    assert facts == {
        "release": "7.3.4-kho",
        "boot": "handover",
        "previous_release": "7.2.13-kho",
        "kexec_count": 3,
        "source": "dump",
        "built": True,
        "enabled": True,
    }


@pytest.mark.parametrize(("loader", "boot"), [(0xD1, "kexec"), (0x72, "cold"), (0, None), (0xFF, None)])
def test_a_boot_without_handover(told, loader, boot):
    none = incoming(fdt_phys=0, previous_release=Text(b""), kexec_count=0)
    status, facts = told(kho_in=none, kho_enable=1, bootloader_type=loader)
    assert (status, facts["boot"], facts["previous_release"], facts["kexec_count"]) == (0, boot, None, 0)


def test_a_handover_without_record_leaves_the_count_unknown(told):
    status, facts = told(kho_in=incoming(previous_release=Text(b""), kexec_count=0), kho_enable=1)
    assert (status, facts["boot"], facts["kexec_count"], code(facts)) == (0, "handover", None, "metadata_missing")


def test_a_kernel_that_has_it_off(told):
    status, facts = told(kho_in=incoming(fdt_phys=1), kho_enable=0)
    assert (status, facts["previous_release"], facts["kexec_count"], code(facts)) == (0, None, 0, "running_kho_off")


def test_what_a_dump_says_is_not_trusted(told):
    _status, facts = told(kho_in=incoming(previous_release=Text(b"{{ x }}\n\xff" + b"7" * 100)), kho_enable=1)
    assert facts["previous_release"].startswith("???x?}}??7")
    assert len(facts["previous_release"]) == 64


def test_a_kernel_before_the_record_and_one_without_handover_keep_what_is_known(told):
    status, facts = told(kho_in=SimpleNamespace(fdt_phys=1), kho_enable=1)
    assert (status, code(facts), facts["release"], facts["built"]) == (1, "metadata_unsupported", "7.3.4-kho", True)
    status, facts = told(bootloader_type=0x72)
    assert (status, code(facts), facts["release"], facts["boot"]) == (1, "kernel_without_kho", "7.3.4-kho", "cold")


def test_what_stands_in_the_way(told, monkeypatch, capsys):
    assert code(told(["text"])[1]) == "core_unreadable"
    assert code(told(flags=0)[1]) == code(told(["qemu"])[1]) == "not_a_kernel"
    assert code(told(["vmcore", "--vmcoreinfo", "/nowhere"])[1]) == "core_unreadable"
    status, facts = told(**{"no symbols": True})
    assert (status, code(facts), facts["release"]) == (1, "symbols_missing", "7.3.4-kho")
    assert code(told(kho_in=incoming(previous_release=Cut()), kho_enable=1)[1]) == "dump_incomplete"
    monkeypatch.setitem(sys.modules, "drgn", None)
    assert script.main(["vmcore"]) == 1
    assert code(json.loads(capsys.readouterr().out)) == "drgn_missing"


def test_only_root_reads_the_kernel_that_runs(told):
    status, facts = told(words=())
    assert (status, code(facts), facts["source"]) == (1, "not_permitted", "live")


def test_every_code_is_explained():
    emitted = set(re.findall(r'(?:Trouble\(|note\(facts, )\s*"([a-z_]+)"', PATH.read_text()))
    explained = set(re.findall(r"^\| `([a-z_]+)` \|", HOW_TO.read_text(), re.MULTILINE))
    assert len(emitted) == 10
    assert explained == emitted
