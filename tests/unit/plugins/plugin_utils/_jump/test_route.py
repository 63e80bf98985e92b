# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._jump.route import (
    Route,
    configuration_argv,
    find_route,
    parse_route,
    through_argv,
)

OPTIONS: dict[str, Any] = {
    "ssh_executable": "ssh",
    "ssh_args": "-C -o ControlMaster=auto",
    "ssh_common_args": "-o 'ProxyCommand=ssh -W %h:%p gate'",
    "ssh_extra_args": None,
    "port": 2222,
    "remote_user": "operator",
}

THROUGH = [
    *("-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ControlPath=none"),
    *("-W", "[10.0.0.1]:2022"),
]


def test_argv_is_made_of_the_options_of_the_connection() -> None:
    assert configuration_argv(OPTIONS.get, "web1") == [
        *("ssh", "-G", "-C", "-o", "ControlMaster=auto", "-o", "ProxyCommand=ssh -W %h:%p gate"),
        *("-o", "Port=2222", "-o", "User=operator", "web1"),
    ]


@pytest.mark.parametrize(
    ("configuration", "route"),
    [
        ("hostname 10.0.0.1\nport 2022\n", Route("10.0.0.1", 2022)),
        ("hostname a\nport 22\nproxyjump none\nproxycommand none\n", Route("a", 22)),
        ("hostname a\nproxyjump gate\n", Route("a", 22, "ssh is configured with ProxyJump for this host", "gate")),
        ("hostname a\nproxycommand nc %h %p\n", Route("a", 22, "ssh is configured with ProxyCommand for this host")),
        ("", Route("web1", 22)),
        ("port none\n", Route("web1", 22)),
    ],
)
def test_route_is_read_from_the_configuration(configuration: str, route: Route) -> None:
    assert parse_route(configuration, "web1") == route


def options_with(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """Return options that keep the tester's own ssh configuration out."""
    (tmp_path / "config").touch()
    return {**OPTIONS, "ssh_common_args": f"-F {tmp_path}/config", **changes}


def test_real_ssh_finds_a_jump_host_in_the_arguments(tmp_path: Path) -> None:
    route = find_route(options_with(tmp_path, ssh_extra_args="-J gate").get, "web1")
    assert route == Route("web1", 2222, "ssh is configured with ProxyJump for this host", "gate")


def test_real_ssh_resolves_an_alias_of_the_configuration(tmp_path: Path) -> None:
    options = options_with(tmp_path)
    (tmp_path / "config").write_text("Host web1\n  HostName 192.0.2.1\n")
    assert find_route(options.get, "web1") == Route("192.0.2.1", 2222)


@pytest.mark.parametrize(
    "changes", [{"ssh_executable": "/nonexistent/ssh"}, {"ssh_args": "'"}, {"ssh_args": "-o Nonsense=1"}]
)
def test_what_cannot_be_found_out_is_a_detour(tmp_path: Path, changes: dict[str, Any]) -> None:
    route = find_route(options_with(tmp_path, **changes).get, "web1")
    assert route.detour is not None
    assert "did not work" in route.detour


@pytest.mark.parametrize(
    ("jump", "given", "argv"),
    [
        ("gate", {}, ["-F", "/config", *THROUGH, "--", "gate"]),
        ("gate", {"ssh_common_args": "-C", "ssh_extra_args": "-F/other"}, ["-F", "/other", *THROUGH, "--", "gate"]),
        ("gate", {"ssh_common_args": None}, [*THROUGH, "--", "gate"]),
        (
            "a@outer,b@[10.0.0.9]:2200",
            {"ssh_common_args": None},
            ["-J", "a@outer", *THROUGH, "-l", "b", "-p", "2200", "--", "10.0.0.9"],
        ),
        (
            "me@example.com@[2001:db8::1]",
            {"ssh_common_args": None},
            [*THROUGH, "-l", "me@example.com", "--", "2001:db8::1"],
        ),
        ("gate:22", {"ssh_common_args": None}, [*THROUGH, "-p", "22", "--", "gate"]),
    ],
)
def test_port_is_joined_through_the_jump_hosts(jump: str, given: dict[str, Any], argv: list[str]) -> None:
    options = {**OPTIONS, "ssh_common_args": "-F /config", **given}
    assert through_argv(options.get, Route("10.0.0.1", 2022, "a reason", jump)) == ["ssh", *argv]


def test_real_ssh_goes_to_the_jump_host_that_it_would_go_to_itself(tmp_path: Path) -> None:
    options = options_with(tmp_path, ssh_extra_args="-J root@127.0.0.1:2222")
    argv = through_argv(options.get, find_route(options.get, "web1"))
    done = subprocess.run([argv[0], "-G", *argv[1:]], capture_output=True, text=True, check=True)
    assert {"user root", "hostname 127.0.0.1", "port 2222"} <= set(done.stdout.splitlines())
