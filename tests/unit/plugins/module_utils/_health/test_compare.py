# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._health.compare import (
    MEMORY_LEAST,
    SAID_AT_BOOT,
    TAINT_TROUBLES,
    OwnComplaints,
    compare_health,
)
from ansible_collections.kho.kexec.plugins.module_utils._health.hardware import Device, Disk, Link
from ansible_collections.kho.kexec.plugins.module_utils._health.log import PATTERNS, Complaint
from ansible_collections.kho.kexec.plugins.module_utils._health.observe import TAINT_NAMES
from ansible_collections.kho.kexec.plugins.module_utils._health.troubles import TROUBLES, ColdBoots, trouble
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.tests.unit.support.health import GIB, WARNING, health

FIRMWARE_BUG = Complaint("firmware_bug", "[Firmware Bug]: x", "[Firmware Bug]: x")
DEVICE = Device("0000:00:03.0", "1af4:1041", "virtio-pci")
LINK = Link("0000:00:03.0/virtio", "eth0", True)
DISK = Disk("root-disk", "vda", 2)


def codes(found):
    return [item.note.code for item in found.troubles]


def news(found):
    return {item.note.code: item.new for item in found.troubles}


def notes(found):
    return [note.code for note in found.notes]


def test_nothing_changed():
    found = compare_health(health(complaints=(WARNING,), taint=512), health(complaints=(WARNING,), taint=512))
    assert (found.healthy, news(found), notes(found)) == (True, {"kernel_warning": False}, [])


def test_a_new_complaint():
    found = compare_health(health(), health(complaints=(WARNING,), taint=512))
    assert (found.healthy, news(found), found.new_codes) == (False, {"kernel_warning": True}, ["kernel_warning"])
    (shown,) = found.as_dict()["troubles"]
    assert (shown["kind"], shown["evidence"]) == ("kernel", WARNING.line)
    assert WARNING.line in shown["message"]


def test_another_complaint_of_the_same_kind_is_new():
    other = replace(WARNING, signature="kfree")
    assert compare_health(health(complaints=(WARNING,)), health(complaints=(WARNING, other))).healthy is False


def test_without_a_baseline_all_of_this_boot_counts():
    found = compare_health(None, health(complaints=(FIRMWARE_BUG,), taint=512, failed_units=("a.service",), devices=()))
    assert news(found) == {"firmware_bug": True, "kernel_warning": True, "unit_failed": True}
    assert notes(found) == ["baseline_absent"]


@pytest.mark.parametrize("state", ["incomplete", "unreadable"])
@pytest.mark.parametrize(("complaint", "new"), [(FIRMWARE_BUG, None), (WARNING, True)])
def test_what_kernels_say_at_boot_is_in_doubt_when_the_old_log_is_incomplete(state, complaint, new):
    found = compare_health(health(log=state), health(complaints=(complaint,)))
    assert (list(news(found).values()), found.healthy) == ([new], new is None)
    assert notes(found) == (["log_not_compared"] if new is None else [])


def test_no_log_is_no_proof_of_health():
    found = compare_health(health(), health(log="unreadable"))
    assert (found.healthy, found.troubles) == (None, ())
    assert compare_health(health(), health(log="unreadable", cpus=1)).healthy is False


@pytest.mark.parametrize(
    ("bit", "code"),
    [(2, "out_of_specification"), (4, "machine_check"), (5, "bad_page"), (7, "kernel_oops"), (9, "kernel_warning")]
    + [(11, "firmware_bug"), (14, "soft_lockup")],
)
def test_a_taint_that_the_log_does_not_explain(bit, code):
    assert news(compare_health(health(), health(taint=1 << bit))) == {code: True}
    assert news(compare_health(health(taint=1 << bit), health(taint=1 << bit))) == {code: False}
    unknown = compare_health(health(taint=None), health(taint=1 << bit))
    assert (news(unknown), notes(unknown)) == ({code: None}, ["not_compared"])


@pytest.mark.parametrize("what", ["slab_corruption", "memory_access_invalid"])
def test_a_taint_that_the_log_explains(what):
    assert codes(compare_health(health(), health(taint=32, complaints=(Complaint(what, "x", "x"),)))) == [what]


def test_a_harmless_taint_is_a_note():
    found = compare_health(health(taint=1 << 12), health(taint=1 << 12 | 1 << 13))
    assert (found.healthy, notes(found)) == (True, ["taint_added"])
    assert "unsigned_module" in found.notes[0].message
    assert "out_of_tree" not in found.notes[0].message


def test_tables_agree():
    assert set(TAINT_TROUBLES) <= set(TAINT_NAMES)
    assert {code for code, _said in TAINT_TROUBLES.values()} <= set(TROUBLES)
    assert {what for what, _pattern in PATTERNS} <= set(TROUBLES)
    assert {what for what, _pattern in PATTERNS} >= SAID_AT_BOOT
    assert {code for _key, (code, *_rest) in TROUBLES.items()} == set(TROUBLES)
    assert all(trouble(code, "x").note.code == code for code in TROUBLES)


def test_a_unit_that_any_kexec_makes_fail():
    found = compare_health(health(failed_units=()), health(failed_units=("systemd-bless-boot.service",)))
    assert (found.troubles, found.healthy) == ((), True)
    assert notes(found) == ["unit_failed_by_kexec"]
    assert "systemd/issues/43738" in found.notes[0].message


def test_failed_units():
    found = compare_health(
        health(failed_units=("a.service", "x@12.service")), health(failed_units=("x@7.service", "b.service"))
    )
    assert [(item.evidence, item.new) for item in found.troubles] == [("x@7.service", False), ("b.service", True)]
    unknown = compare_health(health(failed_units=None), health(failed_units=("b.service",)))
    assert (news(unknown), notes(unknown)) == ({"unit_failed": None}, ["not_compared"])


@pytest.mark.parametrize(
    ("after", "troubles", "noted"),
    [
        ((DEVICE,), [], []),
        ((), ["device_lost"], []),
        ((replace(DEVICE, driver=None),), ["driver_lost"], []),
        ((replace(DEVICE, driver="vfio-pci"),), [], ["driver_changed"]),
        ((replace(DEVICE, identity="0000:01:00.0"),), [], ["device_moved"]),
        ((replace(DEVICE, name="8086:1234"),), ["device_lost"], []),
        ((DEVICE, replace(DEVICE, identity="0000:01:00.0")), [], []),
    ],
)
def test_devices(after, troubles, noted):
    found = compare_health(health(devices=(DEVICE,)), health(devices=after))
    assert (codes(found), notes(found)) == (troubles, noted)


def test_one_of_two_moved_devices_is_lost():
    two = (DEVICE, replace(DEVICE, identity="0000:00:09.0"))
    found = compare_health(health(devices=two), health(devices=(replace(DEVICE, identity="0000:01:00.0"),)))
    assert (codes(found), notes(found)) == (["device_lost"], ["device_moved"])


def test_a_device_without_driver_may_get_one():
    assert compare_health(health(devices=(replace(DEVICE, driver=None),)), health(devices=(DEVICE,))).troubles == ()


@pytest.mark.parametrize(
    ("after", "troubles", "noted"),
    [
        ((LINK,), [], []),
        ((), ["link_lost"], []),
        ((replace(LINK, up=False),), ["link_down"], []),
        ((replace(LINK, name="ens3"),), [], ["renamed"]),
        ((replace(LINK, identity="0000:00:05.0"),), ["link_lost"], []),
    ],
)
def test_links(after, troubles, noted):
    found = compare_health(health(links=(LINK,)), health(links=after))
    assert (codes(found), notes(found)) == (troubles, noted)


def test_a_link_that_was_down_may_be_down():
    down = (replace(LINK, up=False),)
    assert compare_health(health(links=down), health(links=down)).troubles == ()


@pytest.mark.parametrize(
    ("before", "after", "troubles", "noted"),
    [
        ((DISK,), (DISK,), [], []),
        ((DISK,), (), ["disk_lost"], []),
        ((DISK,), (replace(DISK, partitions=1),), ["partition_lost"], []),
        ((DISK,), (replace(DISK, partitions=3),), [], []),
        ((DISK,), (replace(DISK, name="vdb"),), [], ["renamed"]),
        ((DISK, replace(DISK, name="sdb")), (replace(DISK, name="sdq"),), ["disk_path_lost"], []),
        ((DISK, replace(DISK, name="sdb")), (DISK, replace(DISK, name="sdc")), [], []),
    ],
)
def test_disks(before, after, troubles, noted):
    found = compare_health(health(disks=before), health(disks=after))
    assert (codes(found), notes(found)) == (troubles, noted)


def test_processors():
    assert codes(compare_health(health(), health(cpus=3))) == ["cpus_lost"]
    assert codes(compare_health(health(), health(cpus=5))) == []


@pytest.mark.parametrize(
    ("had", "has", "lost"),
    [
        (64 * GIB, 63 * GIB, False),
        (64 * GIB, 62 * GIB, True),
        (GIB, GIB - MEMORY_LEAST, False),
        (GIB, GIB - MEMORY_LEAST - 1, True),
        (GIB, 2 * GIB, False),
    ],
)
def test_memory(had, has, lost):
    found = compare_health(health(memory_bytes=had), health(memory_bytes=has))
    assert codes(found) == (["memory_lost"] if lost else [])


def test_memory_that_was_set_aside_is_not_lost():
    before, after = health(memory_bytes=2 * GIB, crash_bytes=0), health(memory_bytes=GIB, crash_bytes=GIB)
    assert compare_health(before, after).troubles == ()


@pytest.mark.parametrize(
    ("changes", "troubles"),
    [
        ({"crash_bytes": 0, "crash_image_loaded": False}, ["crashkernel_lost"]),
        ({"crash_bytes": None, "crash_image_loaded": None, "memory_bytes": 2 * GIB}, ["crashkernel_lost"]),
        ({"crash_bytes": GIB >> 4, "memory_bytes": 2 * GIB}, []),
        ({"crash_image_loaded": False}, ["crash_image_lost"]),
        ({"crash_image_loaded": None}, []),
    ],
)
def test_the_crash_kernel(changes, troubles):
    changes = {"memory_bytes": 2 * GIB, **changes}
    assert codes(compare_health(health(), health(**changes))) == troubles


@pytest.mark.parametrize("name", ["taint", "failed_units", "devices", "links", "disks", "cpus", "memory_bytes"])
def test_what_is_unknown_is_not_compared(name):
    for before, after in ((health(**{name: None}), health()), (health(), health(**{name: None}))):
        found = compare_health(before, after)
        assert (found.healthy, codes(found), notes(found)) == (True, [], ["not_compared"])


def test_notes_of_the_observation_are_kept():
    noted = Note("not_observed", "why")
    assert compare_health(health(), replace(health(), notes=(noted,))).notes == (noted,)


def test_many_names_are_counted():
    links = [Link(str(number), f"eth{number}", True) for number in range(9)]
    found = compare_health(
        health(links=tuple(links)), health(links=tuple(replace(link, name="x" + link.name) for link in links))
    )
    assert found.notes[0].message.endswith("and 4 more.")


def test_codes_can_be_left_out():
    found = compare_health(health(), health(cpus=1, complaints=(WARNING,)))
    assert codes(found.without({"cpus_lost"})) == ["kernel_warning"]
    assert found.without({"cpus_lost", "kernel_warning"}).healthy is True


def test_evidence_is_printable_and_short():
    (found,) = compare_health(health(), health(failed_units=("{{ x }}\x1b" + "y" * 900,))).troubles
    assert found.evidence.startswith("?{ x }}?y")
    assert len(found.evidence) == 300


def test_what_the_kernel_says_after_cold_boots_too_is_its_own():
    fault = Complaint("iommu_fault", "DMAR: fault #", "DMAR: fault 2")
    bug = Complaint("firmware_bug", "[Firmware Bug]: #", "[Firmware Bug]: 1")
    after = health(complaints=(fault, bug, WARNING))
    nobody = compare_health(health(), after)
    assert [found.own for found in nobody.troubles] == [None, None, None]
    boots = ColdBoots(3, 2, of_fleet=True)
    told = {(bug.what, bug.signature): boots, (WARNING.what, WARNING.signature): boots}
    known = compare_health(health(), after, OwnComplaints(told, complete=True))
    assert [(found.own, found.new, found.counts) for found in known.troubles] == [
        (False, True, True),
        (True, True, False),
        (True, True, True),
    ]
    assert known.healthy is False
    only_bug = health(complaints=(bug,))
    assert compare_health(health(), only_bug, OwnComplaints(told, complete=True)).healthy is True


def test_what_an_incomplete_list_does_not_tell_is_not_known():
    told = {("firmware_bug", "[Firmware Bug]: #"): ColdBoots(3, 2, of_fleet=True)}
    after = health(complaints=(WARNING, Complaint("firmware_bug", "[Firmware Bug]: #", "[Firmware Bug]: 1")))
    found = compare_health(health(), after, OwnComplaints(told, complete=False))
    assert [one.own for one in found.troubles] == [None, True]
