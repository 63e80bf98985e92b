# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

from ansible_collections.kho.kexec.plugins.module_utils._host import words

WORDS = {name: value for name, value in vars(words).items() if name.isupper() and isinstance(value, str)}


def test_no_word_means_two_things():
    assert len(set(WORDS.values())) == len(WORDS)


def test_words_are_what_programs_can_keep():
    assert [word for word in (*WORDS.values(), *words.TROUBLE_CODES) if not re.fullmatch("[a-z_]+", word)] == []


def test_codes_of_troubles_are_sorted_and_different():
    assert list(words.TROUBLE_CODES) == sorted(set(words.TROUBLE_CODES))
