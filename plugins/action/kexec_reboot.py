# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of kho.kexec.kexec_reboot: knows Ansible, and leaves the jump to plugin_utils/_jump/jump.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from datetime import datetime, timezone
from typing import Any

from ansible import constants
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError, Refusal, failed_with
from ansible_collections.kho.kexec.plugins.module_utils._host.text import printable
from ansible_collections.kho.kexec.plugins.module_utils._options.health import require_health_options
from ansible_collections.kho.kexec.plugins.module_utils._options.jump import jump_spec, shutdown_problem
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline, MonotonicClock
from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import say
from ansible_collections.kho.kexec.plugins.plugin_utils._common.understood import understood
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.banner import BannerProbe
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.departure import Departure, DepartureError, departure_from
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.jump import Jump, View
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.module_action import (
    Listening,
    facts_of_interpreter,
    taking_over,
)
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.reach import require_ssh
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.route import find_route, through_argv
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.session import Session, reason_of
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.through import ThroughProbe
from ansible_collections.kho.kexec.plugins.plugin_utils._jump.wait_many import kept_looks, looks_directory
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.window import WindowError, require_open

LEFT_INVALID = (
    "`left` is not what a task with `wait: false` returned under that name: {}. So it is not known which boot was to "
    "be left. Pass it unchanged, or leave it out: the host knows whether it was told to leave."
)
CONTROLLERS_OWN = ("wait", "left")
NOT_NEGATIVE = (
    *("rollback_timeout", "guard_timeout", "busy_timeout"),
    *("health_command_timeout", "health_soak", "claim_timeout"),
)


class ActionModule(Listening):
    TRANSFERS_FILES = False
    _requires_connection = True
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(jump_spec())
        refusal = refuse(self._connection.transport, options) or refuse_checks(options)
        if refusal is not None:
            return {**result, **refusal}
        if self._task.check_mode:
            return {**result, **foretell(options["timeout"]), **({} if options["wait"] else {"left": {}})}
        outcome = self._done(options, task_vars or {})
        facts = facts_of_interpreter(self)
        return {**result, **outcome, **({"ansible_facts": facts} if facts else {})}

    def _done(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        try:
            if options["left"]:
                return self._follow(options, departure_from(options["left"]), task_vars)
            require_open(options["window"], datetime.now(timezone.utc))
            return self._jump(options, task_vars)
        except WindowError as error:
            return refused(error.code, error.message)
        except DepartureError as error:
            return refused("left_invalid", LEFT_INVALID.format(printable(str(error), 300)))
        except AnsibleConnectionFailure as failure:
            # Ansible would call the host unreachable, and a rollout goes on over unreachable hosts.
            message = f"The host was lost: {reason_of(failure)}"
            return {**failed_with("unreachable", message), "rebooted": None, "verdict": None}

    def _jump(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        probe, detour = choose_route(self._connection.get_option, self._address())
        action = _Action(self, task_vars)
        jump = self._prepared(action, Deadline(MonotonicClock(), options["timeout"]), view_of(probe, detour, options))
        with closing(probe) if isinstance(probe, ThroughProbe) else nullcontext():
            return jump.run() if options["wait"] else with_files(jump.set_out(), action)

    def _follow(self, options: Mapping[str, Any], left: Departure, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Go on where an earlier task has told the host to leave."""
        probe = probe_again(self._connection.get_option, self._address(), left)
        deadline = Deadline(MonotonicClock(), options["timeout"], started=left.at)
        seen = kept_looks(looks_directory(constants.DEFAULT_LOCAL_TMP), str(task_vars.get("inventory_hostname")))
        action = _Action(self, task_vars, left.remote_files)
        jump = self._prepared(action, deadline, view_of(probe, left.detour, options))
        with closing(probe) if isinstance(probe, ThroughProbe) else nullcontext():
            return with_files(jump.follow(left, seen, options["wait"]), action)

    def _address(self) -> str:
        return str(self._connection.get_option("host") or self._play_context.remote_addr)

    def _prepared(self, action: _Action, deadline: Deadline, view: View) -> Jump:
        name = printable(str(action.task_vars.get("inventory_hostname", self._play_context.remote_addr)))
        arguments = {key: value for key, value in self._task.args.items() if key not in CONTROLLERS_OWN}
        session = Session(self._connection, action, arguments)
        return Jump(session, deadline, view, lambda text: say(f"{name}: {text}"))


class _Action:
    """Gives the session those parts of an action plugin that it may use."""

    def __init__(self, plugin: Any, task_vars: dict[str, Any], set_aside: Sequence[str] = ()) -> None:
        """``set_aside`` are directories on the host that an earlier task has left there."""
        self._plugin = plugin
        self.task_vars = task_vars
        self.set_aside = [*set_aside]

    def run_command(self, command: str) -> Mapping[str, Any]:
        # sudoable=False: no terminal, into which messages to all users would be written.
        result: Mapping[str, Any] = self._plugin._low_level_execute_command(command, sudoable=False)
        return result

    def run_module(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        def execute(asks: dict[str, Any]) -> dict[str, Any]:
            arguments_now = {**arguments, "run_identity": asks}
            answer = self._plugin.ask(name, self.task_vars, module_args=arguments_now)
            return understood(name.rsplit(".", 1)[-1], answer)

        return taking_over(execute)

    def set_remote_files_aside(self) -> None:
        shell = self._plugin._connection._shell
        if shell.tmpdir is not None:
            self.set_aside.append(shell.tmpdir)
        # Ansible itself would remove it after the task, over a connection that nothing keeps from hanging any more.
        shell.tmpdir = None

    def remove_remote_files(self) -> None:
        for directory in self.set_aside:
            self._plugin._remove_tmp_path(directory)
        self.set_aside.clear()


def with_files(result: dict[str, Any], action: _Action) -> dict[str, Any]:
    """Return a result that has the directories on the host that are to be removed by who goes on."""
    if "left" in result:
        result["left"]["remote_files"] = action.set_aside
    return result


def refuse(transport: str, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return why the jump cannot be done over this connection with these options, or None when it can."""
    negative = [name for name in NOT_NEGATIVE if options[name] < 0]
    negative += ["shutdown_timeout"] if options["shutdown_timeout"] < -1 else []
    shutdown = shutdown_problem(options["timeout"], options["shutdown_timeout"])
    if options["phase"] is not None or options["run_identity"] is not None:
        code = "phase_set"
        message = (
            "A task cannot set `phase` and `run_identity`, and this one does: half a jump proves nothing, and the"
            " controller knows who asks. Leave them out; after a lost run, the same task goes on where that one ended."
        )
    elif options["timeout"] < 1 or negative:
        code = "timeout_invalid"
        message = (
            f"`timeout` must be at least 1 second, and is {options['timeout']}; the other times cannot be negative, and"
            f" these are: {', '.join(negative) or 'none'}. There would be no time for a verdict."
        )
    elif shutdown is not None:
        code, message = "timeout_invalid", f"`shutdown_timeout` does not go with `timeout`: {shutdown}. Correct them."
    else:
        return refuse_connection(transport)
    return refused(code, message)


def refuse_connection(transport: str) -> dict[str, Any] | None:
    """Return why no host can be left over this connection, or None."""
    try:
        require_ssh(transport)
    except KhoError as error:
        return refused(error.code, error.message)
    return None


def refuse_checks(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return why the health cannot be judged with these options, or None; after the jump it would be too late."""
    try:
        if options["health"]:
            require_health_options(options)
    except Refusal as refusal:
        return refused(refusal.code, refusal.message)
    return None


def refused(code: str, message: str) -> dict[str, Any]:
    """Return the result of a jump that is not done."""
    return {"changed": False, "rebooted": False, "verdict": None, **failed_with(code, message)}


def foretell(timeout: int) -> dict[str, Any]:
    """Return what check mode says; the host is not asked."""
    message = (
        "Would leave the running kernel for the one that is loaded, if one is, and wait at most"
        f" {timeout} s for its verdict."
    )
    return {"changed": True, "rebooted": False, "verdict": None, "msg": message}


def choose_route(option: Callable[[str], Any], host: str) -> tuple[BannerProbe | ThroughProbe | None, str | None]:
    """Return how to ask the host's port, tried once while the host is up, and why that is not done directly, if so.

    Without a way to ask it, SSH itself must be used.
    """
    route = find_route(option, host)
    if route.detour is not None:
        through = ThroughProbe(through_argv(option, route)) if route.jump else None
        return through if through is not None and through.calibrate() else None, route.detour
    probe = BannerProbe(route.host, route.port)
    if probe.calibrate():
        return probe, None
    return None, f"no SSH server answered directly at port {route.port} before the jump"


def probe_again(option: Callable[[str], Any], host: str, left: Departure) -> BannerProbe | ThroughProbe | None:
    """Return how to ask the port of a host that has left, as `choose_route` found it."""
    if left.port is not None:
        return BannerProbe.of(left.port)
    route = find_route(option, host) if left.through else None
    return ThroughProbe(through_argv(option, route)) if route is not None and route.jump else None


def view_of(probe: BannerProbe | ThroughProbe | None, detour: str | None, options: Mapping[str, Any]) -> View:
    """Return how the host is seen by this probe, with the times of the task."""
    return View(
        probe,
        detour,
        options["rollback_timeout"],
        probe.port if isinstance(probe, BannerProbe) else None,
        options["guard_timeout"],
        options["busy_timeout"],
        through=isinstance(probe, ThroughProbe),
    )
