# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host import port
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import (
    Completed,
    HostError,
    LocalHost,
    Ownership,
    line_of,
    number_of,
)
from ansible_collections.kho.kexec.tests.unit.support.fake_root import FakeRoot


@pytest.fixture
def host():
    return LocalHost()


def reason(call, *arguments):
    with pytest.raises(HostError) as caught:
        call(*arguments)
    assert isinstance(caught.value, KhoError)
    assert caught.value.code == "host_" + caught.value.reason
    assert str(caught.value).endswith(".")
    return caught.value.reason


def test_reading(host, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"caf\xe9\n")
    assert host.read_bytes(str(path)) == b"caf\xe9\n"
    assert host.read_text(str(path)) == "caf\ufffd\n"
    assert host.read_bytes(str(path), 5) == b"caf\xe9\n"
    assert reason(host.read_bytes, str(path), 4) == "too_large"
    assert reason(host.read_bytes, str(path / "below")) == "absent"
    assert reason(host.read_bytes, str(tmp_path)) == "failed"


def test_a_part_of_a_file(host, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    parts = [host.read_part(str(path), start, 4) for start in (0, 6, 8, 20)]
    assert parts == [b"0123", b"6789", b"89", b""]
    assert reason(host.read_part, str(path / "below"), 0, 4) == "absent"


def test_a_place_that_others_may_write(host, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert host.read_roots(str(path)) == b"12345"
    assert reason(host.read_roots, str(path), 4) == "too_large"
    assert reason(host.read_roots, str(path / "below")) == "absent"
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        assert reason(host.read_roots, str(tmp_path / name)) == "foreign"
    assert reason(host.read_roots, str(tmp_path)) == "failed"
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner != 0:
        assert reason(host.read_roots, str(path)) == "foreign"
    else:
        os.chown(path, 12345, -1)
        assert reason(host.read_roots, str(path)) == "foreign"


def test_a_file_that_grows_is_read_as_it_was(host, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    fstat = os.fstat

    def grow(descriptor):
        status = fstat(descriptor)
        path.write_bytes(b"1234567890")
        return status

    monkeypatch.setattr(port.os, "fstat", grow)
    assert host.read_roots(str(path)) == b"12345"


def test_an_endless_file_is_too_large(host):
    assert reason(host.read_bytes, "/dev/zero", 100) == "too_large"


def test_directories(host, tmp_path):
    (tmp_path / "b").touch()
    (tmp_path / "a").symlink_to(tmp_path / "b")
    assert host.listdir(str(tmp_path)) == ["a", "b"]
    assert host.exists(str(tmp_path / "a"))
    assert not host.exists(str(tmp_path / "c"))
    assert host.resolve(str(tmp_path / "a")) == os.path.realpath(str(tmp_path / "b"))
    assert reason(host.resolve, str(tmp_path / "c")) == "absent"
    assert reason(host.listdir, str(tmp_path / "c")) == "absent"


def test_making_directories(host, tmp_path):
    tmp_path.chmod(0o700)
    host.make_directories(str(tmp_path / "a/b"), 0o755)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a/b")] == [0o755, 0o755]
    host.make_directories(str(tmp_path / "a"), 0o711)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
    (tmp_path / "file").touch()
    assert reason(host.make_directories, str(tmp_path / "file" / "below"), 0o755) == "failed"


def test_ownership_is_that_of_what_a_link_leads_to(host, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o664)
    (tmp_path / "link").symlink_to("file")
    assert host.owner_and_mode(str(tmp_path / "link")) == Ownership(os.getuid(), os.getgid(), 0o664)
    assert reason(host.owner_and_mode, str(tmp_path / "none")) == "absent"


def test_running(host):
    done = host.run(["sh", "-c", "echo $LC_ALL; cat; echo oops >&2; exit 3"])
    assert done == Completed(3, "C\n", "oops\n")


def test_no_shell_looks_at_the_arguments(host):
    assert host.run(["echo", "$HOME; `id` $(id)"]).stdout == "$HOME; `id` $(id)\n"


def test_programs_of_the_system_are_found_without_a_path(host, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert host.run(["sh", "-c", "echo $PATH"]).stdout.startswith("/nonexistent:/usr/local/sbin:")


def test_programs_that_cannot_be_run(host, tmp_path):
    assert reason(host.run, ["no-such-program-7f3a"]) == "absent"
    assert reason(host.run, ["sleep", "60"], 0.05) == "failed"
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    assert reason(host.run, [str(tmp_path / "text")]) == "failed"


def test_piping_more_than_a_pipe_holds(host):
    data = bytes(range(256)) * 20000
    assert b"".join(host.pipe(["cat"], data)) == data
    assert b"".join(host.pipe(["sh", "-c", "cat; echo $LC_ALL"], memoryview(b"<"))) == b"<C\n"


def test_a_program_that_does_not_want_all_of_its_input(host):
    assert b"".join(host.pipe(["head", "-c", "3"], b"abcdef" * 100000)) == b"abc"


@pytest.mark.parametrize(
    ("argv", "timeout", "says"),
    [
        (["sh", "-c", "printf part; echo 'not\tgood' >&2; exit 3"], 60.0, "exit code 3: not.good"),
        (["sh", "-c", "head -c 9000000 /dev/zero >&2; exit 1"], 60.0, "exit code 1"),
        (["sleep", "60"], 0.05, "not finished in time"),
        (["sh", "-c", "exec >&- 2>&-; exec sleep 60"], 0.3, "not finished in time"),
        (["sh", "-c", "kill -9 $$"], 60.0, "exit code -9"),
    ],
)
def test_pipes_that_fail(host, argv, timeout, says):
    with pytest.raises(HostError, match=says) as caught:
        list(host.pipe(argv, b"x" * 1000000, timeout))
    assert caught.value.reason == "failed"
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


def test_pipes_that_cannot_be_had(host, tmp_path):
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    assert reason(list, host.pipe(["no-such-program-7f3a"], b"")) == "absent"
    assert reason(list, host.pipe([str(tmp_path / "text")], b"")) == "failed"


def test_closing_a_pipe_kills_the_program(host):
    pieces = host.pipe(["sh", "-c", "echo $$; exec cat /dev/zero"], b"")
    process = int(next(pieces).split(b"\n")[0])
    os.kill(process, 0)
    pieces.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_identity_changes_with_the_file(host, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    (tmp_path / "link").symlink_to(path)
    before = host.identity(str(path))
    assert (before.size, host.identity(str(tmp_path / "link"))) == (3, before)
    host.write_atomically(str(path), b"two")
    assert host.identity(str(path)) != before
    assert reason(host.identity, str(tmp_path / "none")) == "absent"


def test_writing(host, tmp_path):
    path = tmp_path / "new" / "file"
    host.write_atomically(str(path), b"one")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    host.write_atomically(str(path), b"two", 0o644)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"two", 0o644)
    assert os.listdir(str(path.parent)) == ["file"]


def test_writing_that_fails_leaves_the_old_content_and_nothing_else(host, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(port.os, "fsync", full)
    assert reason(host.write_atomically, str(path), b"new") == "failed"
    assert (path.read_bytes(), os.listdir(str(tmp_path))) == (b"old", ["file"])


def test_writing_over_a_directory(host, tmp_path):
    (tmp_path / "file" / "below").mkdir(parents=True)
    assert reason(host.write_atomically, str(tmp_path / "file"), b"new") == "failed"
    assert os.listdir(str(tmp_path)) == ["file"]


def test_removing(host, tmp_path):
    path = tmp_path / "file"
    path.touch()
    assert host.remove(str(path)) is True
    assert not path.exists()
    assert host.remove(str(path)) is False


class Ring:
    """What /dev/kmsg answers, one read after the other."""

    def __init__(self, monkeypatch, *answers):
        self.answers = list(answers)
        self.closed = []
        monkeypatch.setattr(port.os, "open", lambda *_arguments: 99)
        monkeypatch.setattr(port.os, "read", self.read)
        monkeypatch.setattr(port.os, "close", self.closed.append)

    def read(self, descriptor, size):
        assert (descriptor, size) == (99, 16384)
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


def test_kernel_log_is_read_to_its_end(host, monkeypatch):
    ring = Ring(monkeypatch, b"6,0,1,-;one\n", b"6,1,2,-;two\n KEY=x\n", BlockingIOError())
    assert host.kernel_log() == b"6,0,1,-;one\n6,1,2,-;two\n KEY=x"
    assert ring.closed == [99]


def test_records_that_are_overwritten_meanwhile_are_passed_over(host, monkeypatch):
    Ring(monkeypatch, b"6,0,1,-;one\n", BrokenPipeError(), b"6,9,2,-;two\n", b"")
    assert host.kernel_log() == b"6,0,1,-;one\n6,9,2,-;two"


def test_kernel_log_is_bounded(host, monkeypatch):
    ring = Ring(monkeypatch, *[b"x" * 100 + b"\n"] * 50)
    assert len(host.kernel_log(1000)) < 1200
    assert ring.closed == [99]


def test_kernel_log_that_may_not_be_read(host, monkeypatch):
    ring = Ring(monkeypatch, PermissionError(1, "Operation not permitted"))
    assert reason(host.kernel_log) == "denied"
    assert ring.closed == [99]


@pytest.mark.parametrize(
    ("stdout", "stderr", "said"),
    [("", "", "nothing"), ("fine\n", "", "fine"), ("fine\n", " it\n\tis \x1b[1mlate ", "it is ?[1mlate")],
)
def test_how_a_program_ended(stdout, stderr, said):
    assert Completed(3, stdout, stderr).ending() == f"ended with exit code 3 and said: {said}"


@pytest.mark.parametrize(
    ("content", "line", "number"),
    [
        ("1\n", "1", 1),
        ("0xd0\n", "0xd0", 208),
        ("-1\n", "-1", -1),
        ("iTCO\x1b wdt\n", "iTCO? wdt", None),
        ("\n", None, None),
        ("x" * 5000, None, None),
        (None, None, None),
    ],
)
def test_one_line_of_a_small_file(tmp_path, content, line, number):
    host = FakeRoot(tmp_path)
    if content is not None:
        host.add("/sys/x", content)
    assert (line_of(host, "/sys/x"), number_of(host, "/sys/x")) == (line, number)


def test_a_line_is_bounded(tmp_path):
    host = FakeRoot(tmp_path).add("/sys/x", "x" * 100)
    assert (len(line_of(host, "/sys/x")), len(line_of(host, "/sys/x", 80))) == (64, 80)
