# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's kernels: two series with Kexec HandOver, variants of the newer one, and Debian's own.

Those that are built are the .deb that the kernel's own packaging makes (scripts/package/ in its sources).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import distribution, times
from lab.apt import KernelArchive
from lab.cache import Ingredients, age, build_once, locked, locks, take
from lab.errors import LabError
from lab.kernel_tree import Edit, KernelTree, setting
from lab.paths import LAB_DIR, cache_dir
from lab.progress import step

_CONFIG = LAB_DIR / "kernel.config"
_ABI = "include/linux/kho/abi"
CHOICE_LASTS = 7 * 24 * 3600.0  # seconds
_OWN = "own-"  # begins the names of kernels that somebody else has built
_RECIPE = 2  # raise it when the same ingredients are to be built in another way


@dataclass(frozen=True)
class Variant:
    """What makes a kernel differ from the plain one of its series; ``keeps`` are files of the tree, kept beside it."""

    suffix: str
    why: str
    config: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    series: str = "newer"
    keeps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kernel:
    """A kernel that can be installed: its release as ``uname -r`` says it, its package's name, and the files.

    The first file is the package itself; others are what it depends on and the guests' suite does not have.
    """

    name: str
    release: str
    package: str
    debs: tuple[Path, ...]

    @property
    def deb(self) -> Path:
        """The file of the package itself."""
        return self.debs[0]


@dataclass(frozen=True)
class Source:
    """A linux-source package."""

    package: str
    version: str


DEBUG_INFO = "debug-info"
VMLINUX = "vmlinux"
VARIANTS = {
    "old": Variant("-kho", "the older series, which guests boot from cold", series="older"),
    "new": Variant("-kho", "the newer series, the ordinary target"),
    "no-kho": Variant(
        "-nokho",
        "a target built without Kexec HandOver",
        config=(
            "# CONFIG_KEXEC_HANDOVER is not set",
            "# CONFIG_KEXEC_HANDOVER_DEBUGFS is not set",
            "# CONFIG_LIVEUPDATE is not set",
        ),
    ),
    "kho-v9": Variant(
        "-khov9",
        "a target with another KHO ABI, which refuses the handover",
        edits=(Edit(f"{_ABI}/kexec_handover.h", r'(#define KHO_FDT_COMPATIBLE\s+)"kho-v\d+"', r'\1"kho-v9"'),),
    ),
    "luo-v9": Variant(
        "-luov9",
        "a target with another LUO ABI, composed of parts, which panics when the kernel before ran with liveupdate=on",
        edits=(Edit(f"{_ABI}/luo.h", r'(#define LUO_ABI_COMPATIBLE\s+)"luo-v\d+"', r'\1"luo-v9;block-v1"'),),
    ),
    "metadata-v2": Variant(
        "-metav2",
        "a target with another version of the kexec metadata",
        edits=(Edit(f"{_ABI}/kexec_metadata.h", r"(#define KHO_KEXEC_METADATA_VERSION\s+)1\b", r"\g<1>2"),),
    ),
    "tiny-log": Variant(
        "-tinylog",
        "a target whose log buffer is so small that it forgets the beginning of its own boot",
        config=("CONFIG_LOG_BUF_SHIFT=12", "CONFIG_LOG_CPU_MAX_BUF_SHIFT=0"),
    ),
    "pstore": Variant(
        "-pstore",
        "a target that leaves its last words in the firmware's variables",
        config=("CONFIG_MISC_FILESYSTEMS=y", "CONFIG_PSTORE=y", "CONFIG_EFI_VARS_PSTORE=y"),
    ),
    "debug": Variant(
        "-debug",
        "a target that checks itself (KASAN, UBSAN, lockdep, lists, stacks, tasks that hang) and leaves its last words",
        config=(
            "# CONFIG_SLUB_TINY is not set",
            "CONFIG_SLUB_DEBUG=y",
            "CONFIG_KASAN=y",
            "CONFIG_KASAN_OUTLINE=y",
            "CONFIG_UBSAN=y",
            "CONFIG_PROVE_LOCKING=y",
            "CONFIG_DEBUG_ATOMIC_SLEEP=y",
            "CONFIG_DEBUG_LIST=y",
            "CONFIG_SCHED_STACK_END_CHECK=y",
            "CONFIG_STACKPROTECTOR=y",
            "CONFIG_STACKPROTECTOR_STRONG=y",
            "CONFIG_DETECT_HUNG_TASK=y",
            "CONFIG_CONFIGFS_FS=m",
            "CONFIG_NETCONSOLE=m",
            "CONFIG_NETCONSOLE_DYNAMIC=y",
            "CONFIG_MISC_FILESYSTEMS=y",
            "CONFIG_PSTORE=y",
            "CONFIG_EFI_VARS_PSTORE=y",
        ),
    ),
    DEBUG_INFO: Variant(
        "-debuginfo",
        "a target whose dumps a debugger can read, as far as they tell of the handover",
        # With all debug information each file of a tree would be compiled anew: half an hour on two busy cores.
        edits=(
            Edit("kernel/liveupdate/Makefile", r"(luo-y :=)", r"CFLAGS_kexec_handover.o += -gdwarf-5\n\1"),
            Edit("arch/x86/kernel/Makefile", r"\n(CFLAGS_head32\.o)", r"\nCFLAGS_setup.o += -gdwarf-5\n\1"),
        ),
        # In the tree that fewer variants are built in.
        series="older",
        keeps=(VMLINUX,),
    ),
    "no-net": Variant(
        "-nonet", "a target that boots and cannot be reached", config=("# CONFIG_VIRTIO_NET is not set",)
    ),
}

DEBIAN = "debian"
KERNELS = {
    **{name: variant.why for name, variant in VARIANTS.items()},
    DEBIAN: "Debian's own kernel of the newer series, for guests of the kind initramfs: it has no Kexec HandOver",
}


def ensure(names: Sequence[str]) -> list[Kernel]:
    """Build the kernels that are not built yet, and return them in the order of ``names``.

    Raises:
        LabError: an unknown name, or a build that fails.
    """
    unknown = sorted(name for name in set(names) - set(KERNELS) if not name.startswith(_OWN))
    if unknown:
        raise LabError(f"the lab has no kernel {', '.join(unknown)}; it has {', '.join(KERNELS)}")
    return [own(name) if name.startswith(_OWN) else _of_the_lab(name) for name in names]


def own(name: str) -> Kernel:
    """A kernel that somebody else has built and `lab.own` has taken in.

    Raises:
        LabError: it is not there any more.
    """
    folder = cache_dir() / "kernels" / name
    try:
        facts = json.loads((folder / "kernel.json").read_text())
    except FileNotFoundError as error:
        raise LabError(f"the kernel {name} is not in the lab's cache any more: give its files once more") from error
    return Kernel(name, facts["release"], facts["package"], tuple(folder / deb for deb in facts["debs"]))


def _of_the_lab(name: str) -> Kernel:
    series = chosen_series()
    return _debian_kernel(series["newer"]) if name == DEBIAN else _kernel(name, series[VARIANTS[name].series])


def chosen_series() -> dict[str, Source]:
    """The series that the lab uses, as `newest_series`: chosen from a fresh index, then kept for a while.

    Suites move every few days, and a lab that rebuilds its kernels each time helps nobody.
    """
    record = _choice()
    with locked("series", "the choice of kernel series"):
        if age(record) > CHOICE_LASTS:
            chosen = newest_series(KernelArchive())
            text = json.dumps({name: asdict(source) for name, source in chosen.items()}, indent=2)
            unfinished = record.with_suffix(".unfinished")
            unfinished.write_text(text + "\n")
            unfinished.replace(record)
        return {name: Source(**source) for name, source in json.loads(record.read_text()).items()}


def _choice() -> Path:
    return cache_dir() / "series.json"


@contextmanager
def _choosing_anew() -> Iterator[None]:
    """Forget the choice of series when what was chosen cannot be downloaded."""
    try:
        yield
    except LabError as error:
        _choice().unlink(missing_ok=True)
        raise LabError(f"{error}\nThe suites may have moved on: run this again to choose anew") from error


def newest_series(archive: KernelArchive) -> dict[str, Source]:
    """The newest two series of Linux 7 that Debian has sources of, as ``{"older": ..., "newer": ...}``."""
    offered = archive.candidates(r"^linux-source-7\.[0-9]+$")
    ordered = sorted(offered, key=lambda package: int(package.rpartition(".")[2]))
    if len(ordered) < 2:
        raise LabError(
            f"Debian's kernel suites offer {ordered or 'no linux-source-7.*'}, and the lab needs two series to go from "
            "one to the other"
        )
    older, newer = (Source(package, offered[package]) for package in ordered[-2:])
    return {"older": older, "newer": newer}


def _kernel(name: str, source: Source) -> Kernel:
    folder = _folder(name, source)
    (deb,) = folder.glob("linux-image-*.deb")
    return Kernel(name, debs=(deb,), **json.loads((folder / "kernel.json").read_text()))


def _debian_kernel(source: Source) -> Kernel:
    def fetch(folder: Path) -> None:
        with _choosing_anew(), step("fetching Debian's kernel"):
            archive = KernelArchive()
            release = distribution.release_of(source.version, archive)
            distribution.fetch(release, source.version, archive, folder)
        (folder / "kernel.json").write_text(json.dumps({"release": release}) + "\n")

    folder = build_once("kernels", DEBIAN, asdict(source), fetch)
    release = json.loads((folder / "kernel.json").read_text())["release"]
    package = f"linux-image-{release}"
    debs = sorted(folder.glob("*.deb"), key=lambda deb: (not deb.name.startswith(package), deb.name))
    return Kernel(DEBIAN, release, package, tuple(debs))


def _folder(name: str, source: Source) -> Path:
    variant = VARIANTS[name]
    return build_once("kernels", name, _ingredients(source, variant), lambda made: _build(name, variant, source, made))


def _ingredients(source: Source, variant: Variant) -> Ingredients:
    edits = [asdict(edit) for edit in variant.edits]
    made_from = {"recipe": _RECIPE, "source": asdict(source), "config": _wanted(variant), "edits": edits}
    return {**made_from, "keeps": variant.keeps} if variant.keeps else made_from


def _build(name: str, variant: Variant, source: Source, folder: Path) -> None:
    """Make the package of one kernel in ``folder``, from the tree that all kernels of its series are built in."""
    what = f"kernel {name}"
    with step(f"{what} ({variant.why}) from {source.package} {source.version}"), times.measured("kernel", name):
        _forget_other_trees(source)
        unpacked = build_once("trees", source.package, asdict(source), lambda made: _unpack(source, made / "tree"))
        with locked(f"in-{unpacked.name}", f"kernels from {source.package}"):
            tree = KernelTree(unpacked / "tree", folder / "build.log")
            tree.edit(variant.edits)
            tree.configure(_wanted(variant))
            tree.package(what)
            deb = tree.collect(folder)
            for name in variant.keeps:
                shutil.copyfile(tree.path / name, folder / name)
        package = deb.name.partition("_")[0]
        facts = {"release": package.removeprefix("linux-image-"), "package": package}
        (folder / "kernel.json").write_text(json.dumps(facts) + "\n")


def _forget_other_trees(source: Source) -> None:
    """Remove the trees of earlier versions of the package in which nobody builds: each has two gigabytes."""
    for other in (cache_dir() / "trees").glob(f"{source.package}-*"):
        made_from = json.loads((other / "made-from.json").read_text())
        if made_from == asdict(source) or (lock := take(locks() / f"in-{other.name}")) is None:
            continue
        shutil.rmtree(other)
        os.close(lock)


def _unpack(source: Source, tree: Path) -> None:
    def fetch(folder: Path) -> None:
        with _choosing_anew(), step(f"fetching {source.package} {source.version}"):
            KernelArchive().download(source.package, source.version, folder)

    (deb,) = build_once("sources", source.package, asdict(source), fetch).glob("*.deb")
    with step(f"unpacking {source.package}"):
        KernelTree.unpack(deb, f"./usr/src/{source.package}.tar.xz", tree)


def _wanted(variant: Variant) -> list[str]:
    """The fragment's lines, with the variant's in the place of those that it changes."""
    chosen = [*_CONFIG.read_text().splitlines(), *variant.config, f'CONFIG_LOCALVERSION="{variant.suffix}"']
    return list({found[0]: line for line in chosen if (found := setting(line))}.values())
