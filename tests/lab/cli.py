# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab.

Every command ends with 0 when it did what it says, with 1 when it could not (and says why), with 2 when it was called
wrongly.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lab import events, image, kernels, report, run
from lab.clean import remove_cache, remove_ended_runs
from lab.console import plain_text
from lab.errors import LabError
from lab.image import KINDS
from lab.layout import GuestFolder, RunFolder, all_runs
from lab.monitor import power_cycle
from lab.owner import default_owner
from lab.ready import patience, wait_for_boot, wait_for_snapshot
from lab.state import read_state

DEFAULT_RUN = "default"
DEFAULT_GUESTS = {"guest1": "plain", "guest2": "initramfs"}
DEFAULT_KERNELS = ("old", "new")
_FOLLOW_EVERY = 0.5  # seconds
_BACK_WITHIN = 120.0  # seconds

Command = Callable[[argparse.Namespace], int]
if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    given = parser().parse_args(arguments)
    command: Command = given.command
    try:
        return command(given)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """Everything that the lab can be told."""
    top = argparse.ArgumentParser(
        prog="lab", description="QEMU guests with real KHO kernels, for the demo and the molecule scenarios."
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_up(_added(commands, "up", _up, "start a run and wait until every guest can be used; prints its inventory"))
    _add_run(_added(commands, "down", _down, "end a run"))
    status = _added(commands, "status", _status, "show runs and their guests")
    status.add_argument("--run", metavar="NAME", help="only this one")
    _add_json(status)
    _add_guest_commands(commands)
    one_or_all = _added(commands, "kernels", _kernels, "build kernels, or list what can be built")
    one_or_all.add_argument("name", nargs="*", help=f"one of {', '.join(kernels.KERNELS)}")
    one_or_all.add_argument("--copy-to", type=Path, metavar="FOLDER", help="copy their packages there, as NAME.deb")
    _add_json(one_or_all)
    build = _added(commands, "build", _build, "build all that guests need, so that `up` only has to start them")
    build.add_argument("kernel", nargs="*", default=DEFAULT_KERNELS, help="kernels to build, default %(default)s")
    build.add_argument(
        "--kind",
        action="append",
        choices=KINDS,
        help=f"a kind of guests; default: {', '.join(DEFAULT_GUESTS.values())}",
    )
    failed = _added(commands, "report", _report, "show all that is known of a run's guests: console, events, boots")
    failed.add_argument("--run", default=DEFAULT_RUN, metavar="NAME")
    clean = _added(commands, "clean", _clean, "remove what ended runs left")
    clean.add_argument("--cache", action="store_true", help="also everything that was built and downloaded")
    return top


def _added(commands: _Commands, name: str, command: Command, text: str) -> argparse.ArgumentParser:
    sub = commands.add_parser(name, help=text, description=text)
    sub.set_defaults(command=command)
    return sub


def _add_up(up: argparse.ArgumentParser) -> None:
    _add_run(up)
    up.add_argument(
        "--guest", action="append", type=guest_argument, metavar="NAME[:KIND[:KERNEL+KERNEL...]]",
        help=f"a guest, its kind ({', '.join(KINDS)}), and the kernels that are installed in it beside its own; "
        f"default {', '.join(map(':'.join, DEFAULT_GUESTS.items()))}",
    )  # fmt: skip
    up.add_argument(
        "--kernel", action="append", choices=list(kernels.KERNELS), metavar="NAME",
        help=f"a kernel that the guests' apt repository offers, default {', '.join(DEFAULT_KERNELS)}",
    )  # fmt: skip
    up.add_argument("--cold", action="store_true", help="switch the guests on; else they go on from snapshots")
    up.add_argument(
        "--owner-pid", type=int, metavar="PID",
        help="the process that the run belongs to and ends with; default $KHO_LAB_OWNER, else your shell",
    )  # fmt: skip
    up.add_argument(
        "--timeout", type=float, default=600.0, metavar="SECONDS", help="how long guests may boot, default %(default)s"
    )


def _add_guest_commands(commands: _Commands) -> None:
    ssh = _added(commands, "ssh", _ssh, "run a command in a guest, or a shell")
    console = _added(commands, "console", _console, "print what a guest wrote to its serial port, as plain text")
    history = _added(commands, "history", _history, "print a guest's boots, as seen from outside")
    recorded = _added(commands, "events", _events, "print QEMU's events of a guest")
    awaited = _added(commands, "await", _await, "wait until a guest can be used in one of its boots; prints its boots")
    reset = _added(commands, "reset", _reset, "reset a guest as its power switch would, or have it go back")
    reset.add_argument("--to-snapshot", action="store_true", help="as it was when the run was started; wait for it")
    for sub in (ssh, console, history, awaited, recorded, reset):
        _add_run(sub)
        sub.add_argument("guest", metavar="GUEST")
    ssh.add_argument("words", nargs="*", metavar="-- COMMAND")
    console.add_argument("--follow", action="store_true", help="go on until the run ends")
    awaited.add_argument("--boot", type=int, required=True, metavar="NUMBER", help="0 is the one that it started with")
    awaited.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="default %(default)s")
    for sub in (history, awaited, recorded):
        _add_json(sub)


def _add_run(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--run", default=DEFAULT_RUN, metavar="NAME", help="the run's name, default %(default)s")


def _add_json(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--json", action="store_true", help="for programs")


def guest_argument(text: str) -> tuple[str, str, tuple[str, ...]]:
    """NAME[:KIND[:KERNEL+...]] as its parts; the kind is `plain` when it is left out."""
    name, _colon, rest = text.partition(":")
    kind, _colon, installed = rest.partition(":")
    kind = kind or "plain"
    if kind not in KINDS:
        raise argparse.ArgumentTypeError(f"guest {name!r} has the kind {kind!r}, but the kinds are {', '.join(KINDS)}")
    names = tuple(filter(None, installed.split("+")))
    unknown = sorted(set(names) - set(kernels.KERNELS))
    if unknown:
        known = ", ".join(kernels.KERNELS)
        raise argparse.ArgumentTypeError(f"guest {name!r} wants {', '.join(unknown)}, but the kernels are {known}")
    return name, kind, names


def _up(given: argparse.Namespace) -> int:
    wanted = [(*guest, ()) for guest in DEFAULT_GUESTS.items()] if given.guest is None else given.guest
    guests = {name: kind for name, kind, _installed in wanted}
    if given.guest is not None and len(guests) != len(given.guest):
        raise LabError("two guests have the same name, and an inventory cannot hold both: rename one")
    owner = default_owner(os.environ) if given.owner_pid is None else given.owner_pid
    installed = {name: names for name, _kind, names in wanted if names}
    offered = given.kernel or DEFAULT_KERNELS
    cold = given.cold or run.is_cold(os.environ)
    print(run.up(run.Request(given.run, guests, offered, owner, given.timeout, installed, cold)))
    return 0


def _down(given: argparse.Namespace) -> int:
    run.down(given.run)
    return 0


def _status(given: argparse.Namespace) -> int:
    runs = all_runs() if given.run is None else [RunFolder.of(given.run)]
    if given.json:
        print(json.dumps([report.status(folder).as_dict() for folder in runs], indent=2))
        return 0
    for folder in runs:
        print("\n".join(report.status(folder).lines()))
    if not runs:
        print("no runs")
    return 0


def _guest(given: argparse.Namespace) -> GuestFolder:
    folder = RunFolder.of(given.run)
    names = read_state(folder.state).guests if folder.state.exists() else {}
    if given.guest not in names:
        raise LabError(f"run {given.run} has no guest {given.guest!r}; it has {', '.join(names) or 'none'}")
    return folder.guest(given.guest)


def _ssh(given: argparse.Namespace) -> int:
    _guest(given)
    folder = RunFolder.of(given.run)
    port = read_state(folder.state).guests[given.guest].ssh_port
    if port is None or not folder.is_held():
        raise LabError(f"guest {given.guest} of run {given.run} is not running: `lab status` says why")
    argv = run.access(folder).ssh(port, given.words)
    os.execvp(argv[0], argv)


def _console(given: argparse.Namespace) -> int:
    folder = RunFolder.of(given.run)
    with _guest(given).console.open("rb") as console:
        while True:
            # Asked before reading, so that the last words are read too.
            goes_on = given.follow and folder.is_held()
            print(plain_text(console.read()), end="", flush=True)
            if not goes_on:
                return 0
            time.sleep(_FOLLOW_EVERY)


def _history(given: argparse.Namespace) -> int:
    boots = report.boots_of(_guest(given))
    if given.json:
        print(json.dumps([boot.as_dict() for boot in boots], indent=2))
    else:
        print("\n".join(f"{number} {boot}" for number, boot in enumerate(boots)))
    return 0


def _await(given: argparse.Namespace) -> int:
    _guest(given)
    folder = RunFolder.of(given.run)
    with patience(given.timeout) as patient:
        wait_for_boot(folder, given.guest, given.boot, run.access(folder), patient)
    return _history(given)


def _events(given: argparse.Namespace) -> int:
    for event in events.read(_guest(given).events):
        print(event.line().rstrip() if given.json else report.event_line(event))
    return 0


def _reset(given: argparse.Namespace) -> int:
    guest = _guest(given)
    if not given.to_snapshot:
        power_cycle(guest.control_socket)
        return 0
    folder = RunFolder.of(given.run)
    with patience(_BACK_WITHIN) as patient:
        wait_for_snapshot(folder, given.guest, run.access(folder), patient)
    return 0


def _report(given: argparse.Namespace) -> int:
    report.tell_failure(RunFolder.of(given.run))
    return 0


def _build(given: argparse.Namespace) -> int:
    for made in image.ensure_all(given.kind or DEFAULT_GUESTS.values()).values():
        print(f"{made.kind:<12} {made.release:<20} {made.path}")
    return _kernels(argparse.Namespace(name=given.kernel, json=False, copy_to=None))


def _kernels(given: argparse.Namespace) -> int:
    if given.json:
        print(json.dumps([asdict(kernel) for kernel in kernels.ensure(given.name)], default=str))
        return 0
    if not given.name:
        for name, why in kernels.KERNELS.items():
            print(f"{name:<12} {why}")
        return 0
    for kernel in kernels.ensure(given.name):
        if given.copy_to is not None:
            given.copy_to.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kernel.deb, given.copy_to / f"{kernel.name}.deb")
        print(f"{kernel.name:<12} {kernel.release:<20} {kernel.deb}")
    return 0


def _clean(given: argparse.Namespace) -> int:
    remove_ended_runs()
    if given.cache:
        remove_cache()
    return 0
