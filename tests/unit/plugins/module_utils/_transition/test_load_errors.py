# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._host.port import Completed
from ansible_collections.kho.kexec.plugins.module_utils._transition.load_errors import load_failure

FAILED = "kexec_file_load failed: "


@pytest.mark.parametrize(
    ("rc", "stderr", "code", "says"),
    [
        (255, FAILED + "Cannot assign requested address\n", "scratch_too_small", "kho_scratch="),
        (255, FAILED + "Operation not permitted\n", "load_failed", "kexec_load_disabled"),
        (255, FAILED + "Device or resource busy\n", "load_failed", "Another kexec operation"),
        (255, FAILED + "Exec format error\n", "load_failed", "format of the image"),
        (255, FAILED + "Invalid argument\n", "load_failed", "command line"),
        (255, FAILED + "Cannot allocate memory\n", "load_failed", "not enough memory"),
        (255, FAILED + "Function not implemented\n", "load_failed", "CONFIG_KEXEC_FILE"),
        (253, "syscall kexec_file_load not available.\n", "load_failed", "CONFIG_KEXEC_FILE"),
        (255, FAILED + "No data available\n", "load_failed", "signature"),
        (255, FAILED + "Required key not available\n", "load_failed", "signature"),
        (255, FAILED + "Key was rejected by service\n", "load_failed", "signature"),
        (255, FAILED + "Accessing a corrupted shared library\n", "load_failed", "signature"),
        (255, FAILED + "Bad message\n", "load_failed", "signature"),
        (1, "Cannot open `/boot/x': No such file or directory\n", "load_failed", "kernel log"),
        (1, "", "load_failed", "said: nothing"),
        (-9, "", "load_failed", "exit code -9"),
        (255, "warning: Invalid argument\nkexec_file_load failed: Strange\n", "load_failed", "kernel log"),
    ],
)
def test_what_kexec_means(rc, stderr, code, says):
    error = load_failure(Completed(rc, "", stderr))
    assert error.code == code
    assert says in error.message
    assert f"exit code {rc} " in error.message
    assert " ".join(stderr.split()) in error.message


def test_what_it_says_is_bounded_and_printable():
    error = load_failure(Completed(255, "\x1b[31m" + "x" * 10000, ""))
    assert error.message.isprintable()
    assert len(error.message) < 800
