# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kho.kexec.fleet_lock: knows Ansible and HTTP, and leaves the protocol to plugin_utils/_waves/fleet_lock.py."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from ansible.module_utils.urls import ConnectionError as UrlsConnectionError
from ansible.module_utils.urls import open_url
from ansible.plugins.action import ActionBase

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import failed_with
from ansible_collections.kho.kexec.plugins.module_utils._options.controller import FLEET_LOCK
from ansible_collections.kho.kexec.plugins.plugin_utils._common.deadline import Deadline, MonotonicClock
from ansible_collections.kho.kexec.plugins.plugin_utils._waves.fleet_lock import (
    ANSWER_LIMIT,
    HEADERS,
    Answer,
    FleetLock,
    FleetLockError,
)

ANSWER_WITHIN = 10
"""Seconds that one answer may take."""


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(FLEET_LOCK)
        told = {"changed": bool(options["holders"]), "holders": options["holders"]}
        if self._task.check_mode or not options["holders"]:
            return {**result, **told}
        try:
            self._do(options)
        except FleetLockError as error:
            return {**result, "changed": False, **failed_with(error.code, error.message)}
        return {**result, **told}

    def _do(self, options: Mapping[str, Any]) -> None:
        server = HttpServer(options["url"], options["validate_certs"], options["ca_path"])
        deadline = Deadline(MonotonicClock(), options["timeout"])
        slots = FleetLock(server, options["group"], deadline, max(1, options["interval"]), self._say)
        if options["state"] == "locked":
            slots.lock(options["holders"])
        else:
            slots.unlock(options["holders"])

    def _say(self, text: str) -> None:
        self._display.display(f"fleet_lock: {text}")


class HttpServer:
    """A FleetLock server at a base URL."""

    def __init__(self, url: str, validate_certs: bool, ca_path: str | None) -> None:
        """Raises FleetLockError ``fleet_lock_url_invalid``."""
        try:
            parts = urlsplit(url)
            is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            is_usable = False
        if not is_usable:
            raise FleetLockError(
                "fleet_lock_url_invalid",
                "The URL of the FleetLock server must begin with http:// or https:// and name a host, and this one "
                "does not. Nothing was asked. Give the base URL, without v1/pre-reboot.",
            )
        self._url = url.rstrip("/")
        self._validate_certs = validate_certs
        self._ca_path = ca_path

    def post(self, path: str, body: bytes) -> Answer:
        """Post to ``path`` below the base URL."""
        try:
            with open_url(
                f"{self._url}/{path}",
                data=body,
                headers=HEADERS,
                method="POST",
                timeout=ANSWER_WITHIN,
                validate_certs=self._validate_certs,
                ca_path=self._ca_path,
                follow_redirects="none",
            ) as answer:
                return Answer(answer.status, _text(answer.read(ANSWER_LIMIT)))
        except HTTPError as error:
            return Answer(error.code, _text(error.read(ANSWER_LIMIT)))
        # OSError: also URLError, time-outs and certificates that do not fit.
        except (OSError, HTTPException, UrlsConnectionError) as error:
            return Answer(None, str(error))


def _text(answer: bytes) -> str:
    return answer.decode("utf-8", "replace")
