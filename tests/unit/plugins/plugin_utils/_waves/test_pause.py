# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pause file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kho.kexec.plugins.plugin_utils._waves import pause


def test_pause_file_that_cannot_be_looked_for_is_a_reason_to_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr(pause.os, "lstat", denied)
        reason = pause.reason_to_pause("/srv/rollout/pause")
    assert reason == "The pause file /srv/rollout/pause cannot be looked for (Permission denied)"


@pytest.mark.parametrize("path", ["absent", "file/below"])
def test_file_that_is_not_there_is_no_reason_to_pause(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    assert pause.reason_to_pause(str(tmp_path / path)) is None


def test_file_is_a_reason_to_pause(tmp_path: Path) -> None:
    (tmp_path / "pause").touch()
    assert pause.reason_to_pause(str(tmp_path / "pause")) == f"The pause file {tmp_path}/pause is there"
