# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels that somebody else has built are read or refused with the reason, and no guest is needed for it."""

from __future__ import annotations

import gzip
import struct
import subprocess
from pathlib import Path

import pytest

from lab import bzimage, deb, kernels, needs, own
from lab.errors import LabError
from lab.paths import LAB_DIR

# CONFIG_KEXEC selects the last.
GOOD = (LAB_DIR / "kernel.config").read_text() + "CONFIG_KEXEC_CORE=y\n"
RELEASE = "7.4.0-team"


def without(*options: str, module: bool = False) -> str:
    lines = [line for line in GOOD.splitlines() if line.partition("=")[0] not in options]
    return "\n".join([*lines, *(f"{option}=m" for option in options if module), ""])


def image(release: str = RELEASE, config: str | None = None, flags: int = 1) -> bytes:
    """A bzImage of which only the header is true; the configuration is in its payload."""
    payload = gzip.compress(b"code" + b"IKCFG_ST" + gzip.compress(config.encode()) + b"IKCFG_ED") if config else b"code"
    made = bytearray(2 * 512)
    made[0x1F1], made[0x1FE:0x200], made[0x202:0x206] = 1, b"\x55\xaa", b"HdrS"
    struct.pack_into("<HH", made, 0x206, 0x20F, 0)
    struct.pack_into("<H", made, 0x20E, 0x100)
    struct.pack_into("<H", made, 0x236, flags)
    struct.pack_into("<II", made, 0x248, 0, len(payload))
    text = f"{release} (team@build) #1 SMP".encode() + b"\0"
    made[0x300 : 0x300 + len(text)] = text
    return bytes(made) + payload


def package(folder: Path, name: str, files: dict[str, bytes], **fields: str) -> str:
    number = len(list(folder.iterdir()))
    tree = folder / f"tree-{number}"
    for place, data in {"usr/share/team": b"", **files}.items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        (tree / place).write_bytes(data)
    (tree / "DEBIAN").mkdir()
    control = {"Package": name, "Version": "1", "Architecture": "amd64", "Maintainer": "T <t@localhost>", **fields}
    text = "".join(f"{field.replace('_', '-')}: {value}\n" for field, value in {**control, "Description": "x"}.items())
    (tree / "DEBIAN" / "control").write_text(text)
    made = folder / f"{name}-{number}.deb"
    subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", tree, made], check=True, capture_output=True)
    return str(made)


def kernel(folder: Path, config: str | None = GOOD, release: str = RELEASE, **fields: str) -> str:
    files = {f"boot/vmlinuz-{release}": image(release)}
    files |= {} if config is None else {f"boot/config-{release}": config.encode()}
    return package(folder, f"linux-image-{release}", files, **fields)


def refused(*words: str) -> str:
    with pytest.raises(LabError) as caught:
        own.read(words)
    return str(caught.value)


def test_two_packages_of_a_team_can_be_tried(tmp_path):
    words = [kernel(tmp_path, release="7.4.0-b"), kernel(tmp_path, release="7.4.0-a")]
    found = own.read(words)
    assert [one.release for one in found] == ["7.4.0-b", "7.4.0-a"], "in the order in which they were given"
    assert own.kind_of_guest(found) == needs.PLAIN
    assert [one.lacks() for one in found] == [[], []]


def test_the_lab_has_all_that_it_asks_for():
    assert needs.lacks(GOOD, has_modules=True) == []


@pytest.mark.parametrize("need", needs.NEEDS, ids=lambda need: need.option)
def test_a_kernel_that_lacks_an_option_is_refused_with_its_name(tmp_path, need):
    said = refused(kernel(tmp_path, without(need.option)))
    assert f"{need.option}: {need.why}" in said
    assert "no guest was started" in said


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    first = kernel(tmp_path, without("CONFIG_VIRTIO_BLK", "CONFIG_EXT4_FS"), "7.4.0-a")
    said = refused(first, kernel(tmp_path, without("CONFIG_DEVTMPFS"), "7.4.0-b"), "nowhere.deb")
    for word in ("CONFIG_VIRTIO_BLK", "CONFIG_EXT4_FS", "CONFIG_DEVTMPFS", "nowhere.deb: there is no such file"):
        assert word in said
    assert said.count("lacks what a guest of the lab needs") == 2


def test_drivers_that_are_modules_want_a_guest_with_an_initramfs(tmp_path):
    (found,) = own.read([kernel(tmp_path, without("CONFIG_VIRTIO_BLK", module=True))])
    assert own.kind_of_guest([found]) == needs.WITH_INITRAMFS
    said = refused(kernel(tmp_path, without("CONFIG_SERIAL_8250_CONSOLE", module=True)))
    assert "CONFIG_SERIAL_8250_CONSOLE=y" in said
    bare = without("CONFIG_VIRTIO_BLK", module=True).replace("CONFIG_RD_", "CONFIG_NO_")
    assert "CONFIG_RD_ZSTD or CONFIG_RD_GZIP" in refused(kernel(tmp_path, bare))


def test_a_package_that_wants_an_initramfs_gets_a_guest_with_one(tmp_path):
    (found,) = own.read([kernel(tmp_path, Depends="dracut | initramfs-tools (>= 0.120)")])
    assert own.kind_of_guest([found]) == needs.WITH_INITRAMFS


def test_options_that_nobody_tells_are_unknown(tmp_path):
    (found,) = own.read([kernel(tmp_path, None)])
    assert found.config is None
    assert found.lacks() == []
    assert own.kind_of_guest([found]) == needs.WITH_INITRAMFS


def test_options_are_read_from_the_image_too(tmp_path):
    bad = package(tmp_path, "linux-image-x", {f"boot/vmlinuz-{RELEASE}": image(config=without("CONFIG_VIRTIO_NET"))})
    assert "CONFIG_VIRTIO_NET" in refused(bad)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x7fELF" + bytes(1000), "an ELF file (vmlinux)"),
        (bytes(0x38) + b"ARM\x64" + bytes(1000), "a kernel for arm64"),
        (b"MZ\0\0zimg" + bytes(1000), "zboot"),
        (image(flags=0), "32 bits"),
        (b"", "no kernel image"),
    ],
)
def test_other_images_are_refused(tmp_path, data, said):
    (tmp_path / "bzImage").write_bytes(data)
    assert said in refused(str(tmp_path / "bzImage"))
    assert said in refused(package(tmp_path, "linux-image-x", {f"boot/vmlinuz-{RELEASE}": data}))


def test_bad_packages_are_refused(tmp_path):
    (tmp_path / "text.deb").write_text("no package")
    assert "this is no Debian package" in refused(str(tmp_path / "text.deb"))
    assert "for arm64" in refused(kernel(tmp_path, release="7.4.0-arm", Architecture="arm64"))
    assert "has no vmlinuz" in refused(package(tmp_path, "linux-headers-x", {}))
    two = package(tmp_path, "both", {f"boot/vmlinuz-{one}": image(one) for one in ("7.4.0-a", "7.4.0-b")})
    assert "2 kernels (7.4.0-a, 7.4.0-b)" in refused(two)
    other = package(tmp_path, "linux-image-renamed", {"boot/vmlinuz-7.4.0-a": image("7.4.0-b")})
    assert "says that it is 7.4.0-b" in refused(other)
    assert "no kernel is given" in refused()
    (tmp_path / "folder.deb").mkdir()
    assert "this is no file" in refused(str(tmp_path / "folder.deb"))
    many = [kernel(tmp_path, release=f"7.4.{number}-many") for number in range(own.MOST + 1)]
    assert "has a place for 8" in refused(*many)


def test_two_of_one_release_are_refused(tmp_path):
    assert f"has the release {RELEASE} too" in refused(kernel(tmp_path), kernel(tmp_path, without("CONFIG_LKDTM")))


def test_two_of_one_name_are_refused(tmp_path):
    words = [
        package(tmp_path / name, "linux-image-team", {f"boot/vmlinuz-{name}": image(name)})
        for name in ("7.4.0-a", "7.4.0-b")
        if (tmp_path / name).mkdir() is None
    ]
    assert "has the package linux-image-team too" in refused(*words)


def test_what_belongs_to_a_kernel_is_given_beside_it(tmp_path):
    files = {f"usr/lib/modules/{RELEASE}/vmlinuz": image()}
    words = [
        package(tmp_path, f"linux-binary-{RELEASE}", files, Depends=f"linux-base-{RELEASE} (= 1)"),
        package(tmp_path, f"linux-base-{RELEASE}", {f"usr/lib/modules/{RELEASE}/config": GOOD.encode()}),
        package(tmp_path, f"linux-image-{RELEASE}", {}, Depends=f"linux-binary-{RELEASE}", Pre_Depends="linux-base"),
        package(tmp_path, "linux-base", {}, Architecture="all"),
        kernel(tmp_path, release="7.4.0-other", Pre_Depends="linux-base (>= 4)"),
    ]
    first, second = own.read(words)
    assert set(first.packages) == {*(f"linux-{part}-{RELEASE}" for part in ("binary", "base", "image")), "linux-base"}
    assert first.config == GOOD
    assert second.packages == ("linux-image-7.4.0-other",)


def test_an_image_and_its_modules_become_a_package(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "bzImage").write_bytes(image(config=without("CONFIG_VIRTIO_NET", module=True)))
    modules = tmp_path / "lib" / "modules" / RELEASE
    (modules / "kernel").mkdir(parents=True)
    (modules / "kernel" / "virtio_net.ko").write_bytes(b"module")
    (modules / "build").symlink_to("/nowhere")
    word = f"{tmp_path}/bzImage:{modules}"
    assert "no modules.dep" in refused(word)
    (modules / "modules.dep").write_text("")
    assert "no modules were given" in refused(str(tmp_path / "bzImage"))
    (found,) = own.read([word])
    made = own.take_in(found)
    assert made == own.take_in(found) == kernels.ensure([made.name])[0]
    assert (made.release, made.package) == (RELEASE, f"linux-image-{RELEASE}")
    listed = subprocess.run(["dpkg-deb", "-c", made.deb], check=True, capture_output=True, text=True).stdout
    for place in (f"boot/vmlinuz-{RELEASE}", f"boot/config-{RELEASE}", f"modules/{RELEASE}/kernel/virtio_net.ko"):
        assert place in listed
    assert "/build" not in listed
    (again,) = own.read([str(made.deb)])
    assert (again.release, again.config) == (RELEASE, found.config)


def test_modules_of_another_kernel_are_refused(tmp_path):
    (tmp_path / "bzImage").write_bytes(image())
    (tmp_path / "7.4.0-other").mkdir()
    (tmp_path / "7.4.0-other" / "modules.dep").write_text("")
    assert "would load no modules of 7.4.0-other" in refused(f"{tmp_path}/bzImage:{tmp_path}/7.4.0-other")


def test_a_package_is_taken_in_as_it_is_and_another_build_of_the_first_kernel_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    owns = own.read([kernel(tmp_path)])
    made = own.take_in(owns[0])
    assert made.deb.read_bytes() == Path(owns[0].given).read_bytes()
    own.refuse_other_builds(owns, made)
    changed = own.read([kernel(tmp_path / "cache", without("CONFIG_LKDTM"))])
    with pytest.raises(LabError, match="another CONFIG_LOCALVERSION"):
        own.refuse_other_builds(changed, made)


def test_files_of_two_kernels_that_have_one_name_stay_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = []
    for release in ("7.4.0-a", "7.4.0-b"):
        (tmp_path / release).mkdir()
        words.append(str(Path(kernel(tmp_path, release=release)).rename(tmp_path / release / "kernel.deb")))
    assert len({own.take_in(one).deb.name for one in own.read(words)}) == 2


def test_a_kernel_that_is_not_in_the_cache_any_more_is_asked_for_once_more(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(LabError, match="give its files once more"):
        kernels.ensure(["own-0123456789abcdef"])


@pytest.mark.parametrize("argv", [["gzip", "-c"], ["xz", "-c"], ["bzip2", "-c"], ["zstd", "-c"], ["lz4", "-lc"]])
def test_payloads_are_unpacked_with_what_stands_after_them(argv):
    packed = subprocess.run(argv, input=b"kernel" * 1000, check=True, capture_output=True).stdout
    assert bzimage.unpacked(packed + struct.pack("<I", 6000)) == b"kernel" * 1000
    assert bzimage.unpacked(b"unknown") is None


def test_a_release_that_no_package_could_be_named_by(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    release = "4.18.0-553.16.1.el8_10.x86_64"
    (tmp_path / "bzImage").write_bytes(image(release, GOOD))
    (found,) = own.read([str(tmp_path / "bzImage")])
    made = own.take_in(found)
    assert (made.release, made.package) == (release, "linux-image-4.18.0-553.16.1.el8-10.x86-64")


@pytest.mark.parametrize("release", ["../../7.4.0", "7.4.0;reboot", "$(reboot)"])
def test_a_release_that_is_no_name_of_a_file_is_refused(tmp_path, release):
    (tmp_path / "bzImage").write_bytes(image(release))
    assert "no file could be named by" in refused(str(tmp_path / "bzImage"))


def test_a_file_may_have_a_colon_in_its_name(tmp_path):
    """As versions with an epoch have it."""
    package_file = str(Path(kernel(tmp_path)).rename(tmp_path / "linux-image_1:7.4.0_amd64.deb"))
    (tmp_path / "12:30").write_bytes(image("7.4.0-other", GOOD))
    assert len(own.read([package_file, str(tmp_path / "12:30")])) == 2


def test_what_a_package_claims_to_be_as_large_as_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(deb, "_LARGEST", 1 << 20)
    huge = package(tmp_path, "linux-image-x", {f"boot/vmlinuz-{RELEASE}": image() + bytes(2 << 20)})
    assert f"vmlinuz-{RELEASE} has 2 MiB, which nothing of a kernel has" in refused(huge)


def test_what_is_unpacked_has_an_end(monkeypatch):
    monkeypatch.setattr(bzimage, "_UNPACKED_LIMIT", 1000)
    packed = subprocess.run(["zstd", "-c"], input=bytes(1 << 24), check=True, capture_output=True).stdout
    assert bzimage.unpacked(packed) == bytes(1000)
