# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which arguments a host needs, and what stays as the operator set it."""

from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._kernel.scratch import MIB
from ansible_collections.kho.kexec.plugins.module_utils._prepare.observe import Kernels
from ansible_collections.kho.kexec.tests.unit.support.readiness import (
    SCRATCH,
    SMALL,
    arguments,
    missing,
    readiness,
    result,
)


def test_what_the_operator_set_is_kept():
    line = "kho=1 kho_scratch=64M,256M,64M panic=60"
    assert arguments(readiness(line, line)) == ["kho=1", "kho_scratch=64M,256M,64M", "panic=60"]
    assert missing(readiness(line, line)) == []


def test_what_only_the_running_kernel_was_given_is_kept_for_the_next():
    seen = readiness("", "kho=on kho_scratch=64M,256M,64M panic=60")
    assert arguments(seen) == ["kho=on", "kho_scratch=64M,256M,64M", "panic=60"]
    assert missing(seen) == [("kernel_arguments_missing", "kernel_arguments")]


def test_it_is_replaced_when_that_is_wanted():
    line = "kho=on kho_scratch=64M,256M,64M panic=60 watchdog.stop_on_reboot=1"
    seen = readiness(line, line, watchdog="iTCO_wdt", stop_on_reboot=1)
    wanted = arguments(seen, replace=True)
    assert wanted == ["kho=on", SCRATCH, "panic=10", "watchdog.stop_on_reboot=0"]
    assert arguments(seen)[3] == "watchdog.stop_on_reboot=1"


def test_off_is_replaced_always():
    seen = readiness("kho=off", "kho=off", {"enabled": False})
    assert arguments(seen)[0] == "kho=on"


def test_a_value_of_the_operator_that_is_too_small():
    line = "kho=on kho_scratch=4M,16M,4M panic=10"
    seen = readiness(line, line, SMALL)
    assert missing(seen) == [("kho_scratch_too_small", "operator")]
    (found,) = result(seen)["missing"]
    assert "16M,116M,56M would do" in found["message"]
    assert missing(seen, replace=True) == [
        ("kernel_arguments_missing", "kernel_arguments"),
        ("cold_boot_needed", "cold_boot"),
    ]


def test_a_value_that_is_given():
    seen = readiness()
    assert arguments(seen, scratch="64M,256M,64M")[1] == "kho_scratch=64M,256M,64M"
    assert missing(seen, scratch="64M,256M,64M") == [("kernel_arguments_missing", "kernel_arguments")]
    assert ("kho_scratch_too_small", "operator") in missing(seen, scratch="0,0,0")


def test_the_kernels_own_way():
    seen = readiness("kho=on panic=10", "kho=on panic=10")
    assert arguments(seen, scratch="kernel") == ["kho=on", "panic=10"]
    assert missing(seen, scratch="kernel") == []


def test_a_percentage_is_kept_and_not_judged():
    line = "kho=on kho_scratch=200% panic=10"
    assert missing(readiness(line, line)) == []


def test_no_panic():
    assert arguments(readiness("kho=on", "kho=on"), panic=0) == ["kho=on", SCRATCH]


@pytest.mark.parametrize("kernels", [Kernels(None, 0, ()), Kernels(63 * MIB, None, ())])
def test_a_size_that_is_not_known(kernels):
    seen = readiness("kho=on panic=10", "kho=on panic=10", kernels=kernels)
    assert arguments(seen) == ["kho=on", "panic=10"]
    (note,) = result(seen)["notes"]
    assert note["code"] == "kho_scratch_unknown"
    assert "no image" in note["message"]


def test_more_than_half_of_the_memory_is_not_taken():
    seen = readiness("kho=on panic=10", "kho=on panic=10", kernels=Kernels(1024 * MIB, 0, ()))
    assert arguments(seen) == ["kho=on", "panic=10"]
    (note,) = result(seen)["notes"]
    assert "more than half" in note["message"]


def test_a_crash_kernel_counts():
    line = "kho=on crashkernel=160M"
    assert arguments(readiness(line, line))[1] == "kho_scratch=452M,116M,56M"
    seen = readiness(
        line, line, site=readiness().site._replace(crash_bytes=128 * MIB, command_line="crashkernel=1G-:1M")
    )
    assert arguments(seen._replace(boot=seen.boot._replace(text="crashkernel=1G-:1M")))[1] == (
        "kho_scratch=388M,116M,56M"
    )


# --- Linux 7.4 calls scratch memory bootmem


BOTH = Kernels(63 * MIB, 20 * MIB, (), bootmem=True)
NEW_NAME = SCRATCH.replace("kho_scratch", "kho_bootmem")


def test_both_names_are_wanted_where_kernels_of_both_kinds_may_start():
    seen = readiness(kernels=BOTH)
    assert arguments(seen)[:3] == ["kho=on", SCRATCH, NEW_NAME]
    assert missing(seen) == [("kernel_arguments_missing", "kernel_arguments")]
    line = f"kho=on {SCRATCH} {NEW_NAME} panic=10"
    assert missing(readiness(line, f"kho=on {SCRATCH} panic=10", kernels=BOTH)) == []


@pytest.mark.parametrize("own", ["kho_scratch=64M,256M,64M", "kho_bootmem=64M,256M,64M"])
@pytest.mark.parametrize("release", ["7.3.4-kho", "7.4.0-rc1-kho", "7.4.0"])
def test_either_name_is_read(own, release):
    line = f"kho=on {own} panic=10"
    seen = readiness(line, line, {"release": release}, kernels=BOTH)
    assert {one for one in arguments(seen) if "64M" in one} == {"kho_scratch=64M,256M,64M", "kho_bootmem=64M,256M,64M"}


@pytest.mark.parametrize(("release", "first"), [("7.3.4-kho", "kho_scratch"), ("7.4.0-rc1-kho", "kho_bootmem")])
def test_the_running_kernel_goes_by_the_name_that_it_knows(release, first):
    line = "kho=on kho_scratch=64M,256M,64M kho_bootmem=80M,256M,80M panic=10"
    seen = readiness(line, line, {"release": release, **SMALL}, kernels=BOTH)
    sizes = {"kho_scratch": "64M,256M,64M", "kho_bootmem": "80M,256M,80M"}
    assert arguments(seen)[1] == f"{first}={sizes[first]}"
    assert [one["awaits_boot"] for one in result(seen)["arguments"]] == [False] * 4


# --- scratch memory that the kernel chose


def test_scratch_memory_that_takes_much_more_than_is_needed():
    seen = readiness(
        "kho=on panic=10",
        "kho=on panic=10",
        {"scratch_bytes": 9523 * MIB, "largest_scratch_bytes": 9000 * MIB, "cma_free_bytes": 9000 * MIB},
        pinning=("mlx5_ib", "vfio_pci"),
    )
    (note,) = result(seen)["notes"]
    assert note["code"] == "scratch_large"
    says = ["9523 MiB", "CmaTotal 0 MiB, CmaFree 9000 MiB", "188 MiB are enough", "mlx5_ib, vfio_pci", SCRATCH]
    assert [text for text in says if text not in note["message"]] == []
    assert result(seen)["memory"] == {
        "scratch_bytes": 9523 * MIB,
        "cma_total_bytes": 0,
        "cma_free_bytes": 9000 * MIB,
        "pinning_drivers": ["mlx5_ib", "vfio_pci"],
    }


def test_scratch_memory_of_a_size_that_is_not_known():
    unknown = {"scratch_bytes": 1 << 33, "cma_total_bytes": None, "cma_free_bytes": None}
    note = result(readiness(kernel=unknown))["notes"][0]
    assert "CmaTotal unknown, CmaFree unknown" in note["message"]
    assert result(readiness(kernel={"scratch_bytes": None}))["notes"] == []
