# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._image.scan import MOST, PayloadFacts, Scanner
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import GZIP_LIMIT, OPTIONS
from ansible_collections.kho.kexec.tests.unit.support.images import CONFIG, arm64_header, kernel

KERNEL = kernel()


def scan(data, piece=1 << 20, complete=True):
    scanner = Scanner()
    for at in range(0, len(data), piece):
        scanner.feed(data[at : at + piece])
    return scanner.facts(complete)


def test_a_kernel():
    facts = scan(KERNEL)
    assert (facts.abis, facts.luo_abis, facts.releases) == (("kho-v4",), ("luo-v5",), ("7.3.4-kho",))
    assert (facts.complete, facts.metadata, facts.refuses) == (True, True, False)
    assert facts.head == KERNEL[:64]
    assert tuple(facts.options) == OPTIONS
    assert {name for name, value in facts.options.items() if value == "y"} == {
        "CONFIG_KEXEC_HANDOVER",
        "CONFIG_LIVEUPDATE",
        "CONFIG_MODULES",
    }


def test_a_kernel_without_kexec_handover():
    facts = scan(kernel(abi="", luo="", metadata=False, config=None))
    assert (facts.abis, facts.luo_abis, facts.metadata, facts.refuses, facts.options) == ((), (), False, True, None)


@pytest.mark.parametrize("piece", [1, 2, 7, 63, 64, 65, 127, 128, 129, 1000, 4096])
def test_where_the_pieces_end_does_not_matter(piece):
    assert scan(kernel(filling=150), piece) == scan(kernel(filling=150))


@pytest.mark.parametrize("cut", range(0, 40))
def test_texts_that_lie_across_two_pieces(cut):
    for text in (b"kho-v4\0", b"luo-v5\0", b"exec from: %s (count %u)", b"Linux version 7.3.4 ("):
        scanner = Scanner()
        whole = b"-" * 500 + text + b"-" * 500
        scanner.feed(whole[: 500 + cut])
        scanner.feed(whole[500 + cut :])
        assert scanner.facts(True) == scan(whole)
        assert scan(whole) != scan(b"-" * 64)


@pytest.mark.parametrize(
    "text", [b"kho-v4", b"kho-v\0", b"kho-\0", b"kho_scratch\0", b"KHO-v4\0", b"memfd-v\0", b"PUVL\1\0\0\0", b"PUVL"]
)
def test_what_is_no_abi(text):
    assert scan(b"-" * 64 + text + b"-") == PayloadFacts(complete=True, head=b"-" * 64)


@pytest.mark.parametrize("abi", ["v5;block-v1", "v9-kho-block-v1", "v5;radix-v1;vmalloc-v1", "v12345", "v4x", "v0"])
@pytest.mark.parametrize("piece", [1, 7, 64, 128, 129, 1 << 20])
def test_an_abi_is_taken_as_a_whole(abi, piece):
    facts = scan(kernel(abi=f"kho-{abi}", luo=f"luo-{abi}", filling=200), piece)
    assert (facts.abis, facts.luo_abis, facts.unclear) == ((f"kho-{abi}",), (f"luo-{abi}",), ())


@pytest.mark.parametrize("piece", [1, 20, 128, 150, 1 << 20])
def test_a_part_of_an_abi_is_none(piece):
    facts = scan(b"\0" * 100 + b"luo-v5;kho-v4\0" + b"\0" * 300, piece)
    assert (facts.abis, facts.luo_abis) == ((), ("luo-v5;kho-v4",))


@pytest.mark.parametrize("text", [b"-v5'\0", b"-v5 \xff\0", b"-v5\n", b"-v5 or newer\0", b"-v5" + b"x" * 200 + b"\0"])
@pytest.mark.parametrize("piece", [1, 7, 128, 1 << 20])
def test_what_begins_like_an_abi_and_is_none_is_unclear(text, piece):
    for kind in ("kho", "luo"):
        facts = scan(b"-" * 64 + kind.encode() + text, piece)
        assert facts == PayloadFacts(complete=True, head=b"-" * 64, unclear=(kind,))


def test_what_else_proves_the_features():
    texts = b"\x014KHO: disabling KHO revival\n\0luo: failed [%pe], disabling live update\n\0"
    assert scan(texts).features == ("kho", "luo")


@pytest.mark.parametrize("magic", [b"PUVL\1\0\0\0", b"LVUP\0\0\0\1"])
@pytest.mark.parametrize("piece", [1, 40, 48, 1 << 20])
def test_the_table_of_handlers(magic, piece):
    names = [b"memfd-v1", b"vfio-pci-v3", b"x" * 47]
    table = magic + b"".join(name.ljust(48, b"\0") for name in names)
    expected = tuple(sorted(name.decode() for name in names))
    for behind in (b"", bytes(200), b"\xff" * 200, b"y" * 48 + bytes(48)):
        assert scan(b"-" * 300 + table + behind, piece).handlers == expected
    assert scan(magic + table[len(magic) :] * 30).handlers == expected


def test_a_handler_without_a_table():
    assert scan(b"memfd-v2\0").handlers == ("memfd-v2",)


@pytest.mark.parametrize("text", [b"exec from: %s (count %d)", b"exec from: 7.3.4 (count 1)", b"Passed KHO data;"])
def test_what_is_none_of_the_texts(text):
    assert scan(b"-" * 64 + text + b"-") == PayloadFacts(complete=True, head=b"-" * 64)


@pytest.mark.parametrize("release", ["%s", "seven", "7.3.4.old", "7" * 65, "7.3.4 ", ""])
def test_what_is_no_release(release):
    assert scan(f"Linux version {release} (root@build)".encode()).releases == ()


def test_several_of_a_kind_are_kept_and_bounded():
    many = b"".join(b"kho-v%d\0" % number for number in range(1000))
    assert scan(many, 100).abis == ("kho-v0", "kho-v1", "kho-v2", "kho-v3")
    assert len(scan(many).abis) == MOST
    assert scan(b"kho-v4\0" * 100).abis == ("kho-v4",)


def config(data, piece=1 << 20):
    return scan(b"before" + data + b"behind", piece).options


@pytest.mark.parametrize(
    "data",
    [
        b"IKCFG_ST" + gzip.compress(CONFIG)[:-9] + b"IKCFG_ED",  # cut off
        b"IKCFG_ST" + gzip.compress(CONFIG),  # no end
        b"IKCFG_ST" + gzip.compress(b"no options") + b"IKCFG_ED",
        b"IKCFG_ST\x1f\x8bIKCFG_ED",
        b"IKCFG_ST" + CONFIG + b"IKCFG_ED",
        gzip.compress(CONFIG) + b"IKCFG_ED",
        b"IKCFG_ST" + gzip.compress(CONFIG) + bytes(GZIP_LIMIT) + b"IKCFG_ED",
        b"IKCFG_ST" + gzip.compress(bytes(5 << 20)) + b"IKCFG_ED",
    ],
)
def test_what_is_no_configuration(data):
    assert config(data) is None
    assert config(data, 5000) is None


def test_marks_around_something_else_are_passed_over():
    assert config(b"IKCFG_ST IKCFG_ED IKCFG_ST" + gzip.compress(CONFIG) + b"IKCFG_ED") is not None


def test_the_head_is_that_of_the_kernel():
    assert scan(arm64_header() + KERNEL, 10).head == arm64_header()
    assert scan(b"short").head == b"short"
    assert scan(b"").head == b""


@given(st.lists(st.sampled_from([KERNEL[at : at + 2000] for at in range(0, len(KERNEL), 1500)]), max_size=12))
def test_any_parts_give_facts(parts):
    facts = scan(b"".join(parts), 700)
    assert set(facts.abis) <= {"kho-v4"}
    assert set(facts.releases) <= {"7.3.4-kho"}
    assert facts.options is None or set(facts.options) == set(OPTIONS)
