# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FleetLock server: ``python server.py FOLDER --slots N``, which prints its port.

Holders are kept in FOLDER/holders.json, so it may be killed and started again. FOLDER/log.jsonl says what was
asked, and who held slots after that. With ``--lose N`` every n-th answer is lost, after what was asked for is done.
"""

from __future__ import annotations

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Slots:
    """Who holds a slot, on disk."""

    def __init__(self, folder: Path, number: int) -> None:
        self._holders, self._log, self._number = folder / "holders.json", folder / "log.jsonl", number
        self._lock = threading.Lock()

    def ask(self, path: str, group: str, holder: str) -> tuple[int, dict[str, str]]:
        """Do what is asked for; returns the status and what to answer."""
        with self._lock:
            held: list[list[str]] = json.loads(self._holders.read_text()) if self._holders.exists() else []
            mine, status = [group, holder], 200
            if path == "/v1/pre-reboot" and mine not in held:
                if sum(one[0] == group for one in held) >= self._number:
                    status = 409
                else:
                    held.append(mine)
            elif path == "/v1/steady-state" and mine in held:
                held.remove(mine)
            self._holders.write_text(json.dumps(held))
            with self._log.open("a") as log:
                line = {"path": path, "holder": holder, "status": status, "held": [one[1] for one in held]}
                log.write(json.dumps(line) + "\n")
        return status, {} if status == 200 else {"kind": "failed_lock", "value": "all slots are taken"}


def handler(slots: Slots, lose: int) -> type[BaseHTTPRequestHandler]:
    """Make the class that answers requests."""

    class Handler(BaseHTTPRequestHandler):
        answered = 0

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["client_params"]
            if self.headers["fleet-lock-protocol"] != "true":
                return self._answer(400, {"kind": "bad_request", "value": "no fleet-lock-protocol header"})
            status, body = slots.ask(self.path, asked["group"], asked["id"])
            Handler.answered += 1
            if lose and Handler.answered % lose == 0:
                return self.connection.close()
            return self._answer(status, body)

        def _answer(self, status: int, body: dict[str, str]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments: Any) -> None:
            """Say nothing: the log is a file."""

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--lose", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    parsed = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", parsed.port), handler(Slots(parsed.folder, parsed.slots), parsed.lose))
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
