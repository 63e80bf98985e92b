# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of this collection may answer, as their RETURN describes it, and nothing else.

Not read from RETURN itself: every run would have to parse thousands of lines of YAML. A test compares the two.
"""

from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._host.timings import PARTS
from ansible_collections.kho.kexec.plugins.plugin_utils._common.shapes import (
    Flag,
    Many,
    Number,
    Record,
    Shape,
    Table,
    Text,
    Tree,
    Whole,
)

LONGEST_GUARD = 86400
"""Seconds: no guard is told to wait for longer."""
BOOTS_LIMIT = 10_000
"""As many boots as a journal is read for."""
MESSAGE_LIMIT = 8192

WORD = Text(100)
TEXT = Text()
MESSAGE = Text(MESSAGE_LIMIT)
FLAG = Flag()
WHOLE = Whole()
COUNT = Whole(0)
NUMBER = Number()
TIMINGS = Record({name: Number(0, 10**6) for name in (*PARTS, "total")})
"""Seconds that parts of a module took."""
TEXTS = Many(TEXT)
NOTE = Record({"code": WORD, "message": MESSAGE}, needed=("code", "message"))
NOTES = Many(NOTE)

RUNNING = Record(
    {
        "release": TEXT,
        "boot_id": WORD,
        "boot": WORD,
        "previous_release": TEXT,
        "kexec_count": WHOLE,
        "source": WORD,
        "next": Record({"previous_release": TEXT, "kexec_count": WHOLE}),
        "built": FLAG,
        "enabled": FLAG,
        "abi": TEXT,
        "luo_abi": TEXT,
        "subtrees": TEXTS,
        "scratch_bytes": COUNT,
        "largest_scratch_bytes": COUNT,
        "cma_total_bytes": COUNT,
        "cma_free_bytes": COUNT,
        "image_loaded": FLAG,
        "crash_image_loaded": FLAG,
        "notes": NOTES,
    }
)
PROMISE = Record({"release": TEXT, "previous_release": TEXT, "kexec_count": WHOLE, "abi": TEXT, "how": WORD})
REPORTED = Record({"release": TEXT, "previous_release": TEXT, "kexec_count": WHOLE, "boot": WORD, "boot_id": WORD})
TROUBLE = NOTE.with_fields(kind=WORD, evidence=TEXT, new=FLAG, own=FLAG, own_boots=WHOLE, own_hosts=WHOLE)
VERDICT = Record(
    {
        "verdict": WORD,
        "accepted": FLAG,
        "reason": WORD,
        "message": MESSAGE,
        "promised": PROMISE,
        "reported": REPORTED,
        "evidence": Record(
            {
                "boot_id_left": WORD,
                "release_left": TEXT,
                "boot_id_found": WORD,
                "source": WORD,
                "build": TEXT,
                "notes": NOTES,
                "troubles": Many(TROUBLE),
            }
        ),
    },
    needed=("verdict", "accepted"),
)
TRANSITION = Record(
    {
        "schema": WHOLE,
        "state": WORD,
        "created": WORD,
        "left": Record({"release": TEXT, "boot_id": WORD, "kexec_count": WHOLE}),
        "promise": PROMISE,
        "image": Record({"kernel": TEXT, "initrds": TEXTS, "command_line": TEXT, "fingerprint": TEXT}),
        "verdict": VERDICT,
        "rollback": FLAG,
        "committed": FLAG,
        "build": TEXT,
    }
)
KERNEL = Record(
    {
        "format": WORD,
        "architecture": WORD,
        "release": TEXT,
        "init_size": COUNT,
        "page_bytes": COUNT,
        "build": TEXT,
        "command_line_limit": COUNT,
        "kho_built": FLAG,
        "kho_default": FLAG,
        "kho_abi": TEXT,
        "luo_abi": TEXT,
        "luo_built": FLAG,
        "luo_handlers": TEXTS,
        "metadata": FLAG,
        "metadata_version": WHOLE,
        "config": Table(TEXT),
        "signed": FLAG,
        "learnt": Table(WORD),
        "obstacles": NOTES,
        "uki": Record({"command_line": TEXT, "has_initrd": FLAG}),
    }
)
TARGET = Record(
    {
        "release": TEXT,
        "image": TEXT,
        "uki": FLAG,
        "initrds": TEXTS,
        "modules": TEXT,
        "found_in": TEXTS,
        "command_line": TEXT,
        "kernel": KERNEL,
    }
)
CANDIDATE = Record(
    {
        "release": TEXT,
        "image": TEXT,
        "uki": FLAG,
        "initrds": TEXTS,
        "modules": TEXT,
        "config": TEXT,
        "found_in": TEXTS,
        "options": TEXT,
        "chosen": FLAG,
        "code": WORD,
        "message": MESSAGE,
    }
)
PLAN = Record({"action": WORD, "promise": PROMISE, "reasons": NOTES, "warnings": NOTES}, needed=("action",))
CLAIM = Record({"owner": TEXT, "run": TEXT, "since": WORD, "until": WORD})
GUARD = Record(
    {
        "state": WORD,
        "armed_boot_id": WORD,
        "left_release": TEXT,
        "confirm_timeout": Whole(0, LONGEST_GUARD),
        "created": WORD,
        "watchdog_usec": COUNT,
        "watchdog_before_usec": COUNT,
        "fired_boot_id": WORD,
        "fired_release": TEXT,
        "fired_at": WORD,
    }
)
WATCHDOG = Record(
    {
        "present": FLAG,
        "identity": TEXT,
        "state": WORD,
        "timeout": WHOLE,
        "nowayout": FLAG,
        "software": FLAG,
        "keeps_counting": FLAG,
        "kexec_usec": COUNT,
        "runtime_usec": COUNT,
    }
)
PHASE = Record({"phase": WORD, "covered": FLAG, "by": TEXTS, "why": MESSAGE})
ENTRY = Record({"entry": TEXT, "release": TEXT})
HEALTH = Record(
    {
        "taint": COUNT,
        "taint_names": TEXTS,
        "log": WORD,
        "complaints": Many(Record({"what": WORD, "signature": TEXT, "line": TEXT}), 10_000),
        "failed_units": Many(TEXT, 10_000),
        "devices": Many(Record({"identity": TEXT, "name": TEXT, "driver": TEXT}), 10_000),
        "links": Many(Record({"identity": TEXT, "name": TEXT, "up": FLAG}), 10_000),
        "disks": Many(Record({"identity": TEXT, "name": TEXT, "partitions": COUNT}), 10_000),
        "cpus": COUNT,
        "memory_bytes": COUNT,
        "crash_bytes": COUNT,
        "crash_image_loaded": FLAG,
    }
)
BOOT = Record(
    {
        "boot_id": WORD,
        "release": TEXT,
        "previous_release": TEXT,
        "kexec_count": WHOLE,
        "boot": WORD,
        "begin": WORD,
        "end": WORD,
        "ending": WORD,
        "evidence": Many(TEXT, 100),
        "troubles": Many(Record({"code": WORD, "signature": TEXT}), 100),
    }
)
CRASH = Record(
    {
        "boot_id": WORD,
        "release": TEXT,
        "previous_release": TEXT,
        "kexec_count": WHOLE,
        "at": WORD,
        "uptime": NUMBER,
        "kind": WORD,
        "fatal": FLAG,
        "frames": Many(Text(200), 100),
        "bug": WORD,
        "signature": WORD,
        "source": WORD,
        "sources": Many(WORD, 100),
        "message": MESSAGE,
    }
)
MISSING = NOTE.with_fields(remedy=WORD)
ARGUMENT = Record({"argument": TEXT, "why": MESSAGE, "configured": FLAG, "awaits_boot": FLAG})
RECORDED = Record({"loader": WORD, "setting": TEXT, "entry": TEXT, "release": TEXT, "recorded": WORD})

COMMON: dict[str, Shape] = {"changed": FLAG, "msg": MESSAGE, "code": WORD}
COMMON["failed"] = FLAG
"""What every answer may have."""

_GUARD_ANSWER: dict[str, Shape] = {
    "armed": FLAG,
    "guard": GUARD,
    "returns_to": TEXT,
    "phases": Many(PHASE),
    "watchdog": WATCHDOG,
    "notes": NOTES,
    "diff": Tree(),
}
_DEFAULT_ANSWER: dict[str, Shape] = {
    "loader": WORD,
    "before": ENTRY,
    "after": ENTRY,
    "recorded": RECORDED,
    "notes": NOTES,
    "diff": Tree(),
}

_COMMIT_ANSWER: dict[str, Shape] = {
    "release": TEXT,
    "guard": Record({"changed": FLAG, **_GUARD_ANSWER}),
    "boot_default": Record({"changed": FLAG, **_DEFAULT_ANSWER}),
    "notes": NOTES,
    "claim": CLAIM,
}

ANSWERS: dict[str, Record] = {
    "boot_default": Record(_DEFAULT_ANSWER),
    "kernel_arguments": Record({"loader": WORD, "release": TEXT, "command_line": TEXT, "diff": Tree()}),
    "kernel_health_info": Record(
        {
            "healthy": FLAG,
            "troubles": Many(TROUBLE, 10_000),
            "baseline": WORD,
            "boot_id": WORD,
            "health": HEALTH,
            "soaked_seconds": NUMBER,
            "notes": Many(NOTE, 10_000),
            "timings": TIMINGS,
        }
    ),
    "kexec_commit": Record({**_COMMIT_ANSWER, "timings": TIMINGS}),
    "kexec_guard": Record(_GUARD_ANSWER),
    "kexec_history_info": Record(
        {
            "host_boots": Many(BOOT, BOOTS_LIMIT),
            "crashes": Many(CRASH, BOOTS_LIMIT),
            "cursor": Text(1024),
            "notes": NOTES,
        },
        needed=("host_boots", "crashes"),
    ),
    "kexec_image": Record(
        {
            "running": RUNNING,
            "target": TARGET,
            "plan": PLAN,
            "transition": TRANSITION,
            "uncommitted": FLAG,
            "notes": NOTES,
            "guard": Record({"changed": FLAG, **_GUARD_ANSWER}),
            "claim": CLAIM,
            "diff": Tree(),
            "timings": TIMINGS,
        }
    ),
    "kexec_plan_info": Record(
        {
            "running": RUNNING,
            "candidates": Many(CANDIDATE),
            "target": TARGET,
            "plan": PLAN,
            "transition": TRANSITION,
            "timings": TIMINGS,
        },
        needed=("plan",),
    ),
    "kexec_prepare_info": Record(
        {
            "running": RUNNING,
            "ready": FLAG,
            "missing": Many(MISSING),
            "packages": TEXTS,
            "arguments": Many(ARGUMENT),
            "cold_boot_needed": FLAG,
            "loader": WORD,
            "default_entry": TEXT,
            "memory": Record(
                {"scratch_bytes": COUNT, "cma_total_bytes": COUNT, "cma_free_bytes": COUNT, "pinning_drivers": TEXTS}
            ),
            "notes": NOTES,
        },
        needed=("ready", "missing", "packages", "arguments"),
    ),
    # What the host's half returns: the controller's half makes RETURN's keys of it.
    "kexec_reboot": Record(
        {
            "promise": PROMISE,
            "already_left": FLAG,
            "busy_seconds": NUMBER,
            "guard": Record({"confirm_timeout": Whole(0, LONGEST_GUARD)}, needed=("confirm_timeout",)),
            "verdict": VERDICT,
            "commit": Record({**COMMON, **_COMMIT_ANSWER}),
            "claim": CLAIM,
            "timings": TIMINGS,
        }
    ),
    "kexec_verdict_info": Record(
        {"verdict": VERDICT, "transition": TRANSITION, "running": RUNNING, "notes": NOTES}, needed=("running",)
    ),
    "kho_fact_script": Record({"path": TEXT, "sha256": WORD, "size": COUNT, "diff": Tree()}),
    "kho_facts": Record({"ansible_facts": Record({"kho": RUNNING}, needed=("kho",))}, needed=("ansible_facts",)),
}
