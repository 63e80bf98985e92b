# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.kho.kexec.plugins.module_utils._history.crash_functions import is_machinery
from ansible_collections.kho.kexec.plugins.module_utils._history.crash_machinery import ENTRIES, MACHINERY, NEWS


@pytest.mark.parametrize("listed", [MACHINERY, NEWS, ENTRIES])
def test_every_name_is_one_of_c_or_a_beginning_and_stands_once(listed):
    names = [one for text in listed.values() for one in text.split()]
    assert all(one.replace("*", "x").isidentifier() and one.strip("*") for one in names)
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("listed", [MACHINERY, NEWS, ENTRIES])
def test_every_name_stands_with_its_source(listed):
    assert all("/" in source or " " in source for source in listed)


def test_what_a_driver_calls_its_panic_is_not_the_kernels():
    assert is_machinery("panic_smp_self_stop")
    assert not is_machinery("panic_in_hardirq")
