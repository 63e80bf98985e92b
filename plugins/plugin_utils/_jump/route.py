# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host's SSH port is reached: directly, or through something that only ssh itself can use.

``ssh -G`` (ssh(1)) prints the configuration that ssh would use for a host, after all files and options.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_ARGUMENT_OPTIONS = ("ssh_args", "ssh_common_args", "ssh_extra_args")
_TIMEOUT = 10.0
_PLACE = re.compile(r"(?:\[(?P<address>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]+))?")


@dataclass(frozen=True)
class Route:
    """Where the port is. ``detour`` says why it cannot be asked directly, and is None when it can.

    ``jump`` are the jump hosts on the way, as ``ssh -J`` takes them; empty where ssh is configured with none.
    """

    host: str
    port: int
    detour: str | None = None
    jump: str = ""


def configuration_argv(option: Callable[[str], Any], host: str) -> list[str]:
    """Return the argv of ``ssh -G`` for ``host``, with what the connection's options add to ssh's own files.

    ``option`` gives the value of one option of Ansible's ssh connection plugin.
    """
    argv = [str(option("ssh_executable") or "ssh"), "-G"]
    for name in _ARGUMENT_OPTIONS:
        argv += shlex.split(str(option(name) or ""))
    if option("port") is not None:
        argv += ["-o", f"Port={option('port')}"]
    if option("remote_user"):
        argv += ["-o", f"User={option('remote_user')}"]
    return [*argv, host]


def parse_route(configuration: str, host: str) -> Route:
    """Return the route that the output of ``ssh -G`` describes for ``host``."""
    settings = dict(line.split(" ", 1) for line in configuration.splitlines() if " " in line)
    port = settings.get("port", "22")
    route = Route(settings.get("hostname", host), int(port) if port.isdigit() else 22)
    for keyword, name in (("proxyjump", "ProxyJump"), ("proxycommand", "ProxyCommand")):
        value = settings.get(keyword, "none")
        if value.lower() != "none":
            jump = value if keyword == "proxyjump" else ""
            return Route(route.host, route.port, f"ssh is configured with {name} for this host", jump)
    return route


def through_argv(option: Callable[[str], Any], route: Route) -> list[str]:
    """Return the argv that joins its input and output to the route's port through its jump hosts.

    It is what ssh itself runs for ProxyJump, which hands on the configuration file only. It asks for no password, and
    is a login of its own: who shares one cannot take an attempt to connect back.
    """
    others, dummy, last = route.jump.rpartition(",")
    argv = [str(option("ssh_executable") or "ssh"), *_configuration_file(option), *(["-J", others] if others else [])]
    argv += ["-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ControlPath=none"]
    return [*argv, "-W", f"[{route.host}]:{route.port}", *_destination(last)]


def _destination(jump: str) -> list[str]:
    """Return the options and the name for one jump host as ``ssh -G`` prints it.

    It is no ssh:// URI: these know no IPv6 addresses, and read a percent sign in the user's name otherwise.
    """
    user, dummy, place = jump.rpartition("@")
    found = _PLACE.fullmatch(place)
    host, port = (found["address"] or found["name"], found["port"]) if found else (place, None)
    return [*(["-l", user] if user else []), *(["-p", port] if port else []), "--", host]


def _configuration_file(option: Callable[[str], Any]) -> list[str]:
    """Return the options that name ssh's configuration file; the last counts."""
    words = [word for name in _ARGUMENT_OPTIONS for word in shlex.split(str(option(name) or ""))]
    for at, word in reversed([*enumerate(words)]):
        if word.startswith("-F"):
            return ["-F", word[2:] or "".join(words[at + 1 : at + 2])]
    return []


def find_route(option: Callable[[str], Any], host: str) -> Route:
    """Ask ssh for the route to ``host``. Never raises: what cannot be found out is a detour."""
    try:
        argv = configuration_argv(option, host)
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return Route(host, 22, f"`ssh -G` did not work: {error}")
    if done.returncode != 0:
        return Route(host, 22, f"`ssh -G` did not work: it ended with {done.returncode}")
    return parse_route(done.stdout, host)
