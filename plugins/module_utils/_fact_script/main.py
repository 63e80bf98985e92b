# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fact script does when it is executed: it prints the facts of this host as one JSON object.

``setup`` shows its users everything else that a fact script says or does: an exit code, a traceback, text that is no
JSON. So there is nothing else, whatever happens.

With the argument ``name``, which a service of the host's gives it at each boot, it writes into the kernel's log instead
how the kernel was started, and says in its exit code whether it could.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Dict, Optional

# The fields of RunningKernel, which cannot be asked for them when its module cannot be imported.
FIELDS = (
    *("release", "boot_id", "boot", "previous_release", "kexec_count", "source", "next", "built", "enabled", "abi"),
    *("luo_abi", "subtrees", "scratch_bytes", "largest_scratch_bytes", "cma_total_bytes", "cma_free_bytes"),
    *("image_loaded", "crash_image_loaded", "notes"),
)
_ERROR_LIMIT = 200
NAME = "name"


def main() -> None:
    """Print the facts, in the shape of ``ansible_facts.kho``."""
    if sys.argv[1:] == [NAME]:
        raise SystemExit(_named())
    try:
        facts = _observed()
    except Exception as error:
        facts = _unknown(error)
    _print_line(json.dumps(facts))


def _observed() -> Dict[str, Any]:
    # Imported here, so a Python that can no longer import them is met by main(), too.
    from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
    from ansible_collections.kho.kexec.plugins.module_utils._observe.running import observe_running

    return observe_running(LocalHost()).as_facts()


def _named() -> Optional[str]:
    """Name this boot in the kernel's log; return what stood in the way, None when nothing did."""
    from ansible_collections.kho.kexec.plugins.module_utils._fact_script.announce import announce
    from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost

    return announce(LocalHost())


def _unknown(error: Exception) -> Dict[str, Any]:
    """Facts that say that nothing is known, and why."""
    said = ascii(f"{type(error).__name__}: {error}"[:_ERROR_LIMIT]).replace("{", "?")
    message = (
        f"The fact script could not look at this host: {said}. Nothing is known of how its kernel was started. Install "
        "the script again with the module kho_fact_script."
    )
    unknown = {"boot": "unknown", "source": "none", "subtrees": []}
    return {**dict.fromkeys(FIELDS), **unknown, "notes": [{"code": "fact_script_failed", "message": message}]}


def _print_line(line: str) -> None:
    """Print it if anybody reads it: standard output may be closed, or its other end."""
    try:
        # No module prints this one's output: setup runs it as a program and reads what it prints.
        print(line, flush=True)  # pylint: disable=ansible-bad-function
    except OSError:
        # Python flushes once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
