# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file on the controller that keeps waves from beginning while it is there."""

from __future__ import annotations

import os


def reason_to_pause(path: str) -> str | None:
    """Return how the file is in the way: it is there, or that cannot be known; None when it is not there."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return f"The pause file {path} cannot be looked for ({error.strerror})"
    return f"The pause file {path} is there"
