# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.boots import Start
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_files import Witness
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_join import boots_named, iso, join_crashes
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_log import CrashReport
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_text import BootText
from ansible_collections.kho.kexec.plugins.module_utils._history.journal import Goodbye, KernelWords, Span
from ansible_collections.kho.kexec.plugins.module_utils._kernel.log import NO_LOG, BootLog, Event
from ansible_collections.kho.kexec.plugins.module_utils._kernel.metadata import Record
from ansible_collections.kho.kexec.plugins.module_utils._kernel.naming import Naming

RELEASE = "7.3.4-kho"
UP = 3600.0  # seconds that each boot lasts; a minute is between two
FRAMES = ("a", "b", "c")


def log(count=1):
    values = ("7.2.13-kho", str(count))
    return BootLog(True, (Event("exec_from", values, "KHO: exec from"),) if count else ())


def report(uptime=UP + 5, frames=FRAMES, fatal=True, at=None, kind="oops"):
    return CrashReport(kind, "message", frames, fatal, uptime, at, RELEASE)


def boot(number, reports=(), release=RELEASE, kind="handover", known=None):
    begin = number * (UP + 60)
    words = KernelWords(known or log(), tuple(reports), release, False, (), "")
    span = Span(f"{number:032x}", begin, begin + UP)
    return Start(span, release, kind, "7.2.13-kho", 1, (), words, Goodbye())


def witness(*reports, source="kdump", written=None, release=RELEASE, known=None):
    return Witness(source, "/file", written, BootText(release, known or log(), reports or (report(),), UP))


BOOTS = [boot(1), boot(2), boot(3)]
BETWEEN_1_AND_2 = boot(1).span.end + 20


def owners(crashes):
    return [crash.boot_id and int(crash.boot_id, 16) for crash in crashes]


def test_the_reports_of_the_journal_belong_to_their_boots():
    crashes = join_crashes([boot(1, [report()]), boot(2)], None, [])
    assert (owners(crashes), crashes[0].sources) == ([1], ("journal",))
    assert (crashes[0].previous_release, crashes[0].kexec_count) == ("7.2.13-kho", 1)


def test_a_dump_belongs_to_the_boot_that_ended_before_it_was_written():
    (crash,) = join_crashes(BOOTS, None, [witness(written=BETWEEN_1_AND_2)])
    assert (owners([crash]), crash.sources) == ([1], ("kdump",))
    assert crash.report.at == boot(1).span.begin + UP + 5


def test_what_the_next_boot_archived_belongs_to_the_one_before():
    (crash,) = join_crashes(BOOTS, None, [witness(source="pstore", written=boot(2).span.begin + 30)])
    assert owners([crash]) == [1]


@pytest.mark.parametrize(
    ("why", "given"),
    [
        ("another release", {"release": "7.2.13-kho"}),
        ("no release", {"release": None}),
        ("another record", {"known": log(2)}),
        ("no handover", {"known": log(0)}),
        ("written before the boot was over", {"written": boot(1).span.begin + 100}),
        ("written after all", {"written": boot(1).span.begin - 100}),
        ("crashed too early", {"reports": [report(uptime=UP - 100)]}),
        ("crashed too late", {"reports": [report(uptime=UP + 1000)]}),
        ("no times in the log", {"reports": [report(uptime=None)]}),
    ],
)
def test_what_does_not_agree_is_not_joined(why, given):
    given = {"written": BETWEEN_1_AND_2, "reports": [report()], **given}
    (crash,) = join_crashes(BOOTS, None, [witness(*given.pop("reports"), **given)])
    assert crash.boot_id is None, why
    assert crash.release == given.get("release", RELEASE)


@pytest.mark.parametrize(
    ("goodbye", "uptime", "owner"),
    [
        (Goodbye("kexec.target"), 21.0, 1),
        (Goodbye("kexec.target"), 52.0, 2),
        # Either may have crashed.
        (Goodbye(), 21.0, None),
    ],
)
def test_who_said_goodbye_did_not_die_before(goodbye, uptime, owner):
    died = boot(1)._replace(span=Span(f"{1:032x}", 1000.0, 1020.0))
    saved = boot(2)._replace(span=Span(f"{2:032x}", 1040.0, 1090.0), goodbye=goodbye)
    written = 1050.0 if owner != 2 else 1100.0
    found = witness(report(uptime=uptime), source="pstore", written=written, known=NO_LOG)
    (crash,) = join_crashes([died, saved], None, [found])
    assert owners([crash]) == [owner]


def test_an_incomplete_log_does_not_contradict():
    (crash,) = join_crashes(BOOTS, None, [witness(written=BETWEEN_1_AND_2, known=NO_LOG)])
    assert owners([crash]) == [1]


def test_a_console_that_fits_to_several_boots_is_of_none():
    (crash,) = join_crashes(BOOTS, None, [witness(source="console")])
    assert (crash.boot_id, crash.previous_release, crash.kexec_count) == (None, "7.2.13-kho", 1)


def test_a_console_that_fits_to_one_boot():
    starts = [boot(1), boot(2, known=log(2)), boot(3)]
    (crash,) = join_crashes(starts, None, [witness(source="console", known=log(2))])
    assert owners([crash]) == [2]


def test_the_running_boot_did_not_die():
    running = boot(1).span.boot_id
    assert join_crashes([boot(1)], running, [witness(written=BETWEEN_1_AND_2)])[0].boot_id is None
    (survived,) = join_crashes([boot(1)], running, [witness(report(fatal=False), written=BETWEEN_1_AND_2)])
    assert survived.boot_id == running


def test_the_boot_that_saves_the_dump_does_not_count_as_the_next():
    starts = [boot(1), boot(2, kind="kdump", release="7.0"), boot(3)]
    (crash,) = join_crashes(starts, None, [witness(source="pstore", written=boot(3).span.begin + 30)])
    assert owners([crash]) == [1]


def test_several_witnesses_of_one_crash():
    cut = report(frames=FRAMES[:1], at=4711.0, fatal=False)
    found = join_crashes(
        [boot(1, [cut]), boot(2)],
        None,
        [witness(written=BETWEEN_1_AND_2), witness(source="console")],
    )
    (crash,) = found
    assert crash.sources == ("kdump", "journal", "console")
    assert (crash.report.frames, crash.report.fatal, crash.report.at) == (FRAMES, True, 4711.0)


def test_two_crashes_of_one_boot():
    one, other = report(uptime=10.0, fatal=False), report(uptime=UP + 1, frames=("z",))
    found = join_crashes([boot(1, [one]), boot(2)], None, [witness(other, written=BETWEEN_1_AND_2)])
    assert owners(found) == [1, 1]


def test_the_shape_of_the_result():
    (crash,) = join_crashes([boot(1, [report(at=0.0)]), boot(2)], None, [])
    assert crash.as_dict() == {
        "boot_id": f"{1:032x}",
        "release": RELEASE,
        "previous_release": "7.2.13-kho",
        "kexec_count": 1,
        "at": "1970-01-01T00:00:00Z",
        "uptime": UP + 5,
        "kind": "oops",
        "fatal": True,
        "frames": list(FRAMES),
        "bug": report().bug,
        "signature": report().signature,
        "source": "journal",
        "sources": ["journal"],
        "message": "message",
    }


@pytest.mark.parametrize("seconds", [None, -1.0, 1e15])
def test_times_that_are_none(seconds):
    assert iso(seconds) is None


def naming(number=2, release=RELEASE, count=1, began=1000):
    return Naming(f"{number:032x}", release, began, "handover", Record("7.2.13-kho", count))


def named(told, *reports, source="console"):
    text = BootText(told.release, NO_LOG, reports or (report(uptime=30.0),), UP, told)
    return Witness(source, "/file", None, text)


def test_a_record_that_names_its_boot_is_of_it_whatever_the_times():
    (crash,) = join_crashes(BOOTS, None, [named(naming())])
    assert owners([crash]) == [2]
    assert crash.report.at == boot(2).span.begin + 30
    assert boots_named([crash]) == []


@pytest.mark.parametrize("told", [naming(release="7.3.5-kho"), naming(count=2)])
def test_what_is_known_of_the_boot_counts_for_more(told):
    (crash,) = join_crashes(BOOTS, None, [named(told)])
    assert (crash.boot_id, crash.kexec_count) == (None, None)


def test_a_host_that_does_not_know_its_transition_contradicts_nothing():
    told = Naming(f"{2:032x}", RELEASE, 1000, "unknown", None)
    (crash,) = join_crashes(BOOTS, None, [named(told)])
    assert (owners([crash]), crash.previous_release, crash.kexec_count) == ([2], "7.2.13-kho", 1)
    cold = Naming(f"{2:032x}", RELEASE, 1000, "cold", None)
    assert owners(join_crashes(BOOTS, None, [named(cold)])) == [None]


def test_a_boot_that_runs_has_not_died():
    running = f"{2:032x}"
    assert owners(join_crashes(BOOTS, running, [named(naming())])) == [None]
    assert owners(join_crashes(BOOTS, running, [named(naming(), report(uptime=30.0, fatal=False))])) == [2]


def test_a_boot_that_no_journal_knows_becomes_known():
    (crash,) = crashes = join_crashes(BOOTS, None, [named(naming(9, count=4))])
    assert (owners(crashes), crash.previous_release, crash.kexec_count) == ([9], "7.2.13-kho", 4)
    (known,) = boots_named(crashes)
    transition = (known["boot"], known["release"], known["previous_release"], known["kexec_count"])
    assert transition == ("handover", RELEASE, "7.2.13-kho", 4)
    assert (known["begin"], known["end"], known["ending"]) == (iso(1000), iso(1030), "crash")
    assert "handover from 7.2.13-kho count 4" in known["evidence"][0]


def test_a_boot_that_survived_its_crash_did_not_end_so():
    two = [named(naming(9), report(uptime=30.0, fatal=False)), named(naming(8), report(uptime=None))]
    known = boots_named(join_crashes(BOOTS, None, two))
    assert sorted((one["ending"], one["end"]) for one in known) == [("crash", None), ("unknown", None)]


def test_a_cold_boot_is_told_with_its_count():
    told = Naming(f"{9:032x}", RELEASE, 1000, "cold", None)
    (known,) = boots_named(join_crashes(BOOTS, None, [named(told)]))
    assert (known["boot"], known["previous_release"], known["kexec_count"]) == ("cold", None, 0)
