# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.fleet_lock: knows Ansible and HTTP, and leaves the protocol to plugin_utils/_waves/fleet_lock.py."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

from ansible.module_utils.urls import ConnectionError as UrlsConnectionError
from ansible.module_utils.urls import open_url

from ansible_collections.kho.kexec.plugins.module_utils._options.controller import FLEET_LOCK
from ansible_collections.kho.kexec.plugins.plugin_utils._common.controller_action import ControllerAction
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline, MonotonicClock
from ansible_collections.kho.kexec.plugins.plugin_utils._common.display import say
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.fleet_lock import (
    ANSWER_LIMIT,
    HEADERS,
    Answer,
    FleetLock,
    FleetLockError,
)

ANSWER_WITHIN = 10
"""Seconds that one answer may take, from the first name that is resolved to its last byte."""
AT_LEAST = 1
"""Seconds that it gets when the time of all answers is over: slots that were taken are given back then."""


class ActionModule(ControllerAction):
    # Its task says whether it runs once.
    BYPASS_HOST_LOOP = False
    SPEC = FLEET_LOCK

    def _done(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        del task_vars
        if options["holders"] and not self._task.check_mode:
            self._do(options)
        return {"changed": bool(options["holders"]), "holders": options["holders"]}

    def _do(self, options: Mapping[str, Any]) -> None:
        deadline = Deadline(MonotonicClock(), options["timeout"])
        server = HttpServer(options["url"], options["validate_certs"], options["ca_path"], deadline)
        slots = FleetLock(server, options["group"], deadline, max(1, options["interval"]), tell)
        if options["state"] == "locked":
            slots.lock(options["holders"])
        else:
            slots.unlock(options["holders"])


def tell(text: str) -> None:
    """Show a line while slots are waited for."""
    say(f"fleet_lock: {text}")


class HttpServer:
    """A FleetLock server at a base URL."""

    def __init__(self, url: str, validate_certs: bool, ca_path: str | None, deadline: Deadline) -> None:
        """Raises FleetLockError ``fleet_lock_url_invalid``."""
        self._secrets = secrets_of(url)
        self._url = url.rstrip("/")
        self._deadline = deadline
        self._validate_certs = validate_certs
        self._ca_path = ca_path

    def post(self, path: str, body: bytes) -> Answer:
        """Post to ``path`` below the base URL. Ends in time, also when the answer comes byte by byte."""
        within = min(ANSWER_WITHIN, max(AT_LEAST, self._deadline.remaining()))
        answers: list[Answer] = []
        # A time limit of sockets is one of each read; this thread is left behind when all of it takes too long.
        asking = threading.Thread(target=lambda: answers.append(self._post(path, body, within)), daemon=True)
        asking.start()
        asking.join(within)
        return answers[0] if answers else Answer(None, f"no complete answer within {within:.0f} s")

    def _post(self, path: str, body: bytes, within: float) -> Answer:
        try:
            with open_url(
                f"{self._url}/{path}",
                data=body,
                headers=HEADERS,
                method="POST",
                timeout=within,
                validate_certs=self._validate_certs,
                ca_path=self._ca_path,
                follow_redirects="none",
            ) as answer:
                return Answer(answer.status, self._without_secrets(_text(answer.read(ANSWER_LIMIT))))
        except HTTPError as error:
            return self._refused(error)
        # OSError: also URLError, time-outs and certificates that do not fit.
        except (OSError, HTTPException, UrlsConnectionError, ValueError) as error:
            return Answer(None, self._without_secrets(str(error)))

    def _refused(self, error: HTTPError) -> Answer:
        try:
            return Answer(error.code, self._without_secrets(_text(error.read(ANSWER_LIMIT))))
        except (OSError, HTTPException) as lost:
            return Answer(None, self._without_secrets(str(lost)))

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def secrets_of(url: str) -> list[str]:
    """Return what of a URL must not be repeated, longest first. Raises FleetLockError ``fleet_lock_url_invalid``."""
    try:
        parts = urlsplit(url)
        # What follows the last colon of a password with a slash in it would be taken for a port, and be repeated.
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_usable = is_usable and "@" not in parts.path and parts.netloc.count("@") < 2
    except ValueError:
        is_usable = False
    if not is_usable:
        raise FleetLockError(
            "fleet_lock_url_invalid",
            "The URL of the FleetLock server must begin with http:// or https:// and name a host, and this one does "
            "not. It is not repeated here, since it may hold a password; characters such as / and @ in one are written "
            "%2F and %40. Nothing was asked. Give the base URL, without v1/pre-reboot.",
        )
    user, password = parts.username or "", parts.password or ""
    found = {parts.netloc.rpartition("@")[0], password, unquote(password), f"{user}:{password}" if password else ""}
    return sorted((secret for secret in found if secret), key=len, reverse=True)


def _text(answer: bytes) -> str:
    return answer.decode("utf-8", "replace")
