# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.port import HostError
from ansible_collections.kho.kexec.plugins.module_utils._image import cache
from ansible_collections.kho.kexec.plugins.module_utils._image.cache import (
    CACHE_PATH,
    MOST_ENTRIES,
    VERSION,
    read_image_cached,
)
from ansible_collections.kho.kexec.plugins.module_utils._image.read import ImageError
from ansible_collections.kho.kexec.plugins.module_utils._kernel.build_config import OPTIONS
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.images import CONFIG, arm64_header, kernel, read_image, x86_image

PATH, CONFIG_PATH = "/boot/vmlinuz-7.3.4-kho", "/boot/config-7.3.4-kho"
LZ4 = ("lz4", "-d", "-c", "-q", "-")
KERNEL = kernel()
IMAGE = x86_image(KERNEL, "lz4")


@pytest.fixture
def host(tmp_path):
    """A host with an image that only a program can decompress, so each reading of it is seen."""
    return unpacking(FakeRoot(tmp_path).add(PATH, IMAGE))


def unpacking(host, payload=KERNEL):
    """Expect the payload to be looked through: once for what is in it, and once for the code that uses that."""
    return host.expect_pipe(LZ4, payload).expect_pipe(LZ4, payload)


def read(host, path=PATH, config=None):
    seen = read_image_cached(host, path, config)
    host.assert_nothing_left()
    return seen


def entries(host):
    return json.loads(host.read_bytes(CACHE_PATH))["images"]


def test_the_second_reading_decompresses_nothing_and_says_the_same(host):
    first = read(host)
    assert len(host.piped) == 2
    assert read(host) == first
    assert len(host.piped) == 2
    assert first == read_image(unpacking(host), PATH, None)


def test_only_root_may_read_it(host):
    read(host)
    assert host.owner_and_mode(CACHE_PATH).mode == 0o600
    assert host.owner_and_mode(os.path.dirname(CACHE_PATH)).mode == 0o700


def test_the_head_of_an_arm64_kernel_is_kept(host):
    host.add("/boot/arm64", arm64_header() + kernel())
    read(host)
    assert read(host, "/boot/arm64") == read(host, "/boot/arm64")
    assert [entry["path"] for entry in entries(host)] == [PATH, "/boot/arm64"]


@pytest.mark.parametrize("change", ["content", "time", "inode"])
def test_another_file_is_read_anew(host, tmp_path, change):
    read(host)
    real = tmp_path / PATH.lstrip("/")
    status = real.stat()
    if change == "content":
        real.write_bytes(IMAGE + b"\0")
        os.utime(str(real), ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "time":
        os.utime(str(real), ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    else:
        real.rename(str(real) + ".old")
        host.add(PATH, IMAGE)
        os.utime(str(real), ns=(status.st_atime_ns, status.st_mtime_ns))
    unpacking(host, kernel(abi="kho-v5"))
    assert read(host).kho_abi == "kho-v5"
    assert len(entries(host)) == 1


def test_the_configuration_is_read_each_time(tmp_path):
    plain = kernel(config=None)
    host = unpacking(FakeRoot(tmp_path).add(PATH, x86_image(plain, "lz4")), plain)
    assert read(host).kho_default is None
    host.add(CONFIG_PATH, CONFIG + b"CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n")
    assert read(host, config=CONFIG_PATH).kho_default is True


def test_what_was_not_seen_whole_is_not_kept(tmp_path):
    host = FakeRoot(tmp_path).add(PATH, IMAGE).expect_missing(LZ4)
    assert read(host).kho_built is None
    assert not host.exists(CACHE_PATH)
    assert read(unpacking(host)).kho_built is True


def test_what_was_not_seen_twice_is_not_kept(tmp_path):
    host = FakeRoot(tmp_path).add(PATH, IMAGE).expect_pipe(LZ4, kernel()).expect_pipe(LZ4, b"", error="exit code 1")
    assert (read(host).kho_built, read(unpacking(host)).metadata_version) == (True, 1)


def test_a_file_that_is_replaced_while_it_is_read_is_not_kept(tmp_path):
    class Replacing(FakeRoot):
        def pipe(self, argv, data, timeout=60.0):
            self.add(PATH, IMAGE + b"\0")
            return super().pipe(argv, data, timeout)

    host = unpacking(Replacing(tmp_path).add(PATH, IMAGE))
    assert read(host).kho_abi == "kho-v4"
    assert not host.exists(CACHE_PATH)


def test_the_oldest_entries_make_room(tmp_path):
    host = FakeRoot(tmp_path)
    paths = [f"/boot/vmlinuz-{number}" for number in range(MOST_ENTRIES + 3)]
    for path in paths:
        read(host.add(path, x86_image(kernel(filling=10))), path)
    assert [entry["path"] for entry in entries(host)] == paths[3:]


def test_what_cannot_be_read(tmp_path, monkeypatch):
    host = FakeRoot(tmp_path).add("/boot/other", b"no image").add(PATH, IMAGE)
    with pytest.raises(ImageError):
        read_image_cached(host, "/boot/other", None)
    with pytest.raises(HostError, match="does not exist"):
        read_image_cached(host, "/boot/absent", None)
    monkeypatch.setattr(cache, "IMAGE_LIMIT", 1000)
    with pytest.raises(HostError, match="larger than can be right"):
        read_image_cached(host, PATH, None)


def test_a_cache_that_cannot_be_written(host):
    host.deny("/var/cache")
    assert read(host).kho_abi == "kho-v4"


def poisoned(host, **changes):
    """Write a cache in which the image has ``changes`` in its facts, as somebody else could."""
    entry = entries(host)[0]
    entry["facts"].update(changes)
    host.add(CACHE_PATH, json.dumps({"version": VERSION, "images": [entry]}), 0o600)
    return unpacking(host)


def test_a_cache_that_others_may_write_is_not_believed(host):
    read(host)
    poisoned(host, abis=["kho-v9"]).own(CACHE_PATH, 1000, 1000)
    assert read(host).kho_abi == "kho-v4"


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_cache_with_loose_permissions_is_not_believed(host, tmp_path, mode):
    read(host)
    poisoned(host, abis=["kho-v9"])
    (tmp_path / CACHE_PATH.lstrip("/")).chmod(mode)
    assert read(host).kho_abi == "kho-v4"


def test_this_is_how_a_cache_is_believed(host):
    read(host)
    host.add(CACHE_PATH, json.dumps({"version": VERSION, "images": [dict(entries(host)[0])]}), 0o600)
    poisoned(host, abis=["kho-v9"])
    assert read_image_cached(host, PATH, None).kho_abi == "kho-v9"


@pytest.mark.parametrize(
    "changes",
    [
        {"complete": False},
        {"complete": 1},
        {"abis": ["kho-v4", 4]},
        {"abis": ["{{ x }}"]},
        {"abis": "kho-v4"},
        {"abis": ["kho-v4"] * 5},
        {"abis": ["luo-v4"]},
        {"luo_abis": ["kho-v4"]},
        {"luo_abis": ["luo-v5 block"]},
        {"unclear": ["memfd"]},
        {"features": [1]},
        {"handlers": ["memfd-v1\n"]},
        {"handlers": ["m" * 48]},
        {"releases": ["; id"]},
        {"metadata": "yes"},
        {"refuses": 0},
        {"head": "zz"},
        {"head": "00" * 65},
        {"head": None},
        {"options": {"CONFIG_X": "y"}},
        {"options": dict.fromkeys(OPTIONS, 1)},
        {"options": dict.fromkeys(OPTIONS, "\n")},
        {"options": []},
        {"metadata_version": 0},
        {"metadata_version": 256},
        {"metadata_version": True},
        {"metadata_version": "1"},
        {"more": 1},
    ],
)
def test_an_entry_with_something_that_a_scan_cannot_find_is_not_believed(host, changes):
    first = read(host)
    assert read(poisoned(host, **changes)) == first


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100000,
        b'{"version": 2}',
        b'{"version": 2, "images": {}}',
        b'{"version": 2, "images": [null, [], {}, {"path": 1}]}',
        b'{"version": 1, "images": []}',
        b" " * (1 << 21),
    ],
    ids=lambda content: f"{content[:20]!r} and so on",
)
def test_a_damaged_cache_is_written_anew(host, content):
    host.add(CACHE_PATH, content, 0o600)
    assert read(host).kho_abi == "kho-v4"
    assert len(entries(host)) == 1


@pytest.mark.parametrize("key", ["path", "size", "mtime_ns", "inode", "facts"])
def test_an_entry_without_a_part(host, key):
    read(host)
    entry = entries(host)[0]
    del entry[key]
    unpacking(host.add(CACHE_PATH, json.dumps({"version": VERSION, "images": [entry]}), 0o600))
    assert read(host).kho_abi == "kho-v4"
