# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""observe_running on whole hosts, each as a real guest of that kind showed itself."""

from __future__ import annotations

import gzip

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import JOURNAL_ARGV
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._observe.running import observe_running
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot
from ansible_collections.kho.kexec.tests.unit.support.hosts import (
    BUILT,
    EXEC,
    FOUND,
    INIT,
    KHO_DATA,
    LOADER_KEXEC,
    NOT_BUILT,
    RNG_SEED,
    START,
    arm64_host,
    handed_over,
    without_debugfs,
)
from ansible_collections.kho.kexec.tests.unit.support.kernels import (
    BOOT_ID,
    KHO,
    journal_entry,
    kho_files,
    kmsg,
    metadata,
    x86_host,
)


@pytest.fixture
def host(tmp_path):
    root = FakeRoot(tmp_path)
    yield root
    root.assert_nothing_left()


def codes(running):
    return [note.code for note in running.notes]


def test_handover(host):
    handed_over(host, kmsg(START, FOUND, EXEC, INIT))
    assert observe_running(host).as_facts() == {
        "release": "7.3.4",
        "boot_id": BOOT_ID,
        "boot": "handover",
        "previous_release": "7.2.13",
        "kexec_count": 2,
        "source": "debugfs",
        "next": {"previous_release": "7.3.4", "kexec_count": 3},
        "built": True,
        "enabled": True,
        "abi": "kho-v4",
        "luo_abi": "luo-v5",
        "subtrees": ["LUO", "kexec-metadata"],
        "scratch_bytes": 268435456,
        "largest_scratch_bytes": 201326592,
        "cma_total_bytes": 0,
        "cma_free_bytes": 186368 << 10,
        "image_loaded": False,
        "crash_image_loaded": False,
        "notes": [],
    }


# None of them expects a program to be run, so one that is run fails the test.
ONE_LOOK = {
    "handover": lambda host: handed_over(host, kmsg(START, FOUND, EXEC, INIT)),
    "wrapped": lambda host: handed_over(host, kmsg("late", first=5000)),
    "cold": lambda host: kho_files(x86_host(host), {}, {"kexec-metadata": metadata(b"7.3.4", 1)}),
    "not built": lambda host: x86_host(host).add("/boot/config-7.3.4", NOT_BUILT),
    "log only": without_debugfs,
}


@pytest.mark.parametrize("prepare", ONE_LOOK.values(), ids=ONE_LOOK)
def test_each_file_is_read_once_and_nothing_is_run(host, prepare):
    prepare(host)
    observe_running(host)
    assert "/dev/kmsg" in host.reads
    assert sorted(host.reads) == sorted(set(host.reads))


def test_cold_boot_with_kho(host):
    kho_files(x86_host(host), {}, {"kexec-metadata": metadata(b"7.3.4", 1)})
    running = observe_running(host)
    assert (running.boot, running.previous_release, running.kexec_count) == ("cold", None, 0)
    assert (running.source, running.abi, running.subtrees) == ("debugfs", "kho-v4", ())
    assert running.next == Record("7.3.4", 1)
    assert (running.built, running.enabled, codes(running)) == (True, True, [])


def test_kexec_load_leaves_no_handover(host):
    kho_files(x86_host(host, loader=LOADER_KEXEC, setup_data=[RNG_SEED]), {}, {"kexec-metadata": metadata(b"7.3.4", 1)})
    running = observe_running(host)
    assert (running.boot, running.previous_release, running.kexec_count) == ("kexec", None, 0)
    assert codes(running) == []


def test_target_that_refuses_another_abi(host):
    log = kmsg(
        START,
        "KHO: setup: handover FDT (0x19c000) is incompatible with 'kho-v9': 1",
        "KHO: disabling KHO revival",
        INIT,
    )
    x86_host(host, loader=LOADER_KEXEC, setup_data=[RNG_SEED, KHO_DATA], log=log)
    kho_files(host, {}, {"kexec-metadata": metadata(b"7.3.4", 1)}, abi=b"kho-v9")
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.abi, running.enabled) == ("kexec", 0, "kho-v9", True)
    assert codes(running) == ["handover_refused", "kho_abi_mismatch"]
    assert "'kho-v9'" in running.notes[1].message


def test_target_with_kho_off(host):
    x86_host(
        host,
        loader=LOADER_KEXEC,
        setup_data=[RNG_SEED, KHO_DATA],
        command_line="kho=on console=ttyS0 kho=off",
        log=kmsg(START, FOUND, INIT),
    ).add("/proc/config.gz", gzip.compress(BUILT.encode()))
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.built, running.enabled) == ("kexec", 0, True, False)
    assert (running.source, codes(running)) == ("kernel_log", ["handover_refused", "running_kho_off"])


def test_target_without_kho(host):
    log = kmsg(START, "Passed KHO data, but CONFIG_KEXEC_HANDOVER not set. Ignoring.", INIT)
    x86_host(host, loader=LOADER_KEXEC, setup_data=[RNG_SEED, KHO_DATA], log=log)
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.built, running.enabled) == ("kexec", 0, False, False)
    assert codes(running) == ["handover_refused", "running_without_kho"]


@pytest.mark.parametrize("path", ["/boot/config-7.3.4", "/usr/lib/modules/7.3.4/config"])
def test_cold_boot_without_kho(host, path):
    x86_host(host).add(path, NOT_BUILT)
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.source) == ("cold", 0, "none")
    assert (running.built, running.enabled, codes(running)) == (False, False, ["running_without_kho"])


def test_metadata_of_another_version(host):
    log = kmsg(START, FOUND, "KHO: kexec-metadata version 2 not supported (expected 1)", INIT)
    handed_over(host, log)
    host.add(KHO + "/in/sub_fdts/kexec-metadata", metadata(b"7.2.13", 2, version=2))
    host.add(KHO + "/out/sub_fdts/kexec-metadata", metadata(b"7.3.4", 1))
    running = observe_running(host)
    assert (running.boot, running.previous_release, running.kexec_count) == ("handover", None, None)
    assert (running.next, codes(running)) == (Record("7.3.4", 1), ["metadata_unsupported"])


@pytest.mark.parametrize(
    "said",
    [("KHO: kexec-metadata version 1 not supported (expected 2)",), ()],
    ids=["the log says so", "log is silent"],
)
def test_a_record_that_the_kernel_did_not_take_is_none_even_if_debugfs_shows_it(host, said):
    handed_over(host, kmsg(START, FOUND, *said, INIT))
    host.add(KHO + "/out/sub_fdts/kexec-metadata", metadata(b"7.3.4", 1, version=2))
    running = observe_running(host)
    assert (running.boot, running.previous_release, running.kexec_count) == ("handover", None, None)
    assert (running.next, codes(running)) == (None, ["metadata_unsupported"])


def test_previous_kernel_without_metadata(host):
    x86_host(host, loader=LOADER_KEXEC, setup_data=[KHO_DATA], log=kmsg(START, FOUND, INIT))
    kho_files(host, {"memblock": b"x"}, {"kexec-metadata": metadata(b"7.3.4", 1)})
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.subtrees) == ("handover", None, ("memblock",))
    assert codes(running) == ["metadata_missing"]


def test_kernel_of_7_0_that_has_kho_and_no_metadata(host):
    x86_host(host, release="7.0.9")
    kho_files(host, {}, {"memblock": b"x"}, abi=b"kho-v1")
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.next, running.abi) == ("cold", 0, None, "kho-v1")
    assert codes(running) == ["metadata_not_offered"]


def test_kdump_kernel(host):
    x86_host(host, loader=LOADER_KEXEC, log=kmsg(START, "KHO: disabled in the kdump kernel", INIT)).add("/proc/vmcore")
    running = observe_running(host)
    assert (running.boot, running.previous_release, running.kexec_count) == ("kdump", None, None)
    assert (running.enabled, codes(running)) == (False, ["kdump_kernel"])


def test_kho_that_failed_to_start(host):
    failure = "KHO: Failed to reserve scratch area, disabling kexec handover"
    x86_host(host, log=kmsg(START, failure, INIT))
    running = observe_running(host)
    assert (running.boot, running.built, running.enabled, running.kexec_count) == ("cold", True, False, 0)
    assert codes(running) == ["kho_failed"]
    assert failure in running.notes[0].message


def test_log_answers_when_debugfs_is_not_mounted(host):
    running = observe_running(without_debugfs(host))
    assert (running.boot, running.previous_release, running.kexec_count) == ("handover", "7.2.13", 2)
    assert (running.source, running.enabled, running.next, running.abi) == ("kernel_log", True, None, None)
    assert codes(running) == ["debugfs_not_mounted"]


def test_journal_answers_when_the_ring_wrapped(host):
    without_debugfs(host, kmsg("late", first=5000))
    host.expect_run(JOURNAL_ARGV, stdout="\n".join(journal_entry(line) for line in (START, FOUND, EXEC, INIT)))
    running = observe_running(host)
    assert (running.boot, running.previous_release, running.kexec_count) == ("handover", "7.2.13", 2)
    assert (running.source, codes(running)) == ("journal", ["debugfs_not_mounted"])


def test_debugfs_answers_alone_when_the_ring_wrapped(host):
    handed_over(host, kmsg("late", first=5000))
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.source) == ("handover", 2, "debugfs")
    assert (running.enabled, codes(running)) == (True, [])


def test_cold_boot_of_a_kernel_whose_ring_wrapped(host):
    kho_files(x86_host(host, log=kmsg("late", first=5000)), {}, {"kexec-metadata": metadata(b"7.3.4", 1)})
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.enabled, codes(running)) == ("cold", 0, True, [])


def test_a_whole_log_shows_that_nothing_was_offered(host):
    x86_host(host, loader=LOADER_KEXEC, setup_data=[RNG_SEED]).add("/boot/config-7.3.4", BUILT)
    host.deny("/sys/kernel/boot_params/setup_data")
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.enabled) == ("kexec", 0, True)
    assert codes(running) == ["kho_not_in_debugfs"]


@pytest.mark.parametrize("how", ["missing", "failing", "empty"])
def test_wrapped_ring_and_no_journal(host, how):
    without_debugfs(host, kmsg("late", first=5000))
    if how == "missing":
        host.expect_missing(JOURNAL_ARGV)
    else:
        host.expect_run(JOURNAL_ARGV, rc=1 if how == "failing" else 0, stderr="No journal files were found.")
    running = observe_running(host)
    assert (running.boot, running.previous_release, running.kexec_count) == ("unknown", None, None)
    assert (running.source, running.enabled) == ("none", None)
    assert codes(running) == ["handover_unproven", "debugfs_not_mounted", "log_wrapped"]


def test_nothing_is_started_when_the_loader_rules_a_handover_out(host):
    x86_host(host, log=kmsg("late", first=5000)).add("/boot/config-7.3.4", NOT_BUILT)
    running = observe_running(host)
    assert (running.boot, running.kexec_count, codes(running)) == ("cold", 0, ["running_without_kho"])


def test_unprivileged_user(host):
    handed_over(host, kmsg(START, FOUND, EXEC, INIT))
    host.deny("/sys/kernel/debug", "/dev/kmsg", "/proc/1/environ").expect_run(JOURNAL_ARGV)
    running = observe_running(host)
    assert (running.boot, running.kexec_count, running.built, running.enabled) == ("unknown", None, None, None)
    assert running.image_loaded is False
    assert codes(running) == ["build_config_unknown", "handover_unproven", "root_missing", "log_denied"]


def test_scratch_under_the_name_that_is_announced_for_7_4(host):
    handed_over(host, kmsg(START, FOUND, EXEC, INIT))
    (host.root / KHO[1:] / "out/scratch_len").rename(host.root / KHO[1:] / "out/bootmem_len")
    assert observe_running(host).scratch_bytes == 268435456


def test_old_names_of_what_is_loaded(host):
    handed_over(host, kmsg(START, FOUND, EXEC, INIT))
    for name in ("loaded", "crash_loaded"):
        (host.root / "sys/kernel/kexec" / name).unlink()
    host.add("/sys/kernel/kexec_loaded", "1\n").add("/sys/kernel/kexec_crash_loaded", "0\n")
    running = observe_running(host)
    assert (running.image_loaded, running.crash_image_loaded, codes(running)) == (True, False, [])


def test_arm64_handover(host):
    arm64_host(host, ["linux,kho-fdt", "linux,kho-scratch", "linux,booted-from-kexec"], kmsg(START, FOUND, EXEC, INIT))
    kho_files(host, {"kexec-metadata": metadata(b"7.2.13", 2)}, {"kexec-metadata": metadata(b"7.3.4", 3)})
    running = observe_running(host)
    assert (running.boot, running.kexec_count, codes(running)) == ("handover", 2, [])


def test_arm64_kexec(host):
    arm64_host(host, ["linux,booted-from-kexec"])
    kho_files(host, {}, {"kexec-metadata": metadata(b"7.3.4", 1)})
    running = observe_running(host)
    assert (running.boot, running.kexec_count, codes(running)) == ("kexec", 0, [])


def test_arm64_cannot_tell_a_cold_boot_from_kexec_load(host):
    arm64_host(host, [])
    kho_files(host, {}, {"kexec-metadata": metadata(b"7.3.4", 1)})
    running = observe_running(host)
    assert (running.boot, running.kexec_count, codes(running)) == ("unknown", 0, ["loader_unknown"])


def test_a_host_that_shows_nothing(host):
    host.expect_missing(JOURNAL_ARGV)
    facts = observe_running(host).as_facts()
    unknown = [name for name, value in facts.items() if value is None]
    assert unknown == [
        *("release", "boot_id", "previous_release", "kexec_count", "next", "built", "enabled", "abi", "luo_abi"),
        *("scratch_bytes", "largest_scratch_bytes", "cma_total_bytes", "cma_free_bytes", "image_loaded"),
        "crash_image_loaded",
    ]
    assert (facts["boot"], facts["source"], facts["subtrees"]) == ("unknown", "none", [])
    assert [note["code"] for note in facts["notes"]] == [
        "build_config_unknown",
        "loader_unknown",
        "debugfs_not_mounted",
        "log_unreadable",
        "release_unknown",
        "boot_id_unknown",
        "kexec_state_unknown",
        "cma_unknown",
    ]


@pytest.mark.parametrize(
    ("memory", "sizes", "says"),
    [
        (None, (None, None), "/proc/meminfo could not be read"),
        ("MemTotal: 2031616 kB\n", (None, None), "CONFIG_CMA"),
        ("CmaTotal: 4096 kB\n", (4096 << 10, None), "CmaFree"),
        ("CmaTotal: -1 kB\nCmaFree: 1 MB\n", (None, None), "CmaTotal"),
    ],
)
def test_memory_for_large_allocations_that_is_not_told(host, memory, sizes, says):
    handed_over(host, kmsg(START, FOUND, EXEC, INIT))
    (host.root / "proc/meminfo").unlink()
    if memory:
        host.add("/proc/meminfo", memory)
    running = observe_running(host)
    assert ((running.cma_total_bytes, running.cma_free_bytes), codes(running)) == (sizes, ["cma_unknown"])
    assert says in running.notes[0].message


def test_facts_name_every_field_once(host):
    facts = observe_running(x86_host(host)).as_facts()
    assert list(facts) == [
        "release",
        "boot_id",
        "boot",
        "previous_release",
        "kexec_count",
        "source",
        "next",
        "built",
        "enabled",
        "abi",
        "luo_abi",
        "subtrees",
        "scratch_bytes",
        "largest_scratch_bytes",
        "cma_total_bytes",
        "cma_free_bytes",
        "image_loaded",
        "crash_image_loaded",
        "notes",
    ]
