# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server of one's own, in a temporary directory, that ends with the process that started it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")
USER = "postgres"
PATIENCE = 60  # seconds


class Cluster:
    """A server that listens on a socket in its own directory only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._programs = max(DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name))
        self._server: subprocess.Popen[bytes] | None = None
        self._run("initdb", "--pgdata", str(self._data), "--username", USER, "--auth", "trust", "--encoding", "UTF8")

    @property
    def url(self) -> str:
        """The address of its database, for those who may do everything."""
        return self.url_of(USER)

    def url_of(self, user: str) -> str:
        """The address of its database for one user."""
        return f"postgresql://{user}@/{USER}?host={self._folder}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        argv = self._as_user("postgres", "-D", str(self._data), "-k", str(self._folder), "-c", "listen_addresses=")
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self._folder)
        deadline = time.monotonic() + PATIENCE
        while subprocess.run(self._client("pg_isready", "--quiet"), check=False).returncode != 0:
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self._folder / 'log').read_text()}")
            time.sleep(0.05)

    def end(self, how: signal.Signals) -> None:
        """End the server: orderly with SIGINT, as a crash with SIGKILL. Its helpers end when it is gone."""
        assert self._server is not None
        self._server.send_signal(how)
        self._server.wait(PATIENCE)
        self._server = None
        # The next server would find that the memory of this one is still in use.
        deadline = time.monotonic() + PATIENCE
        while self._helpers() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _helpers(self) -> list[str]:
        """Return the server's processes: all whose working directory is that of its data."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "cwd") == str(self._data):
                    found.append(process.name)
            except OSError:
                continue  # it has ended, or is somebody else's
        return found

    def sql(self, command: str) -> str:
        """Run SQL and return what psql prints."""
        argv = self._client("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1")
        done = subprocess.run([*argv, "--command", command], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def _client(self, program: str, *arguments: str) -> list[str]:
        return [str(self._programs / program), *arguments, "--host", str(self._folder), "--username", USER]

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            self._as_user(program, *arguments),
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=True,
        )

    def _as_user(self, program: str, *arguments: str) -> list[str]:
        """Return a command line that ends with its parent, and is not root, which the server refuses to be."""
        who = ["--reuid", USER, "--regid", USER, "--init-groups"] if os.geteuid() == 0 else []
        return ["setpriv", *who, "--pdeathsig", "INT", str(self._programs / program), *arguments]


@contextmanager
def private_cluster() -> Iterator[Cluster]:
    """Give a running server; it and all that it holds are gone afterwards."""
    # A short path: that of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="kho-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            owner = pwd.getpwnam(USER)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        cluster = Cluster(folder)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.end(signal.SIGINT)
    finally:
        shutil.rmtree(folder)
