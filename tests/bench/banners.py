# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH ports of simulated hosts: one server for all of 127.0.0.0/8, whose address tells which host is asked.

``python -m bench.banners`` prints its port. A host that is away closes the connection without a word.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from .connection.simulated import boot_of


async def _answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    address = writer.get_extra_info("sockname")[0]
    state = Path(os.environ["BENCH_STATE"], address)
    if boot_of(state.stat().st_mtime if state.exists() else None) is not None:
        writer.write(b"SSH-2.0-simulated\r\n")
    writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "0.0.0.0", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
