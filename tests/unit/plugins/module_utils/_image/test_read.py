# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._image.read import (
    ImageError,
    KernelImage,
    describe,
    open_image,
    scan_payload,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.images import (
    CERTIFICATE,
    COMPRESSORS,
    CONFIG,
    INIT_SIZE,
    arm64_header,
    kernel,
    portable,
    read_image,
    uki,
    x86_image,
    x86_with,
    zboot,
)

PATH, CONFIG_PATH = "/boot/vmlinuz-7.3.4-kho", "/boot/config-7.3.4-kho"
LZ4 = ("lz4", "-d", "-c", "-q", "-")
NO_CONFIG = kernel(config=None)
ARM64 = arm64_header() + NO_CONFIG


def read(tmp_path, image, config=None, host=None):
    host = (host or FakeRoot(tmp_path)).add(PATH, image)
    if config is not None:
        host.add(CONFIG_PATH, config)
    seen = read_image(host, PATH, CONFIG_PATH if config is not None else None)
    host.assert_nothing_left()
    assert_consistent(seen)
    return seen


def assert_consistent(seen):
    """What is known has a source, what has a source is known, and it can be given to Ansible."""
    shown = seen.as_dict()
    assert json.loads(json.dumps(shown)) == shown
    told = {name for name in seen.learnt if shown[name] is None}
    assert told == set()
    assert {name for name in shown if shown[name] is not None} - set(seen.learnt) <= {
        "format",
        "config",
        "learnt",
        "obstacles",
        "uki",
    }


def codes(seen):
    return [note.code for note in seen.obstacles]


def test_a_kernel_that_tells_all(tmp_path):
    assert read(tmp_path, x86_image(kernel(), "xz")) == KernelImage(
        format="bzimage",
        architecture="x86_64",
        release="7.3.4-kho",
        init_size=INIT_SIZE,
        command_line_limit=2047,
        kho_built=True,
        kho_default=False,
        kho_abi="kho-v4",
        luo_abi="luo-v5",
        luo_built=True,
        metadata=True,
        metadata_version=1,
        config={
            "CONFIG_BLK_DEV_INITRD": "n",
            "CONFIG_BOOT_CONFIG_EMBED": "n",
            "CONFIG_CMDLINE": "n",
            "CONFIG_CMDLINE_FORCE": "n",
            "CONFIG_CMDLINE_OVERRIDE": "n",
            "CONFIG_KEXEC_HANDOVER": "y",
            "CONFIG_KEXEC_HANDOVER_DEBUGFS": "n",
            "CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT": "n",
            "CONFIG_LIVEUPDATE": "y",
            "CONFIG_MODULES": "y",
            "CONFIG_PANIC_TIMEOUT": "n",
        },
        signed=False,
        learnt={
            **dict.fromkeys(
                ["architecture", "release", "build", "init_size", "command_line_limit", "signed"], "header"
            ),
            **dict.fromkeys(
                ["kho_built", "kho_abi", "luo_built", "luo_abi", "metadata", "metadata_version"], "payload"
            ),
            "kho_default": "ikconfig",
        },
        obstacles=(),
        uki=None,
        build="#1 SMP",
    )


def test_the_installed_configuration_tells_the_rest(tmp_path):
    seen = read(tmp_path, x86_image(NO_CONFIG), CONFIG + b"CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n")
    assert (seen.kho_default, seen.learnt["kho_default"]) == (True, "config:" + CONFIG_PATH)
    assert (seen.config["CONFIG_MODULES"], seen.learnt["kho_built"]) == ("y", "payload")


def test_what_the_kernel_carries_comes_before_what_is_installed(tmp_path):
    seen = read(tmp_path, x86_image(kernel()), b"CONFIG_KEXEC_HANDOVER=n\n")
    assert (seen.kho_built, seen.config["CONFIG_KEXEC_HANDOVER"], seen.obstacles) == (True, "y", ())


def test_a_kernel_without_kexec_handover(tmp_path):
    seen = read(tmp_path, x86_image(kernel(abi="", luo="", metadata=False, config=None)))
    assert (seen.kho_built, seen.kho_default, seen.luo_built, seen.metadata) == (False, False, False, False)
    assert (seen.kho_abi, seen.luo_abi, seen.config) == (None, None, {})
    assert (codes(seen), seen.learnt["kho_default"]) == (["image_config_unknown"], "payload")


def test_a_kernel_that_is_older_than_the_metadata_and_live_update(tmp_path):
    seen = read(tmp_path, x86_image(kernel(abi="kho-v1", luo="", metadata=False, config=None)))
    assert (seen.kho_built, seen.kho_abi, seen.luo_built, seen.metadata) == (True, "kho-v1", False, False)


@pytest.mark.parametrize(
    ("config", "built", "default", "luo", "metadata"),
    [
        (CONFIG, True, False, True, None),
        (b"CONFIG_64BIT=y\nCONFIG_KEXEC_HANDOVER=y\n", True, False, False, None),
        (b"CONFIG_64BIT=y\n", False, False, False, False),
        (b"CONFIG_KEXEC_HANDOVER=y\nCONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n", True, True, False, None),
    ],
)
def test_what_cannot_be_decompressed_is_not_known(tmp_path, config, built, default, luo, metadata):
    host = FakeRoot(tmp_path).expect_missing(LZ4)
    seen = read(tmp_path, x86_image(kernel(), "lz4"), config, host)
    assert codes(seen) == ["image_payload_unreadable"]
    assert "lz4 does not exist" in seen.obstacles[0].message
    assert (seen.kho_abi, seen.luo_abi) == (None, None)
    assert (seen.kho_built, seen.kho_default, seen.luo_built, seen.metadata) == (built, default, luo, metadata)
    assert seen.learnt["kho_built"] == "config:" + CONFIG_PATH


def test_nothing_can_be_read_but_the_header(tmp_path):
    seen = read(tmp_path, x86_image(kernel(), "lz4"), host=FakeRoot(tmp_path).expect_missing(LZ4))
    assert codes(seen) == ["image_payload_unreadable", "image_config_unknown"]
    assert set(seen.learnt.values()) == {"header"}
    assert seen.release == "7.3.4-kho"


def test_a_program_of_the_host_decompresses(tmp_path):
    image = x86_image(kernel(), "lz4")
    host = FakeRoot(tmp_path).expect_pipe(LZ4, kernel()).expect_pipe(LZ4, kernel())
    seen = read(tmp_path, image, host=host)
    assert (seen.kho_abi, seen.metadata_version) == ("kho-v4", 1)
    assert host.piped == [COMPRESSORS["lz4"](kernel())] * 2


def test_what_cannot_be_decompressed_a_second_time(tmp_path):
    host = FakeRoot(tmp_path).expect_pipe(LZ4, kernel()).expect_pipe(LZ4, kernel()[:-100], error="exit code 1")
    seen = read(tmp_path, x86_image(kernel(), "lz4"), host=host)
    assert (seen.kho_abi, seen.metadata, seen.metadata_version) == ("kho-v4", True, None)
    assert codes(seen) == ["image_payload_unreadable"]


def test_the_version_of_the_record_that_a_kernel_takes(tmp_path):
    seen = read(tmp_path, x86_image(kernel(version=2), "xz"))
    assert (seen.metadata_version, seen.learnt["metadata_version"]) == (2, "payload")


def test_only_a_kernel_that_knows_the_record_is_decompressed_twice(tmp_path):
    without = kernel(abi="", luo="", metadata=False)
    host = FakeRoot(tmp_path).expect_pipe(LZ4, without)
    assert read(tmp_path, x86_image(without, "lz4"), host=host).metadata_version is None
    assert len(host.piped) == 1


def test_what_was_seen_before_the_damage_is_there_and_the_rest_is_not_known(tmp_path):
    whole = kernel(config=None)
    after_abi = whole.index(b"kho-v4\0") + 7
    host = FakeRoot(tmp_path).expect_pipe(LZ4, whole[:after_abi], error="exit code 1")
    seen = read(tmp_path, x86_image(whole, "lz4"), host=host)
    assert (seen.kho_built, seen.kho_abi, seen.luo_built, seen.metadata) == (True, None, None, None)


def test_a_kernel_that_refuses_before_the_damage(tmp_path):
    whole = kernel(abi="", luo="", metadata=False, config=None)
    host = FakeRoot(tmp_path).expect_pipe(LZ4, whole[:9000], error="exit code 1")
    seen = read(tmp_path, x86_image(whole, "lz4"), host=host)
    assert (seen.kho_built, seen.luo_built, seen.metadata) == (False, False, False)


@pytest.mark.parametrize(
    ("image", "config", "says"),
    [
        (NO_CONFIG, b"CONFIG_LIVEUPDATE=y\n", "CONFIG_KEXEC_HANDOVER=n"),
        (NO_CONFIG, b"CONFIG_KEXEC_HANDOVER=y\n", "CONFIG_LIVEUPDATE=n"),
        (kernel(abi="", luo="", metadata=False, config=None), CONFIG, "CONFIG_KEXEC_HANDOVER=y"),
    ],
)
def test_a_configuration_of_another_build_is_not_used(tmp_path, image, config, says):
    seen = read(tmp_path, x86_image(image), config)
    assert codes(seen) == ["image_config_disagrees"]
    assert says in seen.obstacles[0].message
    assert (seen.kho_built, seen.config) == (b"kho-v4" in image, {})
    assert seen.kho_default is (None if seen.kho_built else False)


def test_a_configuration_that_cannot_be_read(tmp_path):
    host = FakeRoot(tmp_path).add(PATH, x86_image(NO_CONFIG)).add("/boot/readme", "no options")
    for path, says in ((None, "none is installed"), ("/boot/absent", "does not exist"), ("/boot/readme", "is none")):
        seen = read_image(host, PATH, path)
        assert codes(seen) == ["image_config_unknown"]
        assert says in seen.obstacles[0].message
        assert (seen.kho_built, seen.kho_default, seen.config) == (True, None, {})


def test_more_than_one_abi(tmp_path):
    seen = read(tmp_path, x86_image(kernel() + b"kho-v5\0"))
    assert (seen.kho_built, seen.kho_abi, codes(seen)) == (True, None, ["image_abi_ambiguous"])
    assert "kho-v4, kho-v5" in seen.obstacles[0].message
    seen = read(tmp_path, x86_image(kernel() + b"luo-v6\0"))
    assert (seen.luo_built, seen.luo_abi, codes(seen)) == (True, None, ["image_abi_ambiguous"])


@pytest.mark.parametrize("kind", ["kho", "luo"])
def test_an_abi_that_is_not_understood_is_unknown_and_never_no(tmp_path, kind):
    image = kernel(**{"abi" if kind == "kho" else "luo": f"{kind}-v5 and more"}, config=None)
    seen = read(tmp_path, x86_image(image))
    assert (getattr(seen, f"{kind}_built"), getattr(seen, f"{kind}_abi")) == (None, None)
    assert codes(seen) == ["image_abi_unclear", "image_config_unknown"]
    seen = read(tmp_path, x86_image(image), CONFIG)
    assert (getattr(seen, f"{kind}_built"), getattr(seen, f"{kind}_abi")) == (True, None)
    seen = read(tmp_path, x86_image(image + b"disabling KHO revival, disabling live update\0"))
    assert (getattr(seen, f"{kind}_built"), getattr(seen, f"{kind}_abi")) == (True, None)


def test_an_abi_under_another_name_is_unknown(tmp_path):
    seen = read(tmp_path, x86_image(kernel(luo="live-6", config=None) + b"disabling live update\0"))
    assert (seen.luo_built, seen.luo_abi) == (True, None)


def test_handlers_of_live_update(tmp_path):
    assert read(tmp_path, x86_image(kernel() + b"memfd-v2\0")).luo_handlers == ("memfd-v2",)
    assert read(tmp_path, x86_image(kernel())).luo_handlers is None


def test_releases_that_disagree(tmp_path):
    seen = read(tmp_path, x86_image(kernel(release="7.2.13")))
    assert (seen.release, codes(seen)) == ("7.3.4-kho", ["image_release_disagrees"])
    assert "its header: 7.3.4-kho; the kernel proper: 7.2.13" in seen.obstacles[0].message
    assert codes(read(tmp_path, uki(x86_image(kernel()), uname=b"7.2.13"))) == ["image_release_disagrees"]


def test_arm64(tmp_path):
    seen = read(tmp_path, ARM64, CONFIG)
    assert (seen.format, seen.architecture, seen.release) == ("arm64_image", "aarch64", "7.3.4-kho")
    assert (seen.init_size, seen.kho_abi, seen.signed) == (INIT_SIZE, "kho-v4", False)
    assert (seen.metadata, seen.metadata_version) == (True, None)
    assert (seen.learnt["init_size"], seen.learnt["release"]) == ("header", "payload")


def test_arm64_that_is_compressed(tmp_path):
    seen = read(tmp_path, COMPRESSORS["gzip"](ARM64), CONFIG)
    assert (seen.format, seen.architecture, seen.init_size) == ("arm64_gzip", "aarch64", INIT_SIZE)
    assert (seen.learnt["init_size"], seen.luo_abi, seen.signed) == ("payload", "luo-v5", False)
    with pytest.raises(ImageError, match="gzip data without an arm64 kernel"):
        read(tmp_path, COMPRESSORS["gzip"](kernel()))
    with pytest.raises(ImageError, match="gzip data without an arm64 kernel"):
        read(tmp_path, COMPRESSORS["gzip"](ARM64)[:12])


def test_zboot(tmp_path):
    seen = read(tmp_path, zboot(ARM64, "xz"), CONFIG)
    assert (seen.format, seen.architecture, seen.init_size) == ("zboot", "aarch64", INIT_SIZE)
    assert (seen.release, seen.metadata, seen.obstacles) == ("7.3.4-kho", True, ())


@pytest.mark.parametrize("linux", [x86_image(kernel()), zboot(arm64_header() + kernel())])
def test_unified_kernel_image(tmp_path, linux):
    image = uki(linux, cmdline=b"kho=on", initrd=b"initrd", uname=b"7.3.4-kho")
    seen = read(tmp_path, image)
    assert (seen.format, seen.release, seen.kho_abi, seen.obstacles) == ("uki", "7.3.4-kho", "kho-v4", ())
    assert image[seen.uki.linux[0] :][: seen.uki.linux[1]] == linux
    assert seen.as_dict()["uki"] == {"command_line": "kho=on", "has_initrd": True}


def test_the_uname_of_a_unified_kernel_image_is_asked_last(tmp_path):
    image = uki(arm64_header() + b"no text", uname=b"7.3.4-kho", cmdline=b"\xff")
    seen = read(tmp_path, image)
    assert (seen.release, seen.learnt["release"]) == ("7.3.4-kho", "uki:.uname")
    assert codes(seen) == ["image_payload_unreadable", "uki_command_line_unreadable", "image_config_unknown"]


def test_what_does_not_name_its_version_proves_nothing_by_what_it_lacks(tmp_path):
    seen = read(tmp_path, x86_image(kernel(release="%s")))
    assert (seen.kho_built, seen.kho_abi, seen.metadata, seen.luo_abi) == (True, None, True, None)
    assert "does not name its Linux version" in seen.obstacles[0].message
    seen = read(tmp_path, x86_image(b"no text at all"))
    assert (seen.kho_built, seen.luo_built, seen.metadata) == (None, None, None)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (b"", "0 bytes"),
        (b"\x7fELF" + bytes(2000), "7f454c46"),
        (portable({".text": b"x"}), "or a unified kernel image"),
        (uki(b"no kernel"), "section .linux holds no kernel"),
        (uki(uki(x86_image(kernel()))), "section .linux holds no kernel"),
        (uki(x86_with(bytes(64), 0x100, 1 << 20)), "places the compressed kernel"),
    ],
)
def test_what_is_no_image(tmp_path, image, says):
    with pytest.raises(ImageError, match=says) as caught:
        read(tmp_path, image)
    assert caught.value.code == "image_unreadable"


def test_signatures(tmp_path):
    signed = portable({".text": b"x", ".linux": x86_image(kernel())}, certificate=CERTIFICATE)
    assert read(tmp_path, signed).signed is True
    assert read(tmp_path, x86_image(kernel()) + b"~Module signature appended~\n").signed is True
    assert read(tmp_path, uki(x86_image(kernel()))).signed is False
    damaged = bytearray(x86_image(kernel()))
    damaged[:2] = b"MZ"
    struct.pack_into("<I", damaged, 0x3C, len(damaged) - 2)
    assert read(tmp_path, bytes(damaged)).signed is None


def test_the_time_is_bounded(tmp_path):
    seconds = iter(range(0, 1000, 70))
    host = FakeRoot(tmp_path).add(PATH, x86_image(kernel()))
    seen = read_image(host, PATH, None, clock=lambda: float(next(seconds)))
    assert codes(seen) == ["image_payload_unreadable", "image_config_unknown"]
    assert "not decompressed after 60 s" in seen.obstacles[0].message
    assert seen.kho_built is None


SEEDS = [x86_image(kernel()), zboot(ARM64), uki(x86_image(kernel()), cmdline=b"kho=on", uname=b"7.3.4-kho")]


@given(
    st.sampled_from(SEEDS),
    st.integers(0, 1 << 16),
    st.lists(st.tuples(st.integers(0, 1 << 14), st.integers(0, 255)), max_size=10),
)
def test_any_damage_gives_facts_or_the_one_error(image, length, changes):
    damaged = bytearray(image[:length])
    for place, byte in changes:
        damaged[place : place + 1] = bytes([byte]) if place < len(damaged) else b""
    seen, host, message = None, FakeRoot(None), ""
    try:
        opened = open_image(bytes(damaged))
        if opened.header.payload.compression not in ("lz4", "zstd"):
            seen = describe(host, opened, scan_payload(host, opened), None)
    except ImageError as error:
        message = error.message
    if seen:
        assert_consistent(seen)
        message = "".join(note.message for note in seen.obstacles)
    assert message == "" or message.isprintable()
    assert len(message) < 1500
