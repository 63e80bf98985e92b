# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throws damaged input at every parser of what a kernel wrote, and stops at the first case that hurts.

    PYTHONPATH=build/collections python3 tests/fuzz/parsers.py --cases 1000000 [--seed 7] [PARSER ...]

A case hurts when anything but the parser's own error comes out, when text that is not printable ASCII comes out, or
when it takes longer than ``SLOWEST`` seconds. The seed is printed, and the same seed gives the same cases.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._health.log import complaints
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import parse_health
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_text import dumps_of, read_boots
from ansible_collections.kho.kexec.plugins.module_utils._history.journal import parse_boots
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import HostError
from ansible_collections.kho.kexec.plugins.module_utils._image.metadata_version import (
    TEXT,
    Segment,
    TextFinder,
    TextPlace,
    find_version,
)
from ansible_collections.kho.kexec.plugins.module_utils._image.read import (
    ImageError,
    KernelImage,
    describe,
    open_image,
    scan_payload,
)
from ansible_collections.kho.kexec.plugins.module_utils._image.scan import Scanner
from ansible_collections.kho.kexec.plugins.module_utils._installed.bls import parse_bls_entry
from ansible_collections.kho.kexec.plugins.module_utils._installed.grub_entries import parse_grub_config
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import parse_build_config, unpack
from ansible_collections.kho.kexec.plugins.module_utils._kernel.fdt import FdtError, parse_fdt
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import kmsg_messages, parse_journal, parse_kmsg
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import MetadataError, parse_metadata
from ansible_collections.kho.kexec.plugins.module_utils._observe.debugfs import parse_luo_abi, parse_scratch_lengths
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.health import WARNING, health
from ansible_collections.kho.kexec.tests.unit.support.images import (
    BASE,
    LOAD_TEXT,
    arm64_header,
    code,
    elf,
    kernel,
    uki,
    x86_image,
    zboot,
)
from ansible_collections.kho.kexec.tests.unit.support.kernels import fdt, journal_entry, kmsg, metadata

SLOWEST = 2.0  # seconds of CPU; a good case takes microseconds
LARGEST = 1 << 16
PROGRESS_EVERY = 100_000
GOLDEN_CRASHES = Path(__file__).parents[1] / "unit" / "golden" / "crashes"

LINES = (
    "Linux version 7.3.4 (root@vm) #1 SMP PREEMPT",
    "KHO: found kexec handover data.",
    "KHO: exec from: 7.2.13 (count 2)",
    "KHO: setup: handover FDT (0x19c000) is incompatible with 'kho-v9': 1",
    'Unknown kernel command line parameters "kho=on liveupdate=on", will be passed to user space.',
    "Run /init as init process",
)
COMPLAINTS = (
    "BUG kmalloc-64 (Tainted: G    B              ): Poison overwritten",
    "Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP PTI",
    "RIP: 0010:e1000_clean.cold+0x12/0x40 [e1000]",
    "WARNING: CPU: 1 PID: 88 at drivers/gpu/drm/drm_atomic.c:1021 drm_wait+0x1f0/0x210 [drm]",
    "pcieport 0000:00:1c.0: AER: Correctable error message received from 0000:01:00.0",
    "tpm tpm0: [Firmware Bug]: TPM interrupt not working, polling instead",
)
CONFIG = b"CONFIG_64BIT=y\nCONFIG_KEXEC_HANDOVER=y\n# CONFIG_KEXEC_HANDOVER_DEBUGFS is not set\n"
BLS_ENTRY = b"title x\nversion 7.3.4\nlinux /vmlinuz-7.3.4\ninitrd /a.img $b\ninitrd /c.img\noptions root=LABEL=x $y\n"
GRUB_CONFIG = b"""set a=b
menuentry 'x' --class y $id 'z' {
\tsearch --set=root 1
\tlinux\t/boot/vmlinuz-7.3.4 root=UUID=1 ro "a=b c"
\tinitrd\t/boot/a.img '/boot/b.img'
}
submenu 'x' {
\tmenuentry 'y' {
\t\tlinux\t($root)/vmlinuz-7.3.4 $more
\t}
}
"""
NUMBERS = (b"\0\0\0\0", b"\0\0\0\1", b"\0\0\0\2", b"\0\0\0\3", b"\0\0\0\t", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff")
TEXTS = (
    b"{{ x }}",
    b"\x1b[2J",
    b"\n",
    b"\0",
    b"\\x0a",
    b"(count 1)",
    b"4294967296",
    b'"',
    b"[[",
    b"\xc3\xa9",
    b";",
    b",",
)


CRASHES = tuple(path.read_bytes() for path in sorted(GOLDEN_CRASHES.glob("*.txt")))
BOOTS = (
    b'[{"index":-1,"boot_id":"2362f50b3f09537cb0d64e572cce021d","first_entry":1790000000001000,"last_entry":1790086002}]',
    b" -1 2362f50b3f09537cb0d64e572cce021d Mon 2026-09-21 14:13:20 UTC Tue 2026-09-22 14:06:42 UTC\n",
)
KERNEL = kernel(filling=100)
IMAGES = (
    x86_image(KERNEL),
    x86_image(KERNEL, "xz"),
    arm64_header() + KERNEL,
    zboot(arm64_header() + KERNEL),
    uki(x86_image(KERNEL, "bzip2"), cmdline=b"kho=on", initrd=b"initrd", uname=b"7.3.4-kho"),
)


class Bare(FakeRoot):
    """A host without any program."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"))

    def pipe(self, argv: Sequence[str], *_input: Any) -> Generator[bytes, None, None]:
        yield from ()
        raise HostError(argv[0], "absent")


def read_image(data: bytes) -> KernelImage:
    """Read an image as a module does, on a host without programs."""
    image = open_image(data)
    return describe(Bare(), image, scan_payload(Bare(), image), None)


def scan(data: bytes) -> Any:
    """Look through a decompressed kernel that comes in two pieces."""
    scanner = Scanner()
    scanner.feed(data[: len(data) // 2])
    scanner.feed(data[len(data) // 2 :])
    return scanner.facts(complete=True)


def find_record_version(data: bytes) -> Any:
    """Look through a decompressed kernel for the code that refuses a record, as if the text for that were in it."""
    finder = TextFinder()
    finder.feed(data)
    place = finder.place() or TextPlace(BASE, (Segment(0, BASE, len(data)),))
    return find_version(place, (data[: len(data) // 2], data[len(data) // 2 :]))


def read_health(data: bytes) -> Any:
    """Read a stored health; what is none is refused with ValueError."""
    try:
        return parse_health(json.loads(data))
    except (ValueError, RecursionError):
        return None


def read_console(data: bytes) -> Any:
    """Read the log of a console, or of a crash; the parts of a dump are put in order before."""
    boots = list(read_boots("".join(dumps_of(data.decode("utf-8", "replace"))).splitlines()))
    return boots, [(report.bug, report.signature) for boot in boots for report in boot.reports]


def with_callers(log: bytes) -> bytes:
    """Return a log whose lines are of two callers in turns, each line twice."""
    lines = [line.split(b"] ", 1) for line in log.splitlines() if line.startswith(b"[") and b"] " in line]
    return b"".join(b"%b][   %b] %b\n" % (time, caller, text) for time, text in lines for caller in (b"T1", b"C2"))


def from_netconsole(log: bytes) -> bytes:
    """Return a log in netconsole's extended format, behind what a collector writes."""
    lines = [line.split(b"] ", 1) for line in log.splitlines() if line.startswith(b"[") and b"] " in line]
    form = b"2026-11-22T15:30:00.123456+00:00 web1 7.3.4,4,%d,%d,-,caller=T1;%b\n"
    return b"".join(form % (number, 1_000_000 + number, text) for number, (_time, text) in enumerate(lines))


def from_serial(log: bytes) -> bytes:
    """Return a log as a terminal shows it, with escape sequences, prompts and carriage returns."""
    return b"".join(b"\x1b[0mweb1 login: %b\r\n" % line for line in log.splitlines())


def in_parts(log: bytes) -> bytes:
    """Return a log as EFI's pstore keeps it: parts of 1 KiB, the newest first, cut anywhere."""
    pieces = [log[max(end - 1024, 0) : end] for end in range(len(log), 0, -1024)]
    return b"".join(b"Panic#1 Part%d\n%b\n" % (number, piece) for number, piece in enumerate(pieces, start=1))


FORMS = (with_callers, from_netconsole, from_serial, in_parts)
"""In which forms a crash comes, beside that of a console."""


class Parser(NamedTuple):
    """What is called with each case, good input to start from, and the one error that may come out."""

    call: Callable[[bytes], Any]
    seeds: tuple[bytes, ...]
    error: type[KhoError]


PARSERS: dict[str, Parser] = {
    "metadata": Parser(parse_metadata, (metadata(b"7.3.4", 1), metadata(b"x" * 65, 2, byteorder="big")), MetadataError),
    "fdt": Parser(parse_fdt, (fdt(), fdt(b"kho-v4", ["LUO", "kexec-metadata", "memblock"]), fdt(b"", [])), FdtError),
    "kmsg": Parser(parse_kmsg, (kmsg(*LINES), kmsg(*LINES, first=9), kmsg(*LINES, facility=1)), KhoError),
    "journal": Parser(
        lambda data: parse_journal(data.decode("utf-8", "replace")),
        ("\n".join(map(journal_entry, LINES)).encode(), journal_entry(list(LINES[2].encode())).encode()),
        KhoError,
    ),
    "complaints": Parser(lambda data: complaints(kmsg_messages(data)), (kmsg(*COMPLAINTS),), KhoError),
    "health": Parser(read_health, (json.dumps(health(complaints=(WARNING,)).as_dict()).encode(),), KhoError),
    "console": Parser(
        read_console,
        (
            *CRASHES,
            *(form(log) for form in FORMS for log in CRASHES),
            b"Panic#1 Part2\n<4>[    1.000000] x\n" + CRASHES[0],
        ),
        KhoError,
    ),
    "boots": Parser(lambda data: parse_boots(data.decode("utf-8", "replace")), BOOTS, KhoError),
    "luo_abi": Parser(parse_luo_abi, (b"luo-v5\0\0" + bytes(16), fdt(b"luo-v1", [])), KhoError),
    "scratch": Parser(lambda data: parse_scratch_lengths(data.decode("latin-1")), (b"0x4000000\n0x0\n",), KhoError),
    "config": Parser(lambda data: parse_build_config("/x", data), (CONFIG,), KhoError),
    "bls": Parser(lambda data: parse_bls_entry(data.decode("utf-8", "replace")), (BLS_ENTRY,), KhoError),
    "grub": Parser(lambda data: parse_grub_config(data.decode("utf-8", "replace")), (GRUB_CONFIG,), KhoError),
    "image": Parser(read_image, IMAGES, ImageError),
    "payload": Parser(scan, (KERNEL,), KhoError),
    "record_version": Parser(find_record_version, (KERNEL, elf(TEXT, code(2, LOAD_TEXT))), KhoError),
    "config_gz": Parser(unpack, (gzip.compress(CONFIG, mtime=0),), KhoError),
}


def overwrite(chance: random.Random, data: bytes) -> bytes:
    """Put an interesting number at a place where a number may stand."""
    at = chance.randrange(0, len(data) + 1, 4) if chance.random() < 0.8 else chance.randrange(len(data) + 1)
    number = chance.choice(NUMBERS)
    return data[:at] + (number if chance.random() < 0.5 else number[::-1]) + data[at + 4 :]


def flip(chance: random.Random, data: bytes) -> bytes:
    """Change one bit."""
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << chance.randrange(8),)) + data[at + 1 :]


def insert(chance: random.Random, data: bytes) -> bytes:
    """Put hostile or random bytes anywhere."""
    at = chance.randrange(len(data) + 1)
    new = chance.choice(TEXTS) if chance.random() < 0.5 else chance.getrandbits(64).to_bytes(8, "big")
    return data[:at] + new + data[at:]


def cut(chance: random.Random, data: bytes) -> bytes:
    """Leave something out, or end early."""
    start = chance.randrange(len(data) + 1)
    return data[:start] + (data[start + chance.randrange(16) :] if chance.random() < 0.5 else b"")


def repeat(chance: random.Random, data: bytes) -> bytes:
    """Repeat a part a few times, and seldom so often that the case becomes as large as a file may be."""
    start = chance.randrange(len(data) + 1)
    part = data[start : start + chance.randrange(1, 64)]
    times = LARGEST // max(len(part), 1) if chance.random() < 0.001 else chance.randrange(1, 5)
    return (data[:start] + part * times + data[start:])[:LARGEST]


MUTATIONS = (overwrite, flip, insert, cut, repeat)


def cases(chance: random.Random, seeds: Sequence[bytes]) -> Iterator[bytes]:
    """Yield good input with one to six damages, without end."""
    while True:
        data = chance.choice(seeds)
        for _damage in range(chance.randrange(1, 7)):
            data = chance.choice(MUTATIONS)(chance, data)
        yield data


def texts(value: Any) -> Iterator[str]:
    """Yield all text in a result, however deep."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from texts(getattr(value, field.name))
    elif isinstance(value, dict):
        yield from texts(list(value))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def complaint(parser: Parser, case: bytes) -> str:
    """Run one case; say what is wrong, or nothing."""
    started = time.process_time()
    try:
        result = parser.call(case)
    except parser.error as error:
        result = error.message
    except Exception as error:  # whatever else comes out is what we are looking for
        return f"{type(error).__name__}: {error}"
    if time.process_time() - started > SLOWEST:
        return f"took more than {SLOWEST} s"
    if not all(text.isascii() and text.isprintable() for text in texts(result)):
        return f"let through text that is not printable ASCII: {result!r}"
    return ""


def fuzz(name: str, count: int, seed: int) -> bool:
    """Run ``count`` cases through one parser; print the outcome, and tell whether all was well."""
    parser = PARSERS[name]
    stream = cases(random.Random(f"{seed}/{name}"), parser.seeds)
    started = time.monotonic()
    for number, case in enumerate(stream, start=1):
        wrong = complaint(parser, case)
        if wrong:
            print(f"{name}: case {number} of seed {seed}: {wrong}\n{case.hex()}", flush=True)
            return False
        if number == count:
            break
        if number % PROGRESS_EVERY == 0:
            print(f"{name}: {number} of {count}", file=sys.stderr, flush=True)
    print(f"{name}: {count} cases, no complaint, {time.monotonic() - started:.0f} s", flush=True)
    return True


def main(arguments: list[str]) -> int:
    """Fuzz the parsers that are named, or all."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parsers", nargs="*", metavar="PARSER", help=", ".join(PARSERS))
    options.add_argument("--cases", type=int, default=10_000, help="for each parser (default: %(default)s)")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    chosen = options.parse_args(arguments)
    unknown = sorted(set(chosen.parsers) - set(PARSERS))
    if unknown:
        options.error(f"no such parser: {', '.join(unknown)}")
    print(json.dumps({"seed": chosen.seed, "cases": chosen.cases}), flush=True)
    outcomes = [fuzz(name, chosen.cases, chosen.seed) for name in chosen.parsers or PARSERS]
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
