# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import stat

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._fact_script import archive
from ansible_collections.kho.kexec.plugins.module_utils._fact_script.archive import fact_script
from ansible_collections.kho.kexec.plugins.module_utils._fact_script.install import FILE_LIMIT, install, remove
from ansible_collections.kho.kexec.plugins.module_utils._host.access import STATUS
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Refusal
from ansible_collections.kho.kexec.plugins.module_utils._host.port import HostError
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot

DIRECTORY = "/etc/ansible/facts.d"
PATH = DIRECTORY + "/kho.fact"
PYTHON = "/usr/bin/python3"
VERSION = [PYTHON, "-IBS", "-c", "import sys; print(*sys.version_info[:2])"]
FOREIGN = '{"boot": "static"}\n'


@pytest.fixture
def host(tmp_path):
    tmp_path.chmod(0o755)
    host = FakeRoot(tmp_path).add_directory("/etc").add(PYTHON, mode=0o755)
    return host.add(STATUS, "Name:\tpython3\nUid:\t1000\t0\t0\t0\n")


def installed(host, check_mode=False, interpreter=PYTHON):
    host.expect_run([interpreter, *VERSION[1:]], stdout="3 11\n")
    result = install(host, DIRECTORY, interpreter, check_mode)
    host.assert_nothing_left()
    return result


def refused(host, directory=DIRECTORY, interpreter=PYTHON):
    before = sorted(host.root.rglob("*"))
    with pytest.raises(Refusal) as caught:
        install(host, directory, interpreter, False)
    assert sorted(host.root.rglob("*")) == before
    assert caught.value.message.isprintable()
    return caught.value


def mode(host, path):
    return stat.S_IMODE((host.root / path.lstrip("/")).stat().st_mode)


def test_installing(host):
    result = installed(host)
    script = fact_script(PYTHON)
    assert host.read_bytes(PATH, FILE_LIMIT) == script
    assert [mode(host, path) for path in (PATH, DIRECTORY, "/etc/ansible")] == [0o755] * 3
    digest = hashlib.sha256(script).hexdigest()
    assert result == {
        "changed": True,
        "path": PATH,
        "sha256": digest,
        "size": len(script),
        "diff": {
            "before": {"path": PATH, "state": "absent"},
            "after": {"path": PATH, "state": "present", "interpreter": PYTHON, "sha256": digest},
        },
    }


def test_a_second_time_nothing_changes(host):
    first, second = installed(host), installed(host)
    assert second["changed"] is False
    assert second["diff"]["before"] == second["diff"]["after"] == first["diff"]["after"]


def test_check_mode_says_the_same_and_changes_nothing(host):
    assert installed(host, check_mode=True) == {**installed(host)}
    assert installed(host, check_mode=True)["changed"] is False


def test_check_mode_makes_no_directory(host):
    installed(host, check_mode=True)
    assert not host.exists("/etc/ansible")


def test_a_directory_that_is_there_keeps_its_mode(host):
    host.add_directory(DIRECTORY, 0o700)
    installed(host)
    assert mode(host, DIRECTORY) == 0o700


@pytest.mark.parametrize(("uid", "bits"), [(1000, 0o755), (0, 0o777), (0, 0o644)])
def test_owner_and_mode_are_put_right(host, uid, bits):
    host.add(PATH, fact_script(PYTHON), bits).own(PATH, uid, 0)
    result = installed(host)
    assert result["changed"] is True
    assert mode(host, PATH) == 0o755


def test_an_older_version_and_another_interpreter_are_replaced(host, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(archive, "_members", lambda: {"__main__.py": "print({})"})
        host.add(PATH, fact_script(PYTHON), 0o755)
    assert installed(host)["changed"] is True
    host.add("/opt/python3.12", mode=0o755)
    result = installed(host, interpreter="/opt/python3.12")
    assert result["changed"] is True
    assert [result["diff"][when]["interpreter"] for when in ("before", "after")] == [PYTHON, "/opt/python3.12"]


@pytest.mark.parametrize("content", [FOREIGN, "", b"\0" * (FILE_LIMIT + 1)])
def test_what_somebody_else_put_there_stays(host, content):
    host.add(PATH, content)
    host.expect_run(VERSION, stdout="3 11\n")
    assert refused(host).code == "fact_script_foreign"
    with pytest.raises(Refusal) as caught:
        remove(host, DIRECTORY, False)
    assert caught.value.code == "fact_script_foreign"
    assert host.exists(PATH)


@pytest.mark.parametrize(
    ("path", "uid", "bits"),
    [
        (DIRECTORY, 0, 0o777),
        (DIRECTORY, 0, 0o1777),
        ("/etc", 1000, 0o755),
        ("/", 0, 0o757),
        (PYTHON, 1000, 0o755),
        ("/usr", 0, 0o777),
    ],
)
def test_nobody_else_may_write_where_root_runs_it(host, path, uid, bits):
    host.add_directory(DIRECTORY).own(path, uid, 0)
    (host.root / path.lstrip("/")).chmod(bits)
    refusal = refused(host)
    assert refusal.code == "fact_script_unsafe"
    assert path in refusal.message


def test_missing_directories_are_made_only_below_safe_ones(host):
    (host.root / "etc").chmod(0o777)
    assert refused(host).code == "fact_script_unsafe"
    assert not host.exists("/etc/ansible")


@pytest.mark.parametrize("interpreter", ["python3", "/no/python3", "/usr/bin/py thon", "/" + "x" * 101, "/usr\n", ""])
def test_interpreters_that_cannot_be_named(host, interpreter):
    refusal = refused(host, interpreter=interpreter)
    assert refusal.code == "interpreter_unusable"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"rc": 2, "stderr": "Unknown option: -I\nusage: \x1b[31m"}, "interpreter_unusable"),
        ({"rc": 0, "stdout": "hello\n"}, "interpreter_unusable"),
        ({"rc": 1, "stdout": "3 11\n"}, "interpreter_unusable"),
        ({"stdout": "3 7\n"}, "interpreter_too_old"),
        ({"stdout": "2 7\n"}, "interpreter_too_old"),
    ],
)
def test_interpreters_that_do_not_work(host, answer, code):
    host.expect_run(VERSION, **answer)
    assert refused(host).code == code


@pytest.mark.parametrize("version", ["3 8\n", "3 14\n", "4 0\n"])
def test_interpreters_that_work(host, version):
    host.expect_run(VERSION, stdout=version)
    assert install(host, DIRECTORY, PYTHON, False)["changed"] is True


def test_an_interpreter_that_may_not_be_executed(host):
    host.expect_missing(VERSION)
    assert refused(host).code == "interpreter_unusable"


@pytest.mark.parametrize(
    "act", [lambda host: install(host, DIRECTORY, PYTHON, True), lambda host: remove(host, DIRECTORY, True)]
)
def test_only_root(host, act):
    host.add(STATUS, "Uid:\t1000\t1000\t1000\t1000\n")
    with pytest.raises(Refusal) as caught:
        act(host)
    assert caught.value.code == "not_root"


@pytest.mark.parametrize("directory", ["facts.d", "", "~/facts.d"])
def test_only_absolute_directories(host, directory):
    assert refused(host, directory=directory).code == "path_not_absolute"


def test_removing(host):
    installed(host)
    checked = remove(host, DIRECTORY, True)
    assert host.exists(PATH)
    result = remove(host, DIRECTORY, False)
    assert result == checked
    assert (result["changed"], result["path"], result["sha256"], result["size"]) == (True, PATH, None, None)
    assert (result["diff"]["before"]["state"], result["diff"]["after"]["state"]) == ("present", "absent")
    assert not host.exists(PATH)
    assert host.exists(DIRECTORY)
    assert remove(host, DIRECTORY, False)["changed"] is False


def test_what_cannot_be_read_is_an_error(host):
    host.add(PATH, fact_script(PYTHON)).deny(PATH)
    with pytest.raises(HostError) as caught:
        remove(host, DIRECTORY, False)
    assert caught.value.code == "host_denied"
