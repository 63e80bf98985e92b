# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.access import STATUS
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._kernel.scratch import MIB
from ansible_collections.kho.kexec.plugins.module_utils._prepare.arguments import Wishes
from ansible_collections.kho.kexec.plugins.module_utils._prepare.observe import (
    STOP_ON_REBOOT,
    WATCHDOGS,
    observe_readiness,
    parse_node_count,
)
from ansible_collections.kho.kexec.plugins.module_utils._prepare.readiness import assess
from ansible_collections.kho.kexec.tests.unit.support.boot_loader_host import IMAGE, GrubbyHost, GrubHost
from ansible_collections.kho.kexec.tests.unit.support.images import INIT_SIZE, kernel, x86_image
from ansible_collections.kho.kexec.tests.unit.support.kernels import x86_host

MACHINE = "0123456789abcdef0123456789abcdef"
JOURNAL = f"/journal/{MACHINE}/system.journal"


def tools_answer(host):
    """Let `kexec --version` succeed beside what the host's boot loader does."""
    effect = host.effect
    host.effect = lambda argv: None if argv == ["kexec", "--version"] else effect(argv)
    return host


@pytest.fixture
def host(tmp_path):
    made = tools_answer(GrubHost(tmp_path))
    x86_host(made).add(IMAGE, x86_image(kernel("7.3.4")))
    made.add("/boot/initrd.img-7.3.4", b"i" * 5000)
    made.add("/proc/meminfo", "MemTotal:        2097152 kB\n").add("/etc/machine-id", MACHINE + "\n")
    return made


def test_kernels_and_memory(host):
    seen = observe_readiness(host)
    assert (seen.kernels.init_size, seen.kernels.initrd_bytes, seen.kernels.programs) == (INIT_SIZE, 5000, ())
    assert (seen.need.kernel, seen.need.initrd, seen.need.structures) == (INIT_SIZE, 8192, 32 * MIB)
    assert seen.boot.text.endswith("root=/dev/vda2 ro quiet")


def test_the_largest_of_all_kernels_counts_and_what_is_none_does_not(host):
    host.add("/boot/vmlinuz-7.3.5", "no image").add("/boot/initrd.img-7.3.5", b"i" * 9000)
    assert observe_readiness(host).kernels.initrd_bytes == 5000
    host.add("/boot/vmlinuz-7.3.5", x86_image(kernel("7.3.5")))
    assert observe_readiness(host).kernels.initrd_bytes == 9000


def test_a_program_that_is_not_there(host):
    host.add(IMAGE, x86_image(kernel("7.3.4"), "lz4"))
    assert observe_readiness(host).kernels.programs == ("lz4",)
    host.add("/usr/bin/lz4")
    assert observe_readiness(host).kernels.programs == ()


def test_no_kernel_that_can_be_read(host):
    host.add(IMAGE, "no image")
    seen = observe_readiness(host)
    assert (seen.kernels.init_size, seen.kernels.initrd_bytes, seen.need) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "count"), [("0\n", 1), ("0-1\n", 2), ("0,2-3,7\n", 4), ("", 1), ("x\n", 1), ("3-1", 1)]
)
def test_nodes(text, count):
    assert parse_node_count(text) == count


def test_watchdogs(host):
    assert observe_readiness(host).watchdog is None
    host.add(f"{WATCHDOGS}/watchdog0/identity", "Software Watchdog\n")
    assert observe_readiness(host).watchdog is None
    host.add(f"{WATCHDOGS}/watchdog1/identity", "iTCO_wdt\n").add(STOP_ON_REBOOT, "-1\n")
    seen = observe_readiness(host)
    assert (seen.watchdog, seen.stop_on_reboot) == ("iTCO_wdt", -1)
    host.add_directory(f"{WATCHDOGS}/watchdog0").add(STOP_ON_REBOOT, "?\n")
    assert observe_readiness(host).stop_on_reboot is None


def test_the_journal_is_kept_when_it_is_written_below_var_alone(host):
    assert not observe_readiness(host).journal
    host.add("/run/log" + JOURNAL)
    assert not observe_readiness(host).journal
    host.add("/var/log" + JOURNAL)
    assert not observe_readiness(host).journal
    host.remove("/run/log" + JOURNAL)
    assert observe_readiness(host).journal


def test_debugfs(host):
    assert observe_readiness(host).debugfs
    (host.root / "sys/kernel/debug/tracing").rmdir()
    assert not observe_readiness(host).debugfs


def test_a_default_that_is_not_saved_and_the_entry_that_it_is(host):
    host.add("/etc/default/grub", "GRUB_DEFAULT=0\n")
    saved = observe_readiness(host).saved_default
    assert "GRUB_DEFAULT" in saved.problem
    assert saved.entry == "gnulinux-advanced-a1>gnulinux-7.3.4-advanced-a1"


def test_a_default_that_is_saved(host):
    host.default = "saved"
    host.effect(["update-grub"])
    host.add("/etc/default/grub", "GRUB_DEFAULT=0\n").add("/etc/default/grub.d/x.cfg", "GRUB_DEFAULT=saved\n")
    assert observe_readiness(host).saved_default.problem is None


def test_a_default_that_nobody_can_tell(host):
    host.default = "Windows"
    host.effect(["update-grub"])
    host.add("/etc/default/grub", "GRUB_DEFAULT=Windows\n")
    saved = observe_readiness(host).saved_default
    assert saved.problem is not None
    assert saved.entry is None


def test_the_default_is_no_business_of_others(tmp_path):
    host = x86_host(tools_answer(GrubbyHost(tmp_path)))
    assert observe_readiness(host).saved_default is None


def test_a_whole_host(host):
    found = assess(host, Wishes()).as_result()
    assert [one["code"] for one in found["missing"]] == [
        "kernel_arguments_missing",
        "cold_boot_needed",
        "journal_not_kept",
        "saved_default_off",
    ]
    assert found["loader"] == "grub"


def test_only_root(host):
    host.add(STATUS, "Uid:\t1000\t1000\t1000\t1000\n")
    with pytest.raises(Refusal) as caught:
        assess(host, Wishes())
    assert caught.value.code == "not_root"


def test_what_pins_memory_and_what_is_lent_out(host):
    host.add("/proc/meminfo", "MemTotal: 2097152 kB\nCmaTotal: 0 kB\nCmaFree: 1024 kB\n")
    host.add("/proc/modules", "vfio_pci 16384 0 - Live 0x0\next4 1 1 - Live 0x0\nmlx5_ib 1 0 mlx5_core, Live 0x0\n")
    seen = observe_readiness(host)
    assert (seen.running.cma_total_bytes, seen.running.cma_free_bytes) == (0, 1 << 20)
    assert seen.pinning == ("mlx5_ib", "vfio_pci")


@pytest.mark.parametrize(("release", "bootmem"), [("7.3.4", False), ("7.4.0-rc1-kho", True), ("7.4.0", True)])
def test_an_installed_kernel_that_calls_scratch_memory_otherwise(host, release, bootmem):
    host.add(f"/boot/vmlinuz-{release}", x86_image(kernel(release)))
    assert observe_readiness(host).kernels.bootmem is bootmem


def test_the_service_that_names_boots_is_looked_at_where_it_is_wanted(host):
    assert observe_readiness(host).naming_lacks is None
    assert "kho-kexec-name.service" in observe_readiness(host, name_transition=True).naming_lacks
