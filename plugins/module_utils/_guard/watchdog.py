# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hardware watchdog over a kexec: what the host has, and what it would reset.

systemd's KExecWatchdogUSec starts it before the last step of a kexec. Most drivers stop it again right after that, in
the kernel's reboot notifier (drivers/watchdog/watchdog_core.c), unless ``watchdog.stop_on_reboot=0`` was on the command
line of the kernel that is left.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._host.port import Host, HostError, line_of
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable, regex
from ansible_collections.kho.kexec.plugins.module_utils._kernel.arguments import last_value

# The one that systemd opens (systemd-system.conf(5), WatchdogDevice=). The attributes need CONFIG_WATCHDOG_SYSFS.
DEVICE = "/sys/class/watchdog/watchdog0"
STOP_ON_REBOOT = "/sys/module/watchdog/parameters/stop_on_reboot"
# drivers/watchdog/softdog.c: a timer of the kernel, which ends with it.
SOFTWARE, SOFTWARE_MODULE = "Software Watchdog", "/sys/module/softdog"
MANAGER = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
KEXEC_TIMEOUT, RUNTIME_TIMEOUT = "KExecWatchdogUSec", "RuntimeWatchdogUSec"
_BUS_TIMEOUT = 20.0
_NUMBER = regex(r"t ([0-9]{1,20})\s*")
# Documentation/admin-guide/kernel-parameters.txt
_LOCKUPS = ("softlockup_panic", "hung_task_panic")


class Watchdog(NamedTuple):
    """What the host has; None means unknown.

    ``keeps_counting`` tells whether the device goes on when the kernel is left, ``software`` whether it is no hardware
    at all. ``timeout`` is in seconds, ``kexec_usec`` and ``runtime_usec`` are systemd's settings in microseconds.
    """

    present: bool
    identity: str | None
    state: str | None
    timeout: int | None
    nowayout: bool | None
    software: bool | None
    keeps_counting: bool | None
    kexec_usec: int | None
    runtime_usec: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return it in the shape that the module returns."""
        return self._asdict()


def observe_watchdog(host: Host) -> Watchdog:
    """Read sysfs, and ask systemd over the bus. Nothing that is absent is an error."""
    present = host.exists(DEVICE)
    identity = line_of(host, DEVICE + "/identity")
    return Watchdog(
        present=present,
        identity=identity,
        state=line_of(host, DEVICE + "/state"),
        timeout=_number(line_of(host, DEVICE + "/timeout")),
        nowayout={"0": False, "1": True}.get(line_of(host, DEVICE + "/nowayout") or ""),
        software=_is_software(host, identity) if present else None,
        # -1 leaves it to the driver, and nothing tells what the driver does.
        keeps_counting={"0": True, "1": False}.get(line_of(host, STOP_ON_REBOOT) or "") if present else None,
        kexec_usec=_property(host, KEXEC_TIMEOUT),
        runtime_usec=_property(host, RUNTIME_TIMEOUT),
    )


def watchdog_problem(watchdog: Watchdog) -> Note | None:
    """Why the watchdog would not, or perhaps not, reset a target that hangs; None when it would."""
    if not watchdog.present or watchdog.software:
        found = "only a software watchdog, which ends with the kernel" if watchdog.software else f"no {DEVICE}"
        return Note(
            "watchdog_missing",
            f"There is no hardware watchdog: this host has {found}. A target that hangs before systemd runs stays so, "
            "until somebody resets the machine. Load the driver of the machine's watchdog, if it has one.",
        )
    if watchdog.kexec_usec is None:
        return unsettable("it does not tell KExecWatchdogUSec")
    if watchdog.software is None:
        return Note(
            "watchdog_kind_unknown",
            f"It is not known whether {DEVICE} is hardware: it does not say its name, and the driver softdog is "
            "loaded, whose watchdog ends with the kernel. Unload softdog (modprobe -r softdog).",
        )
    if watchdog.keeps_counting is not True:
        found = "the driver decides" if watchdog.keeps_counting is None else "it does"
        return Note(
            "watchdog_stops_on_reboot",
            f"The watchdog may stop when the kernel is left ({found}; {STOP_ON_REBOOT}). It is not known to reset a "
            "target that hangs before systemd runs. Put watchdog.stop_on_reboot=0 on the kernel command line; it "
            "counts from the boot after.",
        )
    return None


def is_worth_setting(watchdog: Watchdog) -> bool:
    """Whether it may keep counting over the kexec."""
    may_survive = watchdog.present and not watchdog.software and watchdog.keeps_counting is not False
    return may_survive and watchdog.kexec_usec is not None


def set_kexec_watchdog(host: Host, usec: int) -> Note | None:
    """Have systemd start the watchdog with this timeout before a kexec, until the next boot; 0: not at all.

    Returns what went wrong.
    """
    try:
        done = host.run(["busctl", "set-property", *MANAGER, KEXEC_TIMEOUT, "t", str(usec)], _BUS_TIMEOUT)
    except HostError as error:
        return unsettable(error.message)
    if done.rc != 0:
        return unsettable("busctl said: " + (printable(" ".join(done.stderr.split())) or "nothing"))
    return None


def unsettable(why: str) -> Note:
    """``watchdog_unsettable``."""
    return Note(
        "watchdog_unsettable",
        f"systemd cannot be told to keep the watchdog counting over a kexec: {why.rstrip('.')}. A target that hangs "
        "before systemd runs stays so. That needs systemd 245 or newer and busctl.",
    )


def phases(
    watchdog: Watchdog, set_seconds: int | None, command_line: str | None, confirm_timeout: int
) -> list[dict[str, Any]]:
    """What brings the old kernel back in each phase of the transition, given an armed guard.

    ``set_seconds`` is the watchdog's timeout over the kexec, None when it is not used. ``command_line`` is the
    target's, None while nothing is staged.
    """
    return [
        _jump(watchdog, set_seconds),
        _kernel(command_line),
        _confirmation(watchdog, confirm_timeout),
    ]


def _phase(name: str, covered: bool | None, by: list[str], why: str) -> dict[str, Any]:
    return {"phase": name, "covered": covered, "by": by, "why": why}


def _jump(watchdog: Watchdog, set_seconds: int | None) -> dict[str, Any]:
    """From the jump until the target's driver takes over the watchdog, and usually stops it."""
    problem = watchdog_problem(watchdog)
    if set_seconds is None:
        why = problem.message if problem else "The watchdog is not used."
        return _phase("jump", False, [], why)
    why = problem.message if problem else f"The machine is reset {set_seconds} s after the old kernel has ended."
    return _phase("jump", None if problem else True, ["watchdog"], why)


def _kernel(command_line: str | None) -> dict[str, Any]:
    """From there until systemd runs and opens the watchdog."""
    if command_line is None:
        return _phase("kernel", None, [], "Nothing is staged, so the target's command line is not known.")
    panic = _number(last_value(command_line, "panic"))
    lockups = [name for name in _LOCKUPS if _number(last_value(command_line, name))]
    if not panic:
        why = "A panic stops the target forever, unless it was built otherwise: there is no panic= on its command line."
        return _phase("kernel", False, [], why)
    missing = [name for name in _LOCKUPS if name not in lockups]
    why = f"A panic restarts the machine after {panic} s." if panic > 0 else "A panic restarts the machine."
    if missing:
        why += f" A hang is not a panic: there is no {'=1 or '.join(missing)}=1 on the target's command line."
    return _phase("kernel", not missing, ["panic", *lockups], why)


def _confirmation(watchdog: Watchdog, confirm_timeout: int) -> dict[str, Any]:
    """From there until the new kernel is confirmed."""
    why = f"The guard cold-boots the host {confirm_timeout} s after its kernel has started."
    if watchdog.runtime_usec and watchdog.present:
        why += f" The watchdog resets it when systemd is silent for {watchdog.runtime_usec / 1e6:g} s."
        return _phase("confirmation", True, ["guard", "watchdog"], why)
    why += " A kernel or systemd that hangs is not noticed: RuntimeWatchdogSec= is not set, or there is no watchdog."
    return _phase("confirmation", True, ["guard"], why)


def _is_software(host: Host, identity: str | None) -> bool | None:
    if identity is not None:
        return identity == SOFTWARE
    return None if host.exists(SOFTWARE_MODULE) else False


def _property(host: Host, name: str) -> int | None:
    try:
        done = host.run(["busctl", "get-property", *MANAGER, name], _BUS_TIMEOUT)
    except HostError:
        return None
    match = _NUMBER.fullmatch(done.stdout)
    return int(match.group(1)) if done.rc == 0 and match else None


def _number(text: str | None) -> int | None:
    match = re.fullmatch(r"-?[0-9]{1,9}", text or "")
    return int(match.group()) if match else None
